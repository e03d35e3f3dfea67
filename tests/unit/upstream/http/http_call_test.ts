// lib/upstream/http/http_call.ts: what becomes of a call that is given up (M1), or goes on elsewhere (P6).
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import type { ClientResponse } from "../../../../lib/http1/types.ts";
import { type Examine, HttpCall } from "../../../../lib/upstream/http/http_call.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { RawUpstream } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { within } from "../../../support/until.ts";

const ANSWER = "HTTP/1.1 200 OK\r\nmcp-session-id: one\r\ncontent-length: 0\r\n\r\n";
const REQUEST = { method: "POST", target: "/mcp", fields: ["host", "a"] };

const asItIs: Examine = (_sent, response) => Promise.resolve(response);

async function scene(isHeard: boolean, examine = asItIs) {
  const upstream = new RawUpstream();
  const timers = new FakeTimers();
  const pool = new Pool({ transport: "tcp", hostname: "127.0.0.1", port: upstream.port });
  const hearing = isHeard ? { ms: 10_000, timers } : undefined;
  const sent = { ...REQUEST, upstreamSessionId: undefined };
  const call = new HttpCall(pool, sent, undefined, { examine, hearing });
  const peer = await upstream.next();
  await peer.takeMessage();
  return {
    pool,
    call,
    peer,
    timers,
    async [Symbol.asyncDispose]() {
      pool.close();
      await upstream.close();
    },
  };
}

Deno.test("M1: a call that is given up ends at once", STRICT, async () => {
  await using test = await scene(false);
  test.call.abort();
  await assert.rejects(within("its end", test.call.response), { code: "aborted" });
  assert.equal(await test.peer.takeToEnd(), "");
});

Deno.test("M1: one that is to be heard is answered all the same, and leaves no timer", STRICT, async () => {
  await using test = await scene(true);
  test.call.abort();
  test.call.abort();
  assert.equal(test.timers.pending, 1);
  await test.peer.send(ANSWER);
  const response = await within("its answer", test.call.response) as ClientResponse;
  assert.equal(response.head.status, 200);
  response.release();
  assert.equal(test.timers.pending, 0);
});

const BEGUN = "HTTP/1.1 200 OK\r\nmcp-session-id: one\r\ncontent-type: text/event-stream\r\n" +
  "transfer-encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n";

Deno.test(
  "M1: of one that is to be heard no body is, though it be given up before its head or behind it",
  STRICT,
  async () => {
    for (const when of ["before", "behind"]) {
      await using test = await scene(true);
      if (when === "before") test.call.abort();
      await test.peer.send(BEGUN);
      const response = await within("its head", test.call.response) as ClientResponse;
      if (when === "behind") test.call.abort();
      const all = async () => {
        while (await response.body.read() !== null);
      };
      await assert.rejects(within("its end", all()), { code: "aborted" });
      response.release();
      assert.equal(await within("the server hears of it", test.peer.takeToEnd()), "");
      assert.equal(test.timers.pending, 0);
    }
  },
);

Deno.test("M1: one that is to be heard and is not answered ends with its time", STRICT, async () => {
  await using test = await scene(true);
  test.call.abort();
  await test.timers.advance(9_999);
  assert.equal(test.timers.pending, 1);
  await test.timers.advance(1);
  await assert.rejects(within("its end", test.call.response), { code: "aborted" });
  assert.equal(test.timers.pending, 0);
});

/** An examiner that goes where it is sent. */
function follower(pool: () => Pool): Examine {
  return async (sent, response, call) => {
    response.release();
    return await call.instead(pool().send({ ...sent, target: "/there" }));
  };
}

const ELSEWHERE = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n";

Deno.test(
  "P6: what was sent in a call's place is what is cut with it, on the connection of before",
  STRICT,
  async () => {
    await using test = await scene(false, follower(() => test.pool));
    await test.peer.send(ELSEWHERE);
    assert.match((await test.peer.takeMessage()).head, /^POST \/there /);
    test.call.release();
    assert.equal(test.pool.stats.idle, 0, "the first has nothing any more to give back");
    test.call.abort();
    await assert.rejects(within("its end", test.call.response), { code: "aborted" });
    assert.equal(await test.peer.takeToEnd(), "");
  },
);

Deno.test("P6: the answer to what was sent in a call's place leaves a connection to others, once", STRICT, async () => {
  await using test = await scene(false, follower(() => test.pool));
  await test.peer.send(ELSEWHERE);
  await test.peer.takeMessage();
  await test.peer.send(ANSWER);
  const response = await within("its answer", test.call.response) as ClientResponse;
  assert.equal(response.head.status, 200);
  response.release();
  assert.equal(test.pool.stats.idle, 1);
  const next = test.pool.send(REQUEST);
  await test.peer.takeMessage();
  for (const late of [() => response.release(), () => test.call.release(), () => test.call.abort()]) late();
  await test.peer.send(ANSWER);
  const other = await within("another's answer", next.response);
  assert.equal(other.head.status, 200);
  other.release();
});
