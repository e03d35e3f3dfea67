// The server bounds what one client can take up: time, bytes, connections. M3 of docs/behaviour.md; RFC 9110 §15.5.
import assert from "node:assert/strict";
import { CHUNKED, type Exchange, HttpError } from "../../../../lib/http1/types.ts";
import { bytesOf, RawPeer } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import { echo, serve } from "./server_support.ts";

const GET = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";

async function refusal(client: RawPeer): Promise<number> {
  const { status, head } = await client.takeMessage();
  assert.match(head, /connection: close\r\n/);
  await client.closeWrite();
  assert.equal(await client.takeToEnd(), "");
  assert.equal(client.reset, false);
  return status;
}

Deno.test("M3: a head that takes too long gets 408, however it dribbles in", STRICT, async () => {
  await using server = await serve(echo);
  for (const sent of ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: y"]) {
    await using client = await server.connect();
    await client.sendTorn(sent, 5);
    await until(() => server.server.stats.traffic.bytesIn >= sent.length, "the bytes to arrive");
    server.clock.advance(79);
    await client.send("");
    server.clock.advance(1);
    assert.equal(await refusal(client), 408);
  }
  assert.equal(server.server.stats.errors.request_timeout, 3);
});

Deno.test("M3: a second head has its own time, from its first byte on", STRICT, async () => {
  await using server = await serve(echo, { limits: { idleTimeoutMs: 1000 } });
  await using client = await server.connect();
  await client.send(GET);
  await client.takeMessage();
  server.clock.advance(500);
  await client.send("GET / HT");
  const before = server.server.stats.traffic.bytesIn;
  await until(() => server.server.stats.traffic.bytesIn >= GET.length + 8 && before > 0, "the bytes to arrive");
  server.clock.advance(79);
  await aMoment(25);
  assert.equal(client.received, "");
  server.clock.advance(1);
  assert.equal(await refusal(client), 408);
});

Deno.test("M3: a connection that says nothing is closed without a word", STRICT, async () => {
  await using server = await serve(echo);
  await using silent = await server.connect();
  await using idle = await server.connect();
  await idle.send(GET);
  await idle.takeMessage();
  server.clock.advance(80);
  assert.equal(await silent.takeToEnd(), "");
  assert.equal(await idle.takeToEnd(), "");
  assert.equal(server.server.stats.connectionsOpen, 0);
});

Deno.test("M3: a body that stalls gets 408; one that makes progress does not", STRICT, async () => {
  await using server = await serve(echo);
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  for (let i = 1; i <= 4; i++) {
    await client.send("x".repeat(200));
    await until(() => server.server.stats.traffic.bytesIn === 50 + 200 * i, "the piece to arrive");
    server.clock.advance(79);
  }
  await aMoment(25);
  assert.equal(client.received, "");
  server.clock.advance(1);
  assert.equal(await refusal(client), 408);
});

Deno.test("M3: a handler that takes its time costs the client no time-out", STRICT, async () => {
  const pending: Exchange[] = [];
  await using server = await serve((exchange) => void pending.push(exchange));
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await until(() => pending.length === 1, "the request");
  server.clock.advance(10_000);
  await aMoment(25);
  const body = pending[0]!.body.readAll(100);
  await client.send("67890");
  assert.equal(new TextDecoder().decode(await body), "1234567890");
  pending[0]!.respond({ status: 200, fields: [] });
  assert.equal((await client.takeMessage()).status, 200);
});

Deno.test("M3: a head beyond the limit gets 431, a request line beyond it 414, torn or whole", STRICT, async () => {
  await using server = await serve(echo, { limits: { maxHeadBytes: 4096, headTimeoutMs: 60_000 } });
  const field = (length: number) => `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(length - 32)}\r\n\r\n`;
  assert.equal(field(4096).length, 4096);
  const cases: [string, number][] = [
    [field(4096), 200],
    [field(4097), 431],
    [field(1_000_000), 431],
    [`GET /${"x".repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ];
  for (const [request, expected] of cases) {
    for (const torn of [false, true]) {
      if (torn && request.length > 10_000) continue;
      await using client = await server.connect();
      const sending = torn ? client.sendTorn(request, 97) : client.send(request);
      sending.catch(() => {});
      assert.equal((await client.takeMessage()).status, expected);
      await sending.catch(() => {});
    }
  }
});

Deno.test(
  "M3: an announced body beyond the limit gets 413 before it is sent, a chunked one when it is",
  STRICT,
  async () => {
    let handled = 0;
    await using server = await serve((exchange) => {
      handled++;
      return echo(exchange);
    }, { limits: { maxBodyBytes: 1000 } });
    await using announced = await server.connect();
    await announced.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    assert.equal(await refusal(announced), 413);
    assert.equal(handled, 0);
    for (const chunk of [100, 1001]) {
      await using chunked = await server.connect();
      await chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
      const endless = (async () => {
        while (!chunked.received.includes("413")) {
          await chunked.send(
            `${chunk.toString(16)}\r\n${"x".repeat(chunk)}\r\n`,
          );
        }
      })();
      const { status } = await chunked.takeMessage();
      assert.equal(status, 413);
      await endless.catch(() => {});
    }
    await using fits = await server.connect();
    await fits.send(
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n${"x".repeat(1000)}\r\n0\r\n\r\n`,
    );
    assert.equal((await fits.takeMessage()).status, 200);
  },
);

Deno.test("junk is refused at its first byte or line, not at the time-out", STRICT, async () => {
  await using server = await serve(echo);
  for (
    const junk of [
      "\x16\x03\x01\x02\x00\x01",
      "\0\0\0\0",
      "\xff\xfe",
      " GET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\nHost: a\n",
    ]
  ) {
    await using client = await server.connect();
    await client.send(junk);
    assert.equal(await refusal(client), 400, JSON.stringify(junk));
  }
});

Deno.test("one empty line before a request is skipped, two are not", STRICT, async () => {
  await using server = await serve(echo);
  await using client = await server.connect();
  await client.send("\r\n" + GET + "\r\n");
  assert.equal((await client.takeMessage()).body, "GET /g ");
  await client.send(GET);
  assert.equal((await client.takeMessage()).body, "GET /g ");
  await client.sendTorn("\r\n" + GET);
  assert.equal((await client.takeMessage()).body, "GET /g ");
  await client.send("\r\n\r\n" + GET);
  assert.equal(await refusal(client), 400);
});

Deno.test("a broken chunk fails the handler's read and ends the connection with 400", STRICT, async () => {
  await using server = await serve(echo);
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
  assert.equal(await refusal(client), 400);
  assert.ok(server.failures[0] instanceof HttpError);
});

Deno.test("M3: a client that does not take its answer is cut off", STRICT, async () => {
  let aborted = 0;
  let settled = false;
  await using server = await serve(async (exchange) => {
    exchange.watcher = { onClientGone: () => void aborted++ };
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED);
    for (let i = 0; i < 1000 && !exchange.aborted; i++) await writer.write(new Uint8Array(64 * 1024));
    settled = true;
  });
  await using client = await server.connect();
  client.pause();
  await client.send(GET);
  let sent = -1;
  await until(() => {
    const before = sent;
    sent = server.server.stats.traffic.bytesOut;
    return sent > 100_000 && sent === before;
  }, "the socket buffers to fill up");
  const stalledAt = performance.now();
  await until(() => {
    if (performance.now() - stalledAt > 40) server.clock.advance(80);
    return aborted === 1;
  }, "the cut");
  await until(() => settled, "the handler's write to resolve");
  assert.equal(server.server.stats.connectionsOpen, 0);
});

Deno.test("a slow reader slows the handler down instead of filling memory", STRICT, async () => {
  let written = 0;
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED);
    for (let i = 0; i < 800; i++) {
      await writer.write(new Uint8Array(64 * 1024));
      written++;
    }
    await writer.end();
  });
  await using client = await server.connect();
  client.pause();
  await client.send(GET);
  let seen = -1;
  await until(() => {
    const before = seen;
    seen = written;
    return seen > 0 && seen === before;
  }, "the handler to be held up");
  assert.ok(written < 700, `${written} of 800 pieces written with nobody reading`);
  client.resume();
  const { body } = await client.takeMessage();
  assert.equal(body.length, 800 * 64 * 1024);
});

Deno.test(
  "M3: at the connection limit the one idle longest makes room; with none idle the answer is 503",
  STRICT,
  async () => {
    const pending: Exchange[] = [];
    await using server = await serve((exchange) => void pending.push(exchange), {
      limits: { maxConnections: 2, idleTimeoutMs: 500, headTimeoutMs: 500 },
    });
    await using first = await server.connect();
    await using second = await server.connect();
    await until(() => server.server.stats.connectionsOpen === 2, "both");
    await first.send(GET);
    await until(() => pending.length === 1, "the request");
    server.clock.advance(1);
    await using third = await server.connect();
    assert.equal(await second.takeToEnd(), "", "the idle one is gone");
    await third.send(GET);
    await until(() => pending.length === 2, "the third's request");
    await using fourth = await server.connect();
    assert.match(await fourth.takeToEnd(), /^HTTP\/1\.1 503 .*connection: close\r\n\r\n$/s);
    for (const exchange of pending) exchange.respond({ status: 200, fields: [] }, bytesOf("ok"));
    assert.equal((await first.takeMessage()).body, "ok");
    assert.equal((await third.takeMessage()).body, "ok");
    assert.equal(server.server.stats.connectionsRefused, 1);
    assert.equal(server.server.stats.connectionsEvicted, 1);
  },
);

Deno.test("many idle connections cost other clients nothing", STRICT, async () => {
  await using server = await serve(echo);
  const idle: RawPeer[] = [];
  for (let i = 0; i < 300; i++) idle.push(await server.connect());
  await until(() => server.server.stats.connectionsOpen === 300, "all of them");
  await using client = await server.connect();
  for (let i = 0; i < 20; i++) {
    await client.send(GET);
    assert.equal((await client.takeMessage()).status, 200);
  }
  for (const peer of idle) await peer.close();
  await until(() => server.server.stats.connectionsOpen === 1, "them to be gone");
});

Deno.test(
  "M3 R1: what was passed on may be larger by what it was given on its way, and by no more",
  STRICT,
  async () => {
    const allowance = { field: "via-us", headBytes: 100, bodyBytes: 10, fields: 2 };
    const handler = async (exchange: Exchange) => {
      await exchange.respond({ status: 200, fields: [] }, (await exchange.body.readAll(1000)).slice(0, 0));
    };
    await using server = await serve(handler, {
      limits: { maxHeadBytes: 400, maxBodyBytes: 50 },
      headLimits: { allowance, maxFields: 8, maxTargetLength: 1000 },
    });
    interface Asked {
      readonly head?: number;
      readonly fields?: number;
      readonly body?: number;
      readonly target?: number;
    }
    /** Of a request with so many bytes and fields. @param own whether it says that it was passed on */
    const statusOf = async (own: boolean, { head = 0, fields = 0, body = 0, target = 1 }: Asked) => {
      await using client = await server.connect();
      const lines = ["Host: a", `Content-Length: ${body}`, ...own ? ["Via-Us: 1"] : []];
      while (lines.length < fields) lines.push(`X-${lines.length}: 1`);
      const text = (pad: string) => `POST /${"t".repeat(target - 1)} HTTP/1.1\r\n${lines.join("\r\n")}${pad}\r\n\r\n`;
      const missing = head - text("\r\nP: ").length;
      const sent = text(missing > 0 ? `\r\nP: ${"x".repeat(missing)}` : "");
      await client.send(sent + "b".repeat(body));
      return (await client.takeMessage()).status;
    };
    const found = async (asked: Asked) => [await statusOf(false, asked), await statusOf(true, asked)];
    assert.deepEqual(await found({ head: 400 }), [200, 200]);
    assert.deepEqual(await found({ head: 401 }), [431, 200]);
    assert.deepEqual(await found({ head: 500 }), [431, 200]);
    assert.deepEqual(await found({ head: 501 }), [431, 431]);
    assert.deepEqual(await found({ fields: 8 }), [200, 200]);
    assert.deepEqual(await found({ fields: 9 }), [431, 200]);
    assert.deepEqual(await found({ fields: 10 }), [431, 200]);
    assert.deepEqual(await found({ fields: 11 }), [431, 431]);
    assert.deepEqual(await found({ body: 50 }), [200, 200]);
    assert.deepEqual(await found({ body: 60 }), [413, 200]);
    assert.deepEqual(await found({ body: 61 }), [413, 413]);
    assert.deepEqual((await found({ target: 420 }))[0], 414, "as if there were no allowance");
  },
);
