// What a call tells a listener: of an answer in the event that brings it, of a failure never within the call that causes it.
import assert from "node:assert/strict";
import { type CallListener, type ClientResponse, HttpError } from "../../../../lib/http1/types.ts";
import { RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until, within } from "../../../support/until.ts";
import { answer, get, poolBefore, poolThatKeepsOne, post, ScriptedSocket, textOfBody } from "./pool_support.ts";

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

Deno.test(
  "an answer that is passed on before its request is known to have gone out keeps the connection",
  STRICT,
  async () => {
    await using test = await poolThatKeepsOne();
    const { sockets } = test;
    const call = test.pool.send(post("once"));
    const released = Promise.withResolvers<void>();
    call.tell!({
      onAnswer: (early) => {
        early.body.takeBuffered();
        early.release();
        released.resolve();
      },
      onFailure: released.reject,
    });
    // The promise of its write is settled in a later turn.
    sockets[0]!.deliver(answer("ok"));
    await released.promise;
    await until(() => test.pool.stats.idle === 1, "the connection to be free again");
    assert.deepEqual([test.opened(), test.pool.stats.open], [1, 1]);
  },
);

Deno.test(
  "a listener that fails, against its contract, ends no call that has the connection by then",
  STRICT,
  async () => {
    const socket = new ScriptedSocket();
    const connect = () => Promise.resolve(socket);
    await using test = poolBefore(new RawUpstream(), { maxConnections: 1 }, { connect });
    const call = test.pool.send(get("/first"));
    call.tell!({
      onAnswer: (response) => {
        response.body.takeBuffered();
        response.release();
        throw new HttpError("aborted", "a listener fails");
      },
      onFailure: () => assert.fail("it was answered"),
    });
    await until(() => socket.written.length === 1, "the first request");
    const next = test.pool.send(get("/second"));
    assert.throws(() => socket.deliver(answer("first")), { code: "aborted" });
    await until(() => socket.written.length === 2, "the second request");
    await Promise.resolve();
    socket.deliver(answer("second"));
    const response = await within("the second answer", next.response);
    assert.equal(await textOfBody(response.body), "second");
    response.release();
  },
);

Deno.test("an answer whose head is forgotten is read to its end, and its connection used again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get("/"));
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("here"));
  const response = await call.response;
  assert.equal(response.head.status, 200);
  response.forgetHead!();
  assert.deepEqual([response.head.status, response.head.fields], [0, []]);
  assert.equal(await textOfBody(response.body), "here");
  response.release();
  assert.equal(test.pool.stats.idle, 1);
});
