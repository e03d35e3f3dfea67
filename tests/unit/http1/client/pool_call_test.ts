// What a call tells a listener: of an answer in the event that brings it, of a failure never within the call that causes it.
import assert from "node:assert/strict";
import type { CallListener, ClientResponse } from "../../../../lib/http1/types.ts";
import { RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { answer, get, poolBefore, textOfBody } from "./pool_support.ts";

class Listener implements CallListener<ClientResponse> {
  readonly answers: ClientResponse[] = [];
  readonly failures: unknown[] = [];

  onAnswer(response: ClientResponse): void {
    this.answers.push(response);
  }

  onFailure(error: unknown): void {
    this.failures.push(error);
  }

  get told(): number {
    return this.answers.length + this.failures.length;
  }
}

Deno.test("a call tells its listener of the answer, once, and whoever asks for a promise too", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get("/"));
  const listener = new Listener();
  call.tell!(listener);
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("here"));
  await until(() => listener.told > 0, "the listener to be told");
  const [response] = listener.answers;
  assert.equal(await call.response, response);
  assert.equal(await textOfBody(response!.body), "here");
  response!.release();
  assert.equal(listener.told, 1);
});

Deno.test("whoever aborts a call hears of its failure when he has come to an end", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get("/"));
  const listener = new Listener();
  call.tell!(listener);
  const peer = await test.upstream.next();
  await peer.takeMessage();
  call.abort();
  assert.equal(listener.told, 0);
  await until(() => listener.told > 0, "the listener to be told");
  assert.equal((listener.failures[0] as { code: string }).code, "aborted");
  await assert.rejects(call.response, { code: "aborted" });
  assert.equal(listener.told, 1);
});

Deno.test("a listener of a call that has failed already is told later, too", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  test.pool.close();
  const call = test.pool.send(get("/"));
  const listener = new Listener();
  call.tell!(listener);
  assert.equal(listener.told, 0);
  await until(() => listener.told > 0, "the listener to be told");
  assert.equal(listener.failures.length, 1);
});
