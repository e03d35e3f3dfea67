// The pool sends and reads messages: reuse, framing both ways, interim responses, bodies in pieces. RFC 9112 §6, §9.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { UNTIL_CLOSE } from "../../../../lib/http1/types.ts";
import { type RawPeer, RawUpstream, textOf, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { answer, get, poolBefore, post, textOfBody } from "./pool_support.ts";

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

// Sizes that reads come in: of such an answer nobody can tell whether anything lies behind it.
for (const size of [1024, 2048, 4096, 16 * 1024]) {
  const fullRead = () => {
    const text = (length: number) => answer("x".repeat(length));
    let length = size - text(0).length;
    while (text(length).length > size) length--;
    return text(length);
  };

  Deno.test(`what the upstream sends behind an answer of ${size} bytes is nobody's answer`, STRICT, async () => {
    await using test = poolBefore(new RawUpstream(), { maxConnections: 1 });
    // Whatever this connection reads in, the answer ends where a read does.
    const calls = [test.pool.send(get("/one")), test.pool.send(get("/other"))];
    const first = await test.upstream.next();
    await first.takeMessage();
    await first.send(fullRead() + answer("evil"));
    const [one, other] = calls;
    const response = await one!.response;
    await textOfBody(response.body);
    response.release();
    const second = await test.upstream.next();
    await second.takeMessage();
    await second.send(answer("good"));
    const late = await within("the other answer", other!.response);
    assert.equal(await textOfBody(late.body), "good");
    late.release();
    assert.equal(await first.takeToEnd(), "");
  });

  Deno.test(`a connection is used again after an answer of ${size} bytes`, STRICT, async () => {
    await using test = poolBefore(new RawUpstream(), { maxConnections: 1 });
    let peer: RawPeer | undefined;
    for (let i = 0; i < 3; i++) {
      const call = test.pool.send(get());
      peer ??= await test.upstream.next();
      await peer.takeMessage();
      await peer.send(fullRead());
      const response = await within("an answer", call.response);
      await textOfBody(response.body);
      response.release();
    }
    assert.equal(test.upstream.accepted, 1);
    await until(() => test.pool.stats.idle === 1, "the connection to be idle");
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

Deno.test("an answer is read even from an upstream that closed without taking the whole request", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const call = test.pool.send(post("x".repeat(8 * 1024 * 1024)));
  const peer = await test.upstream.next();
  await peer.takeUntil("\r\n\r\n");
  await peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  await peer.closeWrite();
  const response = await call.response;
  assert.equal(response.head.status, 413);
  assert.equal(await textOfBody(response.body), "big");
  response.release();
  assert.equal(test.pool.stats.open, 0);
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

const IN_CHUNKS = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunkOf = (length: number) => `${length.toString(16)}\r\n${"x".repeat(length)}\r\n`;
const FRAMINGS: Record<string, (length: number) => string> = {
  "by its length": (length) => answer("x".repeat(length)),
  "in one chunk": (length) => `${IN_CHUNKS}${chunkOf(length)}0\r\n\r\n`,
  "in chunks": (length) => `${IN_CHUNKS}${chunkOf(2000).repeat(length / 2000)}0\r\n\r\n`,
};

for (const [framed, answerOf] of Object.entries(FRAMINGS)) {
  Deno.test(
    `M6: a connection that rests holds nothing, however long the answer, framed ${framed}`,
    STRICT,
    async () => {
      const account = new ByteAccount();
      await using test = poolBefore(new RawUpstream(), { idleTimeoutMs: 1e6, responseTimeoutMs: 80 }, { account });
      let peer: RawPeer | undefined;
      for (const length of [12_000, 60_000, 70_000, 300_000, 1_300_000]) {
        const call = test.pool.send(get());
        peer ??= await test.upstream.next();
        await peer.takeMessage();
        const [sent, response] = await Promise.all([peer.send(answerOf(length)), call.response]);
        assert.equal((await textOfBody(response.body)).length, length);
        await sent;
        response.release();
        // No more than what is remembered of its head.
        await until(() => account.held < 1024, () => `nothing is held behind ${length} bytes: found ${account.held}`);
      }
      assert.equal(test.upstream.accepted, 1);
    },
  );
}
