// What the pool does when connections die, time passes or calls are given up: nothing is sent twice that may have been
// processed, and no abort hits somebody else. RFC 9110 §9.2.2; RFC 9112 §9.3.1.
import assert from "node:assert/strict";
import type { ClientRequest } from "../../../../lib/http1/types.ts";
import { ownBytes } from "../../../../lib/http1/wire/streams/borrowed.ts";
import { RawUpstream, textOf, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import {
  answer,
  failure,
  get,
  poolBefore,
  poolThatKeepsOne,
  post,
  ScriptedSocket,
  textOfBody,
  warmUp,
} from "./pool_support.ts";

Deno.test("a connection that the upstream closes while idle is discarded at once", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const peer = await warmUp(test);
  await peer.close();
  await until(() => test.pool.stats.open === 0, "the pool to notice");
  const call = test.pool.send(post("x"));
  const fresh = await test.upstream.next();
  assert.equal((await fresh.takeMessage()).body, "x");
  await fresh.send(answer("ok"));
  (await call.response).release();
  assert.equal(test.pool.stats.retries, 0);
});

Deno.test("a POST whose connection dies without an answer is not sent again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const peer = await warmUp(test);
  const call = test.pool.send(post("once"));
  assert.equal((await peer.takeMessage()).body, "once");
  await peer.close();
  const error = await failure(call);
  assert.equal(error.code, "upstream_closed");
  assert.equal(error.unsent, false);
  assert.equal(test.upstream.accepted, 1);
});

Deno.test("a GET whose kept connection dies without an answer is sent once more, on a new one", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const peer = await warmUp(test);
  const call = test.pool.send(get("/again"));
  await peer.takeMessage();
  await peer.close();
  const second = await test.upstream.next();
  assert.match((await second.takeMessage()).head, /^GET \/again /);
  await second.close();
  assert.equal((await failure(call)).code, "upstream_closed");
  assert.equal(test.upstream.accepted, 2);
  assert.equal(test.pool.stats.retries, 1);
});

Deno.test(
  "a POST that its owner says may be sent twice is sent once more, as it was, and no other",
  STRICT,
  async () => {
    const asked: (string | undefined)[] = [];
    const mayRepeat = ({ body }: ClientRequest) => {
      asked.push(body && textOf(ownBytes(body)));
      return asked.at(-1) === "reads";
    };
    await using test = poolBefore(new RawUpstream(), {}, { mayRepeat });
    for (const [body, isRepeated] of [["reads", true], ["writes", false]] as const) {
      const peer = await warmUp(test);
      const call = test.pool.send(post(body));
      assert.equal((await peer.takeMessage()).body, body);
      assert.deepEqual(asked, isRepeated ? [] : ["reads"], "nobody is asked before it is needed");
      await peer.close();
      if (!isRepeated) {
        assert.equal((await failure(call)).code, "upstream_closed");
        continue;
      }
      const second = await test.upstream.next();
      assert.equal((await second.takeMessage()).body, body);
      await second.send(answer("ok"));
      const response = await call.response;
      assert.equal(await textOfBody(response.body), "ok");
      response.release();
      await second.close();
      await until(() => test.pool.stats.open === 0, "the pool to notice");
    }
    assert.deepEqual([asked, test.pool.stats.retries], [["reads", "writes"], 1]);
  },
);

Deno.test("a GET on a new connection that dies is not sent again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.close();
  assert.equal((await failure(call)).code, "upstream_closed");
  assert.equal(test.upstream.accepted, 1);
});

Deno.test("a GET with a byte of an answer is not sent again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const peer = await warmUp(test);
  const call = test.pool.send(get());
  await peer.takeMessage();
  await peer.send("H");
  await peer.close();
  assert.equal((await failure(call)).code, "upstream_closed");
  assert.equal(test.upstream.accepted, 1);
});

Deno.test("a POST whose first write fails was not sent, and goes out on a new connection", STRICT, async () => {
  await using test = await poolThatKeepsOne();
  const { sockets } = test;
  // A reset that has arrived but has not been read: the system refuses the write as a whole.
  sockets[0]!.broken = true;
  const call = test.pool.send(post("once"));
  await until(() => sockets[1]!.written.length === 1, "the second attempt");
  assert.match(sockets[1]!.written[0]!, /^POST .*\r\n\r\nonce$/s);
  sockets[1]!.deliver(answer("ok"));
  const response = await call.response;
  assert.equal(await textOfBody(response.body), "ok");
  response.release();
  assert.equal(sockets[0]!.written.length, 1);
  assert.deepEqual([test.opened(), test.pool.stats.retries], [2, 1]);
});

Deno.test(
  "a connection that has brought what nobody asked for carries no call, also before that is read",
  STRICT,
  async () => {
    await using test = await poolThatKeepsOne();
    const { sockets } = test;
    sockets[0]!.hasEarly = true;
    const call = test.pool.send(post("mine"));
    await until(() => sockets[1]!.written.length === 1, "the request on a new connection");
    sockets[1]!.deliver(answer("mine"));
    const response = await call.response;
    assert.equal(await textOfBody(response.body), "mine");
    response.release();
    assert.equal(sockets[0]!.written.length, 1);
  },
);

Deno.test(
  "a call that waits is not sent on a connection whose last answer may not be all that has come",
  STRICT,
  async () => {
    await using test = await poolThatKeepsOne({ maxConnections: 1 });
    const { sockets } = test;
    const first = test.pool.send(get("/first"));
    const second = test.pool.send(post("mine"));
    await until(() => sockets[0]!.written.length === 2, "the first of the two");
    sockets[0]!.hasEarly = true;
    sockets[0]!.deliver(answer("first"));
    const response = await first.response;
    assert.equal(await textOfBody(response.body), "first");
    response.release();
    await aMoment(20);
    assert.equal(sockets[0]!.written.length, 2);
    sockets[0]!.hasEarly = false;
    sockets[0]!.deliver(answer("nobody's"));
    await until(() => sockets[1]!.written.length === 1, "the request on a new connection");
    sockets[1]!.deliver(answer("mine"));
    const answered = await second.response;
    assert.equal(await textOfBody(answered.body), "mine");
    answered.release();
  },
);

Deno.test("a POST whose second write fails may have been processed, and is not sent again", STRICT, async () => {
  const sockets = [new ScriptedSocket(), new ScriptedSocket()];
  let connects = 0;
  await using test = poolBefore(new RawUpstream(), {}, { connect: () => Promise.resolve(sockets[connects++]!) });
  sockets[0]!.takes = 10;
  const call = test.pool.send(post("once"));
  await until(() => sockets[0]!.written.length === 1, "the first bytes");
  sockets[0]!.end();
  const error = await failure(call);
  assert.deepEqual([error.code, error.unsent], ["upstream_closed", false]);
  assert.equal(connects, 1);
});

Deno.test(
  "an upstream that dies in the middle of an answer fails the read: no answer looks complete",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream());
    for (const head of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
      const call = test.pool.send(get());
      const peer = await test.upstream.next();
      await peer.takeMessage();
      await peer.send(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nabcde`);
      const response = await call.response;
      assert.ok(await response.body.read());
      const reading = response.body.read();
      await peer.close();
      await assert.rejects(within("the read", reading), { code: "upstream_closed" });
      response.release();
    }
    assert.equal(test.pool.stats.open, 0);
  },
);

Deno.test(
  "a connection idle for too long is closed; Keep-Alive shortens that by a second's margin",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream(), { idleTimeoutMs: 5000 });
    const first = await warmUp(test);
    test.clock.advance(4999);
    const call = test.pool.send(get());
    await first.takeMessage();
    await first.send(answer("x", "Keep-Alive: timeout=3, max=100\r\n"));
    const response = await call.response;
    await textOfBody(response.body);
    response.release();
    test.clock.advance(1999);
    const again = test.pool.send(get());
    await first.takeMessage();
    await first.send(answer("x"));
    const second = await again.response;
    await textOfBody(second.body);
    second.release();
    test.clock.advance(2000);
    const late = test.pool.send(get());
    const fresh = await test.upstream.next();
    await fresh.takeMessage();
    await fresh.send(answer("x"));
    const third = await late.response;
    await textOfBody(third.body);
    third.release();
    assert.equal(await first.takeToEnd(), "");
  },
);

Deno.test("an idle connection is closed when its time is over, without a request", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const peer = await warmUp(test);
  test.clock.advance(80);
  assert.equal(await peer.takeToEnd(), "");
  assert.deepEqual([test.pool.stats.open, test.pool.stats.idle], [0, 0]);
});

Deno.test("a response that does not come in time is a timeout, and may have been processed", STRICT, async () => {
  await using test = poolBefore(new RawUpstream(), { responseTimeoutMs: 80 });
  const call = test.pool.send(post("slow"));
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send("HTTP/1.1 200 OK\r\n");
  test.clock.advance(80);
  const error = await failure(call);
  assert.equal(error.code, "upstream_timeout");
  assert.equal(error.unsent, false);
  await peer.takeToEnd();
});

Deno.test("a stream may be silent for ever, unless a limit is set", STRICT, async () => {
  for (const bodyTimeoutMs of [0, 80]) {
    await using test = poolBefore(new RawUpstream(), { responseTimeoutMs: 80, bodyTimeoutMs });
    const call = test.pool.send(get());
    const peer = await test.upstream.next();
    await peer.takeMessage();
    await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const response = await call.response;
    const reading = response.body.read();
    test.clock.advance(100_000);
    if (bodyTimeoutMs > 0) {
      await assert.rejects(within("the read", reading), { code: "upstream_timeout" });
    } else {
      await aMoment(25);
      await peer.send("5\r\nevent\r\n0\r\n\r\n");
      assert.equal(textOf((await within("the event", reading))!), "event");
    }
    response.release();
  }
});

Deno.test("abort closes the connection of its call, before and after the head", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const waiting = test.pool.send(get());
  const first = await test.upstream.next();
  await first.takeMessage();
  waiting.abort();
  await assert.rejects(waiting.response, { code: "aborted" });
  await first.takeToEnd();
  const streaming = test.pool.send(get());
  const second = await test.upstream.next();
  await second.takeMessage();
  await second.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const response = await streaming.response;
  const reading = response.body.read();
  streaming.abort();
  await assert.rejects(reading, { code: "aborted" });
  await second.takeToEnd();
  assert.equal(test.pool.stats.open, 0);
});

Deno.test("a call is owed an answer until its head is there, however long its body takes", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  assert.equal(test.lulls.owed, 1);
  await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const response = await call.response;
  assert.equal(test.lulls.owed, 0);
  response.release();
});

Deno.test("a late abort or release never touches a connection that serves somebody else", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const first = test.pool.send(get("/first"));
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("first"));
  const response = await first.response;
  await textOfBody(response.body);
  response.release();
  first.abort();
  assert.equal(test.pool.stats.idle, 1, "an idle connection survives");
  const second = test.pool.send(get("/second"));
  await peer.takeMessage();
  first.abort();
  response.release();
  await assert.rejects(response.body.read(), { code: "aborted" });
  await peer.send(answer("second"));
  const other = await second.response;
  first.abort();
  response.release();
  assert.equal(await textOfBody(other.body), "second");
  other.release();
  first.abort();
  assert.equal(test.pool.stats.idle, 1);
  assert.equal(test.upstream.accepted, 1);
});

Deno.test(
  "a response released before its end costs the connection, one that has arrived does not",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream());
    const small = test.pool.send(get());
    const peer = await test.upstream.next();
    await peer.takeMessage();
    await peer.send(answer("not wanted"));
    (await small.response).release();
    assert.equal(test.pool.stats.idle, 1);
    const big = test.pool.send(get());
    await peer.takeMessage();
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
    (await big.response).release();
    assert.equal(test.pool.stats.open, 0);
    await peer.takeToEnd();
  },
);

Deno.test(
  "calls beyond the connections wait their turn; beyond the queue or the time they fail unsent",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream(), { maxConnections: 1, maxWaiting: 2, waitTimeoutMs: 80 });
    const first = test.pool.send(get("/1"));
    const second = test.pool.send(get("/2"));
    const third = test.pool.send(get("/3"));
    const fourth = test.pool.send(get("/4"));
    const refused = await failure(fourth);
    assert.deepEqual([refused.code, refused.unsent], ["pool_exhausted", true]);
    const peer = await test.upstream.next();
    assert.match((await peer.takeMessage()).head, /\/1/);
    await peer.send(answer("1"));
    const one = await first.response;
    await textOfBody(one.body);
    assert.equal(test.pool.stats.waiting, 2);
    one.release();
    assert.match((await peer.takeMessage()).head, /\/2/);
    test.clock.advance(80);
    const late = await failure(third);
    assert.deepEqual([late.code, late.unsent], ["pool_exhausted", true]);
    await peer.send(answer("2"));
    (await second.response).release();
    assert.equal(test.upstream.accepted, 1);
  },
);

Deno.test("a call that waits can be aborted, and the next one gets its turn", STRICT, async () => {
  await using test = poolBefore(new RawUpstream(), { maxConnections: 1 });
  const first = test.pool.send(get("/1"));
  const second = test.pool.send(get("/2"));
  const third = test.pool.send(get("/3"));
  second.abort();
  assert.deepEqual([(await failure(second)).code, (await failure(second)).unsent], ["aborted", true]);
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.close();
  assert.equal((await failure(first)).code, "upstream_closed");
  const next = await test.upstream.next();
  assert.match((await next.takeMessage()).head, /\/3/);
  await next.send(answer("3"));
  (await third.response).release();
});

Deno.test("closing the pool ends everything under way and later calls", STRICT, async () => {
  await using test = poolBefore(new RawUpstream(), { maxConnections: 2 });
  const calls = [test.pool.send(get("/1")), test.pool.send(get("/2")), test.pool.send(get("/3"))];
  const peers = [await test.upstream.next(), await test.upstream.next()];
  for (const peer of peers) await peer.takeMessage();
  test.pool.close();
  for (const call of calls) assert.equal((await failure(call)).code, "aborted");
  const late = await failure(test.pool.send(get()));
  assert.deepEqual([late.code, late.unsent], ["aborted", true]);
  for (const peer of peers) await peer.takeToEnd();
  assert.deepEqual([test.pool.stats.open, test.pool.stats.waiting, test.pool.stats.connecting], [0, 0, 0]);
});

for (const [status, how] of [[413, "refuses it"], [200, "takes it for done"]] as const) {
  Deno.test(
    `a connection whose request was only half sent is not used again when the upstream ${how}`,
    STRICT,
    async () => {
      await using test = poolBefore(new RawUpstream());
      // More than the sockets' own buffers hold, of which the upstream reads the head only.
      const call = test.pool.send(post("x".repeat(8 * 1024 * 1024)));
      const peer = await test.upstream.next();
      await peer.send(answer("early").replace("200", String(status)));
      const response = await within("the early answer", call.response);
      assert.equal(await textOfBody(response.body), "early");
      response.release();
      assert.deepEqual([test.pool.stats.open, test.pool.stats.idle], [0, 0]);
      const next = test.pool.send(post("next"));
      const fresh = await test.upstream.next();
      assert.equal((await fresh.takeMessage()).body, "next");
      await fresh.send(answer("ok"));
      (await within("the next answer", next.response)).release();
    },
  );
}

Deno.test("a connection whose long request was sent whole is used again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const body = "x".repeat(1024 * 1024);
  const first = test.pool.send(post(body));
  const peer = await test.upstream.next();
  assert.equal((await peer.takeMessage()).body.length, body.length);
  await peer.send(answer("ok"));
  const response = await within("the answer", first.response);
  await textOfBody(response.body);
  response.release();
  assert.deepEqual([test.pool.stats.open, test.pool.stats.idle], [1, 1]);
});
