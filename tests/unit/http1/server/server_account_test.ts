// Every byte that a connection makes the engine hold beyond its buffer at rest is charged until it is let go of, and
// what cannot be charged is refused or waits: M3, M6 of docs/behaviour.md.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { CHUNKED, type Exchange } from "../../../../lib/http1/types.ts";
import { bytesOf, RawPeer } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { echo, serve, type TestServer } from "./server_support.ts";

const KIB = 1024;
const GET = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";
const QUIET = { headTimeoutMs: 1e6, bodyTimeoutMs: 1e6, idleTimeoutMs: 1e6, writeTimeoutMs: 1e6 };

async function manySending(server: TestServer, count: number, text: string): Promise<AsyncDisposableStack> {
  const stack = new AsyncDisposableStack();
  const { stats } = server.server;
  const before = stats.connectionsAccepted;
  // The slowest may have given way by then.
  for (let i = 0; i < count; i++) await stack.use(await server.connect()).send(text);
  await until(() => stats.connectionsAccepted === before + count, "all are connected");
  return stack;
}

const HEAD = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(12 * KIB)}`;
const POST = `POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: ${16 * KIB}\r\n\r\n${"x".repeat(12 * KIB)}`;

for (const [what, text] of [["half of a long head", HEAD], ["half of a body, gathered", POST]] as const) {
  Deno.test(`M6: ${what} is charged while it is held, by strangers up to half of the bound`, STRICT, async () => {
    const account = new ByteAccount(10_000 * KIB);
    await using server = await serve(echo, { account, limits: { ...QUIET, gatherBytes: 16 * KIB } });
    {
      await using _all = await manySending(server, 10, text);
      await until(() => account.held >= 10 * 10 * KIB, () => `they are charged: found ${account.held}`);
    }
    await until(() => account.held === 0, () => `nothing is held at the end: found ${account.held}`);

    account.limit = 100 * KIB;
    {
      await using _all = await manySending(server, 30, text);
      await until(() => account.held > 30 * KIB, "the room is taken");
      assert.ok(
        account.held <= 50 * KIB + 30 * 100, // short heads, for which there is more
        `${account.held} bytes`,
      );
      await using client = await server.connect();
      await client.send(GET);
      assert.equal((await client.takeMessage()).status, 200, "one that needs no more than a buffer at rest");
    }
    // Those for whom nothing is read any more end with their time.
    server.clock.advance(QUIET.headTimeoutMs);
    await until(() => account.held === 0, () => `nothing is held at the end: found ${account.held}`);
  });
}

Deno.test("M3: strangers who hold memory and let the server wait give way to one who wants some", STRICT, async () => {
  const account = new ByteAccount(100 * KIB);
  await using server = await serve(echo, { account, limits: QUIET });
  await using _slow = await manySending(server, 10, HEAD);
  await until(() => account.strange > 30 * KIB, "the room is taken");
  server.clock.advance(2000);
  await using client = await server.connect();
  await client.send(`${HEAD}\r\n\r\n`);
  assert.equal((await client.takeMessage()).status, 200);
  assert.ok(server.server.stats.connectionsEvicted > 0);
});

Deno.test("M6: a head is charged as long as its request is being handled", STRICT, async () => {
  const account = new ByteAccount();
  const exchanges: Exchange[] = [];
  await using server = await serve((exchange) => void exchanges.push(exchange), { account, limits: QUIET });
  await using client = await server.connect();
  await client.send(`${HEAD}\r\n\r\n`);
  await until(() => exchanges.length === 1, "the request");
  assert.ok(account.held >= 12 * KIB);
  exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("ok"));
  await client.takeMessage();
  await until(() => account.held === 0, "what the connection remembers fades");
});

Deno.test(
  "M6: what is read ahead of a handler and what waits for a client that reads nothing is charged",
  STRICT,
  async () => {
    const account = new ByteAccount();
    const exchanges: Exchange[] = [];
    await using server = await serve((exchange) => void exchanges.push(exchange), { account, limits: QUIET });
    await using client = await server.connect();
    client.pause();
    await client.send(GET + "x".repeat(14 * KIB));
    await until(() => account.held >= 12 * KIB, "the bytes beyond the request");
    const writer = await exchanges[0]!.begin({ status: 200, fields: [] }, CHUNKED);
    let written: Promise<void> = Promise.resolve();
    for (let i = 0; i < 200; i++) written = writer.write(new Uint8Array(60 * KIB));
    assert.ok(account.held >= 1024 * KIB, `${account.held}`);
    await client.close();
    await written;
    await until(() => account.held === 0, () => `nothing is held at the end: found ${account.held}`);
  },
);

const BODY = Array.from({ length: 50 * KIB }, (_, i) => String.fromCharCode(97 + i % 26)).join("");

for (const framing of ["whole", "chunked", "by length", "until close"] as const) {
  Deno.test(
    `M6: where there is no room for a copy an answer (${framing}) goes out as it lies, the same to the byte`,
    STRICT,
    async () => {
      const account = new ByteAccount(8 * KIB);
      await using server = await serve(async (exchange) => {
        const start = { status: 200, fields: [] };
        if (framing === "whole") return await exchange.respond(start, bytesOf(BODY));
        const length = framing === "by length" ? BODY.length : CHUNKED;
        const writer = await exchange.begin(start, length, bytesOf(BODY.slice(0, 10 * KIB)));
        const written = writer.write(bytesOf(BODY.slice(10 * KIB, 40 * KIB)));
        assert.ok(account.held <= 16 * KIB, `${account.held}`);
        await written;
        await writer.end(bytesOf(BODY.slice(40 * KIB)));
      }, { account, limits: QUIET });
      await using client = await server.connect();
      const version = framing === "until close" ? "1.0" : "1.1";
      await client.send(GET.replace("1.1", version));
      const body = framing === "until close"
        ? (await client.takeToEnd()).split("\r\n\r\n")[1]
        : (await client.takeMessage()).body;
      assert.equal(body, BODY);
      assert.equal(server.failures.length, 0);
    },
  );
}

Deno.test("M6: a body that is read goes on in small pieces where there is little room", STRICT, async () => {
  const account = new ByteAccount(16 * KIB);
  let [read, most] = [0, 0];
  await using server = await serve(async (exchange) => {
    for (let piece = await exchange.body.read(); piece !== null; piece = await exchange.body.read()) {
      read += piece.length;
      most = Math.max(most, account.held);
    }
    await exchange.respond({ status: 200, fields: [] });
  }, { account, limits: QUIET });
  await using client: RawPeer = await server.connect();
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${1000 * KIB}\r\n\r\n`);
  await client.send("x".repeat(1000 * KIB));
  assert.equal((await client.takeMessage()).status, 200);
  assert.equal(read, 1000 * KIB);
  assert.ok(most <= 16 * KIB, `${most}`);
});

/** Around the sizes that reads grow to, and one that fills the longest of them again and again. */
const LONG = [12, 60, 70, 300, 1300].map((kib) => kib * KIB);

/** Requests with a body of so many bytes, in the pieces that they are sent in. */
const FRAMINGS: Record<string, (length: number) => string[]> = {
  "by its length": (length) => [`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`],
  "in one chunk": (length) => [`${IN_CHUNKS}${chunkOf(length)}0\r\n\r\n`],
  "in chunks": (length) => [`${IN_CHUNKS}${chunkOf(2 * KIB).repeat(length / (2 * KIB))}0\r\n\r\n`],
  "in chunks, their end apart": (length) => [`${IN_CHUNKS}${chunkOf(length / 2).repeat(2)}`, "0\r\n", "\r\n"],
};
const IN_CHUNKS = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunkOf = (length: number) => `${length.toString(16)}\r\n${"x".repeat(length)}\r\n`;

/** How a body is read; resolves with its length. */
const READERS: Record<string, (exchange: Exchange) => Promise<number>> = {
  "at once": async ({ body }) => (await body.readAll(Infinity)).length,
  "in its own time": async ({ body }) => {
    let read = 0;
    for (let piece = await body.read(); piece !== null; piece = await body.read()) {
      read += piece.length;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return read;
  },
};

for (const who of ["stranger", "caller"] as const) {
  for (const [framed, request] of Object.entries(FRAMINGS)) {
    for (const [how, read] of Object.entries(READERS)) {
      Deno.test(
        `M6: a ${who}'s connection that rests holds nothing, whatever came on it: framed ${framed}, read ${how}`,
        STRICT,
        async () => {
          const account = new ByteAccount();
          const handler = async (exchange: Exchange) => {
            exchange.connection.trusted = who === "caller";
            await exchange.respond({ status: 200, fields: [] }, bytesOf(`${await read(exchange)}`));
          };
          await using server = await serve(handler, { account, limits: QUIET });
          for (const length of LONG) {
            await using client = await server.connect();
            for (const part of request(length)) await client.send(part);
            assert.equal((await client.takeMessage()).body, `${length}`);
            // No more than what is remembered of its head.
            await until(() => account.held < KIB, () => `nothing is held behind ${length}: found ${account.held}`);
          }
        },
      );
    }
  }
}

Deno.test("M6: a long head leaves nothing behind, nor does a body that is answered for minutes", STRICT, async () => {
  const account = new ByteAccount();
  await using server = await serve(async (exchange) => {
    exchange.connection.trusted = true;
    await exchange.body.readAll(Infinity);
    if (exchange.head.method === "GET") await exchange.respond({ status: 200, fields: [] });
    else await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("begun"));
  }, { account, limits: QUIET });
  await using client = await server.connect();
  await client.send(`${HEAD.replace("/", "/long")}\r\n\r\n`);
  assert.equal((await client.takeMessage()).status, 200);
  await until(() => account.held === 0, () => `nothing is held behind a long head: found ${account.held}`);
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${300 * KIB}\r\n\r\n${"x".repeat(300 * KIB)}`);
  await until(() => client.received.includes("begun"), "the answer's begin");
  // No more than what its short head and what is remembered of it take.
  await until(() => account.held < KIB, () => `little is held while it is answered: found ${account.held}`);
});
