// Clients that leave and upstreams that misbehave, at any moment of any request: whatever was reserved comes back, and
// nothing stays in any map (docs/behaviour.md M1, M3).
import fc from "fast-check";
import assert from "node:assert/strict";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, json, type RawRequest, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** What the upstream does with a request that is no handshake, or with a handshake that is a resurrection. */
const MANNERS = ["json", "slow", "events", "lost", "half", "dies", "silent", "garbage", "large"] as const;
type Manner = typeof MANNERS[number];

const KINDS = ["initialize", "call", "big call", "chunked call", "listen", "delete", "stateless", "adopt"] as const;
type Kind = typeof KINDS[number];

interface Action {
  readonly kind: Kind;
  /** How much of the request is sent before the client leaves; 1 and more: all of it. */
  readonly sent: number;
  /** How long it stays for the answer, in turns of the event loop. */
  readonly stays: number;
}

const actions = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    sent: fc.oneof({ weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) }, {
      weight: 4,
      arbitrary: fc.constant(1),
    }),
    stays: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(40)),
  }),
  { minLength: 4, maxLength: 14 },
);
const manners = fc.array(fc.constantFrom(...MANNERS), { minLength: 1, maxLength: 12 });

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Answers as the next manner says; false hangs up. */
async function behave(manner: Manner, { conn }: RawRequest): Promise<boolean | void> {
  switch (manner) {
    case "slow":
      for (let i = 0; i < 5; i++) await turn();
      return await write(conn, json({ jsonrpc: "2.0", id: 1, result: {} }));
    case "json":
      return await write(conn, json({ jsonrpc: "2.0", id: 1, result: {} }));
    case "large":
      return await write(conn, json({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(300_000) } }));
    case "events":
      await write(conn, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n");
      for (let i = 0; i < 3; i++) await turn();
      await write(conn, "data: {}\n\n");
      return false;
    case "lost":
      return await write(conn, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    case "half":
      await write(conn, "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{");
      return false;
    case "dies":
      return false;
    case "garbage":
      await write(conn, "what?\r\n\r\n");
      return false;
    case "silent": {
      // Until the other side leaves, or all is over.
      const buffer = new Uint8Array(16);
      while (await conn.read(buffer) !== null);
      return false;
    }
  }
}

/** What the upstream is still doing, which nobody else waits for: its connections are closed before, so that it comes to an end. */
class Behaving implements AsyncDisposable {
  readonly #all = new Set<Promise<boolean | void>>();

  until(done: Promise<boolean | void>): Promise<boolean | void> {
    const settled = done.finally(() => this.#all.delete(settled));
    this.#all.add(settled);
    return settled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#all);
  }
}

function chunked(body: string, fields: readonly string[]): string {
  const head = rawPost("", [...fields, "transfer-encoding: chunked"]).replace("content-length: 0\r\n", "");
  return `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

function bytesOf(kind: Kind, id: string): string {
  const bearing = [`mcp-session-id: ${id}`];
  const big = JSON.stringify(call(1, "x", { text: "x".repeat(200_000) }));
  switch (kind) {
    case "initialize":
      return rawPost(JSON.stringify(INITIALIZE));
    case "call":
      return rawPost(JSON.stringify(call(1, "x")), bearing);
    case "big call":
      return rawPost(big, bearing);
    case "chunked call":
      return chunked(big, bearing);
    case "listen":
      return `GET /mcp HTTP/1.1\r\nhost: localhost\r\n${bearing[0]}\r\n\r\n`;
    case "delete":
      return `DELETE /mcp HTTP/1.1\r\nhost: localhost\r\n${bearing[0]}\r\n\r\n`;
    case "stateless": {
      const meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
      };
      const message = { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: meta } };
      return rawPost(JSON.stringify(message), ["mcp-protocol-version: 2026-07-28", "mcp-method: tools/list"]);
    }
    case "adopt":
      return rawPost(JSON.stringify(call(1, "x")), [`mcp-session-id: raw-${crypto.randomUUID()}`]);
  }
}

async function act(signet: TestSignet, { kind, sent, stays }: Action, id: string): Promise<void> {
  using client = await RawClient.connect(signet.url);
  const bytes = bytesOf(kind, id);
  await client.send(bytes.slice(0, Math.ceil(bytes.length * sent))).catch(() => {});
  for (let i = 0; i < stays; i++) await turn();
}

const ZERO = [
  'signet_in_use{limit="requests"}',
  'signet_in_use{limit="streams"}',
  'signet_in_use{limit="sessions"}',
  'signet_in_use{limit="principals"}',
  "signet_sessions",
  "signet_connections",
  "signet_event_streams",
  "signet_listening_streams",
  "signet_buffered_body_bytes",
  'signet_map_entries{map="adopting"}',
  'signet_map_entries{map="opening"}',
  'signet_pool_connections{upstream="upstream",state="busy"}',
  'signet_pool_connections{upstream="upstream",state="waiting"}',
];

async function leavesNothing(lane: typeof LANES[number], plan: readonly Action[], ways: readonly Manner[]) {
  let nowMs = 1_800_000_000_000;
  let turnOf = 0;
  await using behaving = new Behaving();
  await using upstream = new RawUpstream((request) => behaving.until(answerTo(request)));
  async function answerTo(request: RawRequest): Promise<boolean | void> {
    const isSpecial = request.body.includes('"id":"signet-') ||
      !/"method":"(initialize|notifications)/.test(request.body);
    const answer = isSpecial ? undefined : handshake(request);
    if (answer !== undefined) return await write(request.conn, answer);
    let manner = ways[turnOf++ % ways.length]!;
    // Signet's own messages have deadlines of seconds: what waits for one is no leak.
    const isOwn = request.head.startsWith("DELETE") || /"id":"signet-|notifications\//.test(request.body);
    if (manner === "silent" && isOwn) manner = "dies";
    const again = manner === "json" ? handshake(request) : undefined;
    return again === undefined ? await behave(manner, request) : await write(request.conn, again);
  }
  const flags = ["--adopt", "--session-idle", "60s", "--sweep-interval", "100ms"];
  const first = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
  const ids = [await first.open(), await first.open()];
  await using signet = await TestSignet.start({
    upstream: upstream.url,
    lane,
    flags,
    now: () => nowMs,
    ring: first.ring,
  });
  await first[Symbol.asyncDispose]();
  await Promise.all(plan.map((action, i) => act(signet, action, ids[i % ids.length]!)));
  let left: string[] = [];
  const endMs = nowMs + 4 * 3_600_000; // far from the sessions' expiry, which would hide that one is never idle
  await until(async () => {
    if (nowMs < endMs) nowMs += 61_000; // requests that end now make their sessions young again
    const lines = (await signet.metrics()).split("\n");
    left = ZERO.filter((name) => !lines.includes(`${name} 0`));
    return left.length === 0;
  }, "everything is given back").catch(() => assert.deepEqual(left, []));
  assert.deepEqual(signet.logs.filter((line) => line.level === "error"), []);
}

for (const lane of LANES) {
  Deno.test(
    `M1 M3: whoever leaves whenever, and whatever the upstream does, nothing stays taken (${lane} lane)`,
    STRICT,
    async () => {
      await fc.assert(
        fc.asyncProperty(actions, manners, (plan, ways) => leavesNothing(lane, plan, ways)),
        { numRuns: 15, endOnFailure: true },
      );
    },
  );
}
