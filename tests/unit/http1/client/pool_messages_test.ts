// The pool sends and reads messages: reuse, framing both ways, interim responses, bodies in pieces. RFC 9112 §6, §9.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { CHUNKED, HttpError, UNTIL_CLOSE } from "../../../../lib/http1/types.ts";
import { type RawPeer, RawUpstream, textOf, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { answer, FedBody, get, poolBefore, post, textOfBody } from "./pool_support.ts";

Deno.test("a pool sends one request after the other over one connection", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  let peer: RawPeer | undefined;
  for (let i = 0; i < 3; i++) {
    const call = test.pool.send(post(`body ${i}`));
    peer ??= await test.upstream.next();
    const { head, body } = await peer.takeMessage();
    assert.equal(head, "POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n");
    assert.equal(body, `body ${i}`);
    await peer.send(answer(`answer ${i}`, "X-Y: Z\r\n"));
    const response = await call.response;
    assert.deepEqual(response.head.fields.slice(0, 2), ["x-y", "Z"]);
    assert.equal(textOf(response.body.takeBuffered()!), `answer ${i}`);
    response.release();
  }
  assert.equal(test.upstream.accepted, 1);
  assert.deepEqual([test.pool.stats.open, test.pool.stats.idle, test.pool.stats.requests], [1, 1, 3]);
});

Deno.test("a pool takes the connection used last, and opens another only when all are in use", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const first = test.pool.send(get("/1"));
  const second = test.pool.send(get("/2"));
  const peers = [await test.upstream.next(), await test.upstream.next()];
  for (const peer of peers) await peer.takeMessage();
  for (const peer of peers) await peer.send(answer("x"));
  const responses = [await first.response, await second.response];
  for (const response of responses) assert.equal(await textOfBody(response.body), "x");
  for (const response of responses) response.release();
  assert.equal(test.pool.stats.idle, 2);
  for (let i = 0; i < 3; i++) {
    const call = test.pool.send(get(`/again${i}`));
    await until(() => peers.some((peer) => peer.received !== ""), "the request");
    const used = peers.findIndex((peer) => peer.received !== "");
    await peers[used]!.takeMessage();
    await peers[used]!.send(answer("y"));
    const response = await call.response;
    assert.equal(await textOfBody(response.body), "y");
    response.release();
    assert.equal(test.pool.stats.idle, 2);
  }
  assert.equal(test.upstream.accepted, 2);
});

Deno.test("a pool reads the same however torn an answer arrives", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: y\r\n\r\n";
  let call = test.pool.send(get());
  const peer = await test.upstream.next();
  for (const [text, expected] of [[answer("hello"), "hello"], [chunked, "abcde"]]) {
    for (const size of [1, 3, 1000]) {
      await peer.takeMessage();
      const sending = peer.sendTorn("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + text, size);
      const response = await call.response;
      assert.equal(response.head.status, 200);
      assert.equal(await textOfBody(response.body), expected);
      await sending;
      response.release();
      call = test.pool.send(get());
    }
  }
  assert.equal(test.upstream.accepted, 1);
  call.abort();
  await assert.rejects(call.response, { code: "aborted" });
});

Deno.test("a body until close ends with the connection, which is not used again", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send("HTTP/1.1 200 OK\r\n\r\npart one, ");
  const response = await call.response;
  assert.equal(response.body.length, UNTIL_CLOSE);
  await peer.send("part two");
  await peer.close();
  assert.equal(await textOfBody(response.body), "part one, part two");
  response.release();
  assert.equal(test.pool.stats.open, 0);
});

for (
  const [what, request, text, body] of [
    ["HEAD", { ...get(), method: "HEAD" }, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""],
    ["204", get(), "HTTP/1.1 204 No Content\r\n\r\n", ""],
    ["304", get(), "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""],
    ["an empty body", get(), answer(""), ""],
    ["an empty chunked body", get(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""],
  ] as const
) {
  Deno.test(`a connection is used again after ${what}`, STRICT, async () => {
    await using test = poolBefore(new RawUpstream());
    let peer: RawPeer | undefined;
    for (let i = 0; i < 2; i++) {
      const call = test.pool.send(request);
      peer ??= await test.upstream.next();
      await peer.takeMessage();
      await peer.send(text);
      const response = await call.response;
      assert.equal(await textOfBody(response.body), body);
      response.release();
    }
    assert.equal(test.upstream.accepted, 1);
  });
}

for (
  const [what, text] of [
    ["says Connection: close", answer("x", "Connection: close\r\n")],
    ["is HTTP/1.0", answer("x").replace("1.1", "1.0")],
    ["says Keep-Alive: timeout=1, too short to be of use", answer("x", "Keep-Alive: timeout=1\r\n")],
    ["sends more than its answer", answer("x") + "HTTP/1.1 200 OK\r\n\r\n"],
  ] as const
) {
  Deno.test(`a connection is not used again when the upstream ${what}`, STRICT, async () => {
    await using test = poolBefore(new RawUpstream());
    const call = test.pool.send(get());
    const peer = await test.upstream.next();
    await peer.takeMessage();
    await peer.send(text);
    const response = await call.response;
    assert.equal(await textOfBody(response.body), "x");
    response.release();
    await until(() => test.pool.stats.open === 0, "the connection to be closed");
    assert.equal(await peer.takeToEnd(), "");
  });
}

Deno.test("bytes nobody asked for on an idle connection close it", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("x"));
  const response = await call.response;
  await textOfBody(response.body);
  response.release();
  assert.equal(test.pool.stats.idle, 1);
  await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  await until(() => test.pool.stats.open === 0, "the connection to be closed");
  assert.equal(test.pool.stats.idle, 0);
});

for (
  const [what, text] of [
    ["junk", "SSH-2.0-OpenSSH\r\n"],
    ["a broken status line", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"],
    ["a head without an end", "HTTP/1.1 200 OK\r\nX: " + "x".repeat(70_000)],
    ["interim responses without an end", "HTTP/1.1 102 Processing\r\n\r\n".repeat(17)],
  ] as const
) {
  Deno.test(`an upstream that answers with ${what} is not valid`, STRICT, async () => {
    await using test = poolBefore(new RawUpstream());
    const call = test.pool.send(get());
    const peer = await test.upstream.next();
    await peer.takeMessage();
    await peer.send(text);
    await assert.rejects(call.response, { code: "upstream_invalid" });
    assert.equal(test.pool.stats.open, 0);
  });
}

Deno.test("a chunked answer that breaks its coding fails the read", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
  const response = await call.response;
  assert.equal(response.body.takeBuffered(), undefined);
  assert.equal(textOf((await response.body.read())!), "abc");
  await assert.rejects(response.body.read(), { code: "upstream_invalid" });
  response.release();
  assert.equal(test.pool.stats.open, 0);
});

Deno.test("a request body in pieces goes out as it comes, by its length or chunked", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  let peer: RawPeer | undefined;
  for (const length of [6, CHUNKED]) {
    const fed = new FedBody(length);
    const call = test.pool.send(post(fed));
    peer ??= await test.upstream.next();
    await peer.takeUntil("\r\n\r\n");
    fed.feed("abc");
    assert.equal(await peer.takeUntil("abc"), length === 6 ? "abc" : "3\r\nabc");
    fed.feed("def");
    fed.feed(null);
    assert.equal(
      await peer.takeUntil(length === 6 ? "def" : "0\r\n\r\n"),
      length === 6 ? "def" : "\r\n3\r\ndef\r\n0\r\n\r\n",
    );
    await peer.send(answer("ok"));
    const response = await call.response;
    assert.equal(await textOfBody(response.body), "ok");
    response.release();
  }
  assert.equal(test.upstream.accepted, 1);
});

Deno.test("a request body that fails leaves the upstream with an unfinished request", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  for (const [length, fault] of [[CHUNKED, new HttpError("client_gone", "gone")], [6, null]] as const) {
    const fed = new FedBody(length);
    const call = test.pool.send(post(fed));
    const peer = await test.upstream.next();
    await peer.takeUntil("\r\n\r\n");
    fed.feed("abc");
    fed.feed(fault);
    await assert.rejects(call.response, { code: fault === null ? "aborted" : "client_gone" });
    assert.equal(await peer.takeToEnd(), length === 6 ? "abc" : "3\r\nabc\r\n");
  }
  assert.equal(test.pool.stats.open, 0);
});

Deno.test(
  "an answer before the end of the request is handed on, and the connection not used again",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream());
    const fed = new FedBody(CHUNKED);
    const call = test.pool.send(post(fed));
    const peer = await test.upstream.next();
    fed.feed("abc");
    await peer.takeUntil("abc\r\n");
    await peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    const response = await call.response;
    assert.equal(response.head.status, 413);
    assert.equal(await textOfBody(response.body), "big");
    response.release();
    assert.equal(await peer.takeToEnd(), "");
    assert.equal(test.pool.stats.open, 0);
    fed.feed(null);
  },
);

Deno.test("an answer is read even from an upstream that closed without taking the whole request", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const fed = new FedBody(CHUNKED);
  const call = test.pool.send(post(fed));
  const peer = await test.upstream.next();
  await peer.takeUntil("\r\n\r\n");
  await peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  await peer.close();
  for (let i = 0; i < 20; i++) fed.feed("x".repeat(10_000));
  const response = await call.response;
  assert.equal(response.head.status, 413);
  assert.equal(await textOfBody(response.body), "big");
  response.release();
  fed.feed(null);
});

Deno.test("a big request body waits for the upstream to read it", STRICT, async () => {
  await using test = poolBefore(new RawUpstream({ pausePeers: true }));
  let fedBytes = 0;
  const piece = new Uint8Array(64 * 1024).fill(120);
  const body = {
    length: CHUNKED,
    done: false,
    takeBuffered: () => undefined,
    readAll: () => Promise.reject(new Error("not needed")),
    read: () => Promise.resolve(fedBytes >= 50e6 ? null : (fedBytes += piece.length, piece)),
  };
  const call = test.pool.send(post(body));
  const peer = await test.upstream.next();
  let seen = -1;
  await until(() => {
    const before = seen;
    seen = fedBytes;
    return seen > 0 && seen === before;
  }, "the pool to be held up");
  assert.ok(fedBytes < 40e6, `${fedBytes} bytes read with nobody taking them`);
  peer.resume();
  await peer.waitFor("all of it", () => {
    if (peer.received.length > 1e6 && !peer.received.endsWith("0\r\n\r\n")) peer.received = "";
    return peer.received.endsWith("\r\n0\r\n\r\n");
  });
  await peer.send(answer("ok"));
  const response = await within("the answer", call.response);
  assert.equal(await textOfBody(response.body), "ok");
  response.release();
});

Deno.test("a request that cannot be sent as it is throws at once", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  assert.throws(() => test.pool.send({ ...get(), fields: ["x", "a\r\nb: c"] }), TypeError);
  assert.throws(() => test.pool.send({ ...get(), target: "/a b" }), TypeError);
  assert.equal(test.pool.stats.open, 0);
});

Deno.test("an answer is read, whatever little room there is for it, and its bytes are charged", STRICT, async () => {
  const account = new ByteAccount(100);
  await using test = poolBefore(new RawUpstream(), { maxHeadBytes: 64 * 1024 }, { account });
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  const body = "b".repeat(200_000);
  await peer.send(answer(body, `X: ${"x".repeat(20_000)}\r\n`));
  const response = await within("the answer", call.response);
  assert.ok(account.held > 10_000);
  assert.equal((await textOfBody(response.body)).length, body.length);
  response.release();
  await until(() => account.held === 0, () => `nothing is held: found ${account.held}`);
});
