// Nobody keeps others out before he has proven who he is: a byte now and then buys no time, and at the limit whoever
// lets the server wait gives way first. M3 of docs/behaviour.md.
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import { serveHttp1 } from "../../../../lib/http1/server/server.ts";
import type { Exchange } from "../../../../lib/http1/types.ts";
import { RawPeer, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import { get, textOfBody } from "../client/pool_support.ts";
import { makeCertificate } from "../tls_support.ts";
import { echo, renderError, serve, type TestServer } from "./server_support.ts";

const GET = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
const CHUNKED = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Sends a byte after each 40 ms of the server's clock, until an answer comes. @returns how many bytes it took */
async function drip(server: TestServer, client: RawPeer, bytes: string): Promise<number> {
  for (let sent = 0; sent < 100; sent++) {
    if (client.received !== "") return sent;
    const before = server.server.stats.traffic.bytesIn;
    await client.send(bytes[sent % bytes.length]!);
    await until(() => server.server.stats.traffic.bytesIn > before || client.received !== "", "the byte to arrive");
    server.clock.advance(40);
    await aMoment(25); // a sweep looks at the clock
  }
  throw new Error("dripping: found no end after 4 s, want one after the time-out of 80 ms");
}

const SLOW = [
  ["a head", "G", "GET / HTTP/1.1\r\n", 0],
  ["a small body, gathered", POST, "x", 2000],
  ["a body that is read", POST, "x", 0],
  ["chunks", CHUNKED, "1\r\nx\r\n", 0],
  ["one chunk's size line", `${CHUNKED}5`, ";a=b", 0],
] as const;

for (const [what, begin, bytes, gatherBytes] of SLOW) {
  Deno.test(
    `M3: ${what} that comes a byte at a time is late after the time-out, not after the last byte`,
    STRICT,
    async () => {
      await using server = await serve(async (exchange) => {
        await exchange.body.readAll(10_000);
      }, { limits: { gatherBytes } });
      await using client = await server.connect();
      await client.send(begin);
      await until(() => server.server.stats.traffic.bytesIn === begin.length, "the beginning");
      const sent = await drip(server, client, bytes);
      assert.ok(sent <= 4, `${sent} bytes were waited for`);
      assert.match(client.received, /^HTTP\/1\.1 408 /);
    },
  );
}

/** A connection in each of the states in which a server waits for its client. */
const WAITING: readonly [string, string][] = [
  ["sends nothing", ""],
  ["sends half a head", "GET / HT"],
  ["sends no body", POST],
  ["has been refused and does not hang up", "BAD\r\n\r\n"],
];

for (const [what, sent] of WAITING) {
  Deno.test(`M3: at the limit one that ${what} gives way to a new connection`, STRICT, async () => {
    await using server = await serve(echo, { limits: { maxConnections: 2, gatherBytes: 2000 } });
    await using first = await server.connect();
    await first.send(sent);
    await until(() => server.server.stats.traffic.bytesIn === sent.length, "its bytes");
    server.clock.advance(1);
    await using second = await server.connect();
    await second.send(sent);
    await until(() => server.server.stats.traffic.bytesIn === 2 * sent.length, "its bytes");
    await using third = await server.connect();
    await third.send(GET);
    assert.equal((await third.takeMessage()).body, "GET /g ");
    await first.takeToEnd();
    const { connectionsEvicted, connectionsRefused } = server.server.stats;
    assert.deepEqual([connectionsEvicted, connectionsRefused], [1, 0], "the slowest goes, nobody else");
  });
}

Deno.test(
  "M3: at the limit nobody who is trusted gives way while one who is not lets the server wait",
  STRICT,
  async () => {
    await using server = await serve(async (exchange) => {
      exchange.connection.trusted = true;
      await echo(exchange);
    }, { limits: { maxConnections: 2 } });
    await using trusted = await server.connect();
    await trusted.send(GET);
    await trusted.takeMessage();
    server.clock.advance(10);
    await using dripping = await server.connect();
    await dripping.send("GET / H");
    await until(() => server.server.stats.traffic.bytesIn > GET.length, "the drip");
    await using next = await server.connect();
    await next.send(GET);
    await next.takeMessage();
    await dripping.takeToEnd();
    await trusted.send(GET);
    assert.equal((await trusted.takeMessage()).status, 200);
  },
);

Deno.test(
  "M3: of trusted connections the slowest with its request gives way, none whose request is handled",
  STRICT,
  async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await serve(async (exchange) => {
      exchange.connection.trusted = true;
      if (exchange.head.path === "/wait") await gate.promise;
      await echo(exchange);
    }, { limits: { maxConnections: 3 } });
    const connect = async () => {
      const peer = await server.connect();
      await peer.send(GET);
      await peer.takeMessage();
      server.clock.advance(10);
      return peer;
    };
    await using handled = await connect();
    await using slowest = await connect();
    await using slow = await connect();
    const before = server.server.stats.traffic.bytesIn;
    const waiting = GET.replace("/g", "/wait");
    await handled.send(waiting);
    await slowest.send(GET.slice(0, 5));
    await until(() => server.server.stats.traffic.bytesIn === before + waiting.length + 5, "the beginning");
    server.clock.advance(10);
    await slow.send(GET.slice(0, 5));
    await until(() => server.server.stats.traffic.bytesIn === before + waiting.length + 10, "the next beginning");
    await using next = await server.connect();
    await next.send(GET);
    assert.equal((await next.takeMessage()).status, 200);
    await slowest.takeToEnd();
    await slow.send(GET.slice(5));
    assert.equal((await slow.takeMessage()).status, 200);
    gate.resolve();
    assert.equal((await handled.takeMessage()).status, 200);
  },
);

Deno.test("M3: one that asks and never reads its answers gives way, too", STRICT, async () => {
  const exchanges: Exchange[] = [];
  const answer = new Uint8Array(8 * 1024 * 1024);
  await using server = await serve((exchange) => {
    exchanges.push(exchange);
    void exchange.respond({ status: 401, fields: [] }, answer);
  }, { limits: { maxConnections: 1 } });
  await using greedy = await server.connect();
  greedy.pause();
  await greedy.send(GET);
  await until(() => exchanges.length === 1, "the request");
  await using next = await server.connect();
  await next.send(GET);
  await until(() => exchanges.length === 2, "the next one's request");
  greedy.resume();
});

Deno.test("M3: a TLS handshake that does not go on gives way", STRICT, async () => {
  await using certificate = await makeCertificate("lockout.test");
  if (!certificate.available) return;
  const server = serveHttp1({ handler: echo, renderError, limits: { maxConnections: 1 } });
  const listener = await server.listen({ hostname: "127.0.0.1", port: 0, tls: certificate });
  const { port } = listener.address;
  await using slow = await RawPeer.connect({ port });
  await slow.send("\x16\x03");
  await until(() => server.stats.connectionsOpen === 1, "the slow one");
  const pool = new Pool({
    transport: "tls",
    hostname: "127.0.0.1",
    port,
    serverName: "lockout.test",
    caCerts: [certificate.cert],
  });
  const response = await within("the answer", pool.send(get("/t")).response);
  assert.equal(await textOfBody(response.body), "GET /t ");
  response.release();
  pool.close();
  server.close();
});
