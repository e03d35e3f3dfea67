// What a call tells a listener: of an answer in the event that brings it, of a failure never within the call that causes it.
import assert from "node:assert/strict";
import { PoolCall } from "../../../../lib/http1/client/pool_call.ts";
import { type CallListener, type ClientRequest, type ClientResponse, HttpError } from "../../../../lib/http1/types.ts";
import { RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until, within } from "../../../support/until.ts";
import { answer, get, poolBefore, poolThatKeepsOne, post, ScriptedSocket, textOfBody, warmUp } from "./pool_support.ts";

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

/** A call that keeps what it was judged by. */
class Judged extends PoolCall<ClientResponse> {
  readonly judgedBy: ClientRequest[] = [];

  protected override judge(sent: ClientRequest): ClientResponse {
    this.judgedBy.push(sent);
    return this;
  }
}

/** What a call holds of its request, which may be long while an answer may last for days. */
function heldBy({ request, requestHead, requestBody }: PoolCall): unknown {
  return [requestBody, request.fields, requestHead];
}

const NOTHING_HELD = [undefined, [], ""];

Deno.test("a call that is sent again is judged once, by its own request, and keeps nothing of it", STRICT, async () => {
  await using test = poolBefore(new RawUpstream(), {}, { mayRepeat: () => true });
  const peer = await warmUp(test);
  const request = post("twice");
  const call = new Judged(test.pool, request, request.body);
  test.pool.carry(call);
  await peer.takeMessage();
  assert.equal(call.head.status, 0);
  await peer.close();
  const second = await test.upstream.next();
  assert.equal((await second.takeMessage()).body, "twice");
  assert.deepEqual([call.head.status, call.judgedBy], [0, []], "nothing has answered yet");
  await second.send(answer("ok"));
  const response = await within("the answer", call.response);
  assert.equal(response, call);
  assert.deepEqual([call.judgedBy.length, call.judgedBy[0] === request], [1, true]);
  assert.deepEqual(heldBy(call), NOTHING_HELD);
  assert.equal(await textOfBody(response.body), "ok");
  response.release();
  response.release();
  call.abort();
  assert.equal(test.pool.stats.idle, 1);
});

Deno.test("a call that has failed keeps nothing of its request, be it sent or not", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const sent = new Judged(test.pool, post("sent"), post("sent").body);
  test.pool.carry(sent);
  const peer = await test.upstream.next();
  await peer.takeMessage();
  sent.abort();
  await assert.rejects(sent.response, { code: "aborted" });
  const waiting = new Judged(test.pool, post("waiting"), post("waiting").body);
  test.pool.carry(waiting);
  waiting.abort();
  await assert.rejects(waiting.response, { code: "aborted", unsent: true });
  assert.deepEqual([heldBy(sent), heldBy(waiting)], [NOTHING_HELD, NOTHING_HELD]);
  for (const call of [sent, waiting]) {
    call.release();
    assert.deepEqual(call.judgedBy, []);
  }
});

Deno.test("whatever a call fails with is a failure, and no answer", STRICT, async () => {
  const fault = new TypeError("no fault of HTTP's");
  await using test = poolBefore(new RawUpstream(), {}, { connect: () => Promise.reject(fault) });
  const call = test.pool.send(get("/"));
  const listener = new Listener();
  call.tell!(listener);
  await within("the failure", assert.rejects(call.response, fault));
  await until(() => listener.told > 0, "the listener to be told");
  assert.deepEqual([listener.answers, listener.failures], [[], [fault]]);
  const late = new Listener();
  call.tell!(late);
  await until(() => late.told > 0, "the late listener to be told");
  assert.deepEqual([late.answers, late.failures], [[], [fault]]);
});

/** One that hands out its promise while its answer is judged. */
class AskedEarly extends PoolCall<ClientResponse> {
  early: Promise<ClientResponse> | undefined;

  protected override judge(): ClientResponse {
    this.early = this.response;
    this.fail(new HttpError("aborted", "too late: the answer is here"));
    return this;
  }
}

Deno.test("who asks for a call's promise while its answer is judged gets what it is judged to be", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = new AskedEarly(test.pool, get("/"), undefined);
  test.pool.carry(call);
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("ok"));
  await until(() => call.early !== undefined, "the answer to be judged");
  assert.equal(await within("the early promise", call.early!), call);
  assert.equal(await within("the promise", call.response), call);
  call.release();
});
