// Server and pool back to back, as a proxy has them: what one side does reaches the other. Real sockets throughout.
// docs/behaviour.md N2, M3, C3's ground; docs/protocol.md 15; issue: a tools/call never runs twice.
import assert from "node:assert/strict";
import { Pool } from "../../lib/http1/client/pool.ts";
import { type Http1Server, serveHttp1 } from "../../lib/http1/server/server.ts";
import { CHUNKED, type ClientResponse, type Exchange, HttpError } from "../../lib/http1/types.ts";
import { withoutHopByHop } from "../../lib/http1/wire/fields/fields.ts";
import { bytesOf, RawPeer, RawUpstream } from "../support/raw_peer.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** The smallest proxy there is. */
async function forward(exchange: Exchange, pool: Pool): Promise<void> {
  const { method, target, fields, bodyLength } = exchange.head;
  const read = () => exchange.body.takeBuffered() ?? exchange.body.readAll(Infinity);
  const body = bodyLength === 0 ? {} : { body: await read() };
  const call = pool.send({ method, target, fields: withoutHopByHop(fields), ...body });
  exchange.watcher = { onClientGone: () => call.abort() };
  call.response.then((response) => relay(exchange, response)).catch((error: HttpError) => {
    if (!exchange.started) exchange.respond({ status: 502, fields: [] }, bytesOf(error.code));
  });
}

async function relay(exchange: Exchange, response: ClientResponse): Promise<void> {
  const { head, body } = response;
  const start = { status: head.status, reason: head.reason, fields: withoutHopByHop(head.fields) };
  const whole = body.takeBuffered();
  if (whole !== undefined) {
    await exchange.respond(start, whole);
    return response.release();
  }
  const writer = await exchange.begin(start, body.length >= 0 ? body.length : CHUNKED);
  try {
    for (let bytes = await body.read(); bytes !== null; bytes = await body.read()) await writer.write(bytes);
    await writer.end();
  } catch {
    writer.abort();
  }
  response.release();
}

class Proxy {
  readonly upstream: RawUpstream;
  readonly pool: Pool;
  readonly server: Http1Server;
  port = 0;

  constructor() {
    this.upstream = new RawUpstream();
    this.pool = new Pool({ transport: "tcp", hostname: "127.0.0.1", port: this.upstream.port });
    this.server = serveHttp1({
      handler: (exchange) => forward(exchange, this.pool),
      renderError: (error) => ({ start: { status: 400, fields: [] }, body: bytesOf(error.code) }),
    });
  }

  static async start(): Promise<Proxy> {
    const proxy = new Proxy();
    const listener = await proxy.server.listen({ hostname: "127.0.0.1", port: 0 });
    proxy.port = listener.address.port;
    return proxy;
  }

  connect(): Promise<RawPeer> {
    return RawPeer.connect({ port: this.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.pool.close();
    await this.upstream.close();
  }
}

const POST = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

Deno.test("messages pass through whole, whatever their framing and size", STRICT, async () => {
  await using proxy = await Proxy.start();
  await using client = await proxy.connect();
  let peer: RawPeer | undefined;
  for (const size of [0, 1, 2000, 2048, 5000, 65_536, 70_000, 1_000_000]) {
    const text = Array.from({ length: size }, (_, i) => String.fromCharCode(33 + i % 90)).join("");
    for (const chunked of [false, true]) {
      const framed = chunked && size > 0
        ? `Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${text}\r\n0\r\n\r\n`
        : `Content-Length: ${size}\r\n\r\n${text}`;
      const sending = client.send(`POST /mcp HTTP/1.1\r\nHost: a\r\n${framed}`);
      peer ??= await proxy.upstream.next();
      const request = await peer.takeMessage();
      assert.equal(request.body === text, true, `request of ${size} bytes`);
      await sending;
      const answering = peer.send(`HTTP/1.1 200 OK\r\n${framed}`);
      const response = await client.takeMessage();
      assert.equal(response.body === text, true, `response of ${size} bytes`);
      await answering;
    }
  }
  assert.equal(proxy.upstream.accepted, 1, "one connection served them all");
});

Deno.test("N2: every event of a stream arrives when it is sent, not when the next one is", STRICT, async () => {
  await using proxy = await Proxy.start();
  await using client = await proxy.connect();
  await client.send(POST);
  const peer = await proxy.upstream.next();
  await peer.takeMessage();
  await peer.send(STREAM);
  await client.takeUntil("\r\n\r\n");
  for (let i = 0; i < 20; i++) {
    const event = `id: ${i}\ndata: ${"x".repeat(i * 100)}\n\n`;
    await peer.send(`${event.length.toString(16)}\r\n${event}\r\n`);
    assert.equal(await takePayload(client, event.length), event);
    assert.equal(client.received, "");
  }
  await peer.send("0\r\n\r\n");
  await client.takeUntil("0\r\n\r\n");
  await until(() => proxy.pool.stats.idle === 1, "the connection to go back");
});

/**
 * Takes chunks until their payload has `length` bytes. How payload is cut into chunks means nothing (RFC 9112 §7.1).
 */
async function takePayload(client: RawPeer, length: number): Promise<string> {
  let payload = "";
  while (payload.length < length) {
    payload += await client.take(parseInt(await client.takeUntil("\r\n"), 16));
    assert.equal(await client.take(2), "\r\n");
  }
  return payload;
}

for (const phase of ["before the answer", "in the stream"]) {
  Deno.test(`a client's end reaches the upstream ${phase}`, STRICT, async () => {
    await using proxy = await Proxy.start();
    await using client = await proxy.connect();
    await client.send(POST);
    const peer = await proxy.upstream.next();
    await peer.takeMessage();
    if (phase === "in the stream") {
      await peer.send(STREAM);
      await client.takeUntil("\r\n\r\n");
    }
    await client.close();
    await peer.takeToEnd();
    await until(() => proxy.pool.stats.open === 0 && proxy.server.stats.connectionsOpen === 0, "all of it to be gone");
  });
}

Deno.test(
  "a client that ends in the middle of its body leaves the upstream nothing of a request",
  STRICT,
  async () => {
    await using proxy = await Proxy.start();
    for (const framing of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) {
      await using client = await proxy.connect();
      await client.send(`POST /mcp HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n5\r\nhello\r\n`);
      await until(() => proxy.server.stats.requests > 0, "the request");
      await client.close();
      await until(() => proxy.server.stats.connectionsOpen === 0, "the client to be gone");
      assert.equal(proxy.upstream.accepted, 0);
    }
  },
);

Deno.test(
  "an upstream that dies in the middle of an answer: the client sees it cut off, not complete",
  STRICT,
  async () => {
    await using proxy = await Proxy.start();
    for (const head of ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n5\r\nevent", `${STREAM}5\r\nevent\r\n`]) {
      await using client = await proxy.connect();
      await client.send(POST);
      const peer = await proxy.upstream.next();
      await peer.takeMessage();
      await peer.send(head);
      await client.takeUntil("event");
      await peer.close();
      assert.doesNotMatch(await client.takeToEnd(), /0\r\n\r\n/);
    }
  },
);

Deno.test(
  "an upstream that closes idle connections never runs a POST twice, and none is lost unseen",
  STRICT,
  async () => {
    await using proxy = await Proxy.start();
    const runs = new Map<string, number>();
    let stop = false;
    // Answers, then closes: sometimes at once, sometimes when the next request is on its way.
    const serving = (async () => {
      for (let turn = 0; !stop; turn++) {
        const peer = await proxy.upstream.next().catch(() => undefined);
        if (peer === undefined) return;
        for (let answers = 0; answers < 1 + turn % 3; answers++) {
          const target = await peer.takeUntil("\r\n\r\nhello").catch(() => undefined);
          if (target === undefined) break;
          const id = /\/(\d+) /.exec(target)![1]!;
          runs.set(id, (runs.get(id) ?? 0) + 1);
          await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").catch(() => {});
        }
        await peer.close();
      }
    })();
    const outcomes = new Map<string, number>();
    await using client = await proxy.connect();
    for (let i = 0; i < 60; i++) {
      await client.send(POST.replace("/mcp", `/${i}`));
      outcomes.set(String(i), (await client.takeMessage()).status);
    }
    stop = true;
    await proxy.pool.close();
    // Wakes the upstream's loop up for the last time.
    const last = await RawPeer.connect({ port: proxy.upstream.port });
    await last.close();
    await serving;
    for (const [id, count] of runs) assert.equal(count, 1, `request ${id} ran ${count} times`);
    for (const [id, status] of outcomes) {
      assert.ok(status === 200 || status === 502, `request ${id}: ${status}`);
      if (status === 200) assert.equal(runs.get(id), 1);
    }
    assert.ok([...outcomes.values()].filter((status) => status === 200).length > 30);
  },
);

Deno.test("N2: a slow client slows the upstream down: backpressure through both", STRICT, async () => {
  await using proxy = await Proxy.start();
  await using client = await proxy.connect();
  await client.send(POST);
  const peer = await proxy.upstream.next();
  await peer.takeMessage();
  client.pause();
  const total = 60_000_000;
  const sending = peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`).then(async () => {
    const piece = new Uint8Array(100_000);
    for (let sent = 0; sent < total; sent += piece.length) await peer.send(piece);
  });
  let seen = -1;
  await until(() => {
    const before = seen;
    seen = proxy.pool.stats.traffic.bytesIn;
    return seen > 0 && seen === before;
  }, "everything to stand still");
  assert.ok(seen < 50_000_000, `${seen} bytes taken from the upstream with nobody reading`);
  client.resume();
  const head = await client.takeUntil("\r\n\r\n");
  assert.match(head, /content-length: 60000000\r\n/);
  let received = 0;
  while (received < total) {
    await client.waitFor("more", () => client.received.length > 0);
    received += client.received.length;
    client.received = "";
  }
  await sending;
});

Deno.test("many clients at once get their own answers, through a pool that is far smaller", STRICT, async () => {
  const upstream = new RawUpstream();
  const pool = new Pool({ transport: "tcp", hostname: "127.0.0.1", port: upstream.port }, {
    limits: { maxConnections: 3 },
  });
  const server = serveHttp1({
    handler: (exchange) => forward(exchange, pool),
    renderError: (error) => ({ start: { status: 400, fields: [] }, body: bytesOf(error.code) }),
  });
  const listener = await server.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for (let i = 0; i < 3; i++) echoTargets(await upstream.next());
  })();
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => RawPeer.connect({ port: listener.address.port })),
  );
  await Promise.all(clients.map(async (client, who) => {
    for (let i = 0; i < 20; i++) {
      await client.send(POST.replace("/mcp", `/${who}-${i}`));
      assert.equal((await client.takeMessage()).body, `/${who}-${i}`);
    }
  }));
  await serving;
  assert.equal(upstream.accepted, 3);
  for (const client of clients) await client.close();
  server.close();
  pool.close();
  await upstream.close();
});

async function echoTargets(peer: RawPeer): Promise<void> {
  try {
    for (;;) {
      const target = (await peer.takeUntil("\r\n\r\nhello")).split(" ")[1]!;
      await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
    }
  } catch {
    // The test is over.
  }
}
