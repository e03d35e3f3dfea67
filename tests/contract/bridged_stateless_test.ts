// Stateless clients before an HTTP server that has sessions only (docs/behaviour.md S2, S3, M5; docs/protocol.md 25, 28,
// 30, 31): each owner, and each kind of client of his, has one session there, in which his requests are made.
import assert from "node:assert/strict";
import { CountingServer } from "../support/counting_server.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, status, TestSignet } from "../support/signet.ts";
import { answered, ask, eventsOf, type StatelessAsk } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const COUNT = { name: "count", arguments: {} };

async function count(signet: TestSignet, of: StatelessAsk = {}): Promise<number> {
  const { result, status } = await answered(ask(signet, "tools/call", COUNT, of));
  assert.deepEqual([status, result.resultType], [200, "complete"]);
  return result.structuredContent.count;
}

Deno.test("S2: a stateless client is served by a server that has sessions only", STRICT, async () => {
  await using server = new CountingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const discovered = await answered(ask(signet, "server/discover"));
  assert.equal(discovered.status, 200);
  assert.deepEqual(discovered.result.supportedVersions, ["2026-07-28"]);
  assert.deepEqual(discovered.result.capabilities, { tools: {} });
  assert.equal(discovered.result._meta["io.modelcontextprotocol/serverInfo"].name, "fake");
  assert.deepEqual([await count(signet), await count(signet)], [1, 2], "its state is kept");
  const list = await answered(ask(signet, "tools/list"));
  assert.deepEqual([list.status, list.result.ttlMs, list.result.cacheScope], [200, 0, "private"]);
  const unknown = await answered(ask(signet, "vendor/thing"));
  assert.deepEqual([unknown.status, unknown.error.code], [404, -32601]);
  assert.equal(server.sessions.size, 1);
  const probes = server.received("POST", "server/discover");
  assert.equal(probes.length, 2, "asked once for all, and again without what its caller brought");
  assert.equal(await signet.metric('signet_upstream_era{era="sessions"}'), 0, "nobody has opened a session of his own");
  assert.equal(await signet.metric('signet_bridged_entries{what="shared"}'), 1);
  const [seen] = server.received("POST", "tools/call");
  assert.ok(!seen!.body.includes("io.modelcontextprotocol/protocolVersion"), seen!.body);
  assert.deepEqual(["mcp-method", "mcp-name"].map((name) => seen!.headers.get(name)), [null, null]);
});

Deno.test("S3: no owner, and no other kind of client, ever sees another's state", STRICT, async () => {
  await using server = new CountingServer();
  await using issuer = await TestIssuer.create();
  await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const alice = { token: await issuer.token("alice") }, bob = { token: await issuer.token("bob") };
  assert.deepEqual([await count(signet, alice), await count(signet, bob), await count(signet, alice)], [1, 1, 2]);
  assert.equal(await count(signet, { token: await issuer.token("alice") }), 3, "whatever token");
  assert.equal(await count(signet, { ...alice, capabilities: { sampling: {} } }), 1);
  const initialized = server.received("POST", "initialize").map(({ body }) => JSON.parse(body).params.capabilities);
  assert.deepEqual(initialized, [{}, {}, { sampling: {} }]);
});

Deno.test("L4 S3: a session that the server has lost is opened again, and the request made in it", STRICT, async () => {
  await using server = new CountingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  assert.equal(await count(signet), 1);
  server.forgetSessions();
  assert.equal(await count(signet), 1);
  assert.equal(server.ran.get("count"), 2, "nothing ran twice");
});

Deno.test("PROTOCOL 30: a stateless client that closes its stream cancels the call", STRICT, async () => {
  await using server = new CountingServer();
  const done = Promise.withResolvers<unknown>();
  server.tool("slow", () => done.promise);
  await using signet = await TestSignet.start({ upstream: server.url });
  await count(signet);
  const leaving = new AbortController();
  const left = ask(signet, "tools/call", { name: "slow" }, { signal: leaving.signal }).catch(() => undefined);
  await until(() => server.ran.get("slow") === 1, "the server runs it");
  leaving.abort();
  await left;
  await until(() => server.received("POST", "notifications/cancelled").length === 1, "the server hears of it");
  done.resolve({ content: [] });
});

Deno.test(
  "M5: a caller with as many kinds of clients as it may have sessions makes room for itself",
  STRICT,
  async () => {
    await using server = new CountingServer();
    await using signet = await TestSignet.start({ upstream: server.url, flags: ["--max-sessions-per-principal", "2"] });
    for (const n of [1, 2, 3]) assert.equal(await count(signet, { capabilities: { [`x${n}`]: {} } }), 1);
    assert.equal(await count(signet, { capabilities: { x3: {} } }), 2);
    assert.equal(await count(signet, { capabilities: { x1: {} } }), 1, "the oldest has given way");
    await until(() => server.received("DELETE").length >= 2, "what gave way is ended at the server");
  },
);

Deno.test("S2: a server that learns the stateless revision is asked by it from then on", STRICT, async () => {
  const first = new CountingServer();
  const { port } = first;
  let nowMs = Date.now();
  await using signet = await TestSignet.start({ upstream: first.url, now: () => nowMs });
  assert.equal(await count(signet), 1);
  await first[Symbol.asyncDispose]();
  await using second = new FakeMcp({ port });
  second.onRequest = ({ body }) =>
    body.includes('"initialize"')
      ? Response.json({ jsonrpc: "2.0", id: 0, error: { code: -32022, message: "no" } }, { status: 400 })
      : undefined;
  nowMs += 60_000;
  await answered(ask(signet, "tools/call", COUNT));
  assert.ok(second.requests.length > 0);
});

Deno.test("S5: a server that is busy, or wants another credential, is passed on, and asked again", STRICT, async () => {
  await using server = new FakeMcp();
  let answer = 503;
  server.onRequest = () => answer === 200 ? undefined : new Response("", { status: answer });
  await using signet = await TestSignet.start({ upstream: server.url });
  for (answer of [503, 429, 401]) {
    const { status: seen, body } = await ask(signet, "tools/call", { name: "echo" });
    await body?.cancel();
    assert.equal(seen, answer);
  }
  answer = 200;
  assert.equal((await answered(ask(signet, "tools/call", { name: "echo", arguments: {} }))).status, 200);
});

Deno.test("S2: --era sessions serves stateless clients by the bridge without asking", STRICT, async () => {
  await using server = new CountingServer();
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--era", "sessions"] });
  assert.equal(await count(signet), 1);
  assert.equal(server.received("POST", "server/discover").length, 0);
  const id = await signet.open();
  assert.equal(await status(signet.post(call(1, "count"), { id })), 200);
});

Deno.test("S2: no caller makes a server look to others as if it had sessions only", STRICT, async () => {
  await using server = new FakeMcp();
  const discovery = {
    resultType: "complete",
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: {} },
    _meta: {},
  };
  server.onRequest = ({ body, headers }) => {
    if (headers.get("x-odd") !== null) return new Response("", { status: 400 });
    const { method, id } = JSON.parse(body || "{}");
    return method === "server/discover" ? Response.json({ jsonrpc: "2.0", id, result: discovery }) : undefined;
  };
  await using signet = await TestSignet.start({ upstream: server.url });
  await (await ask(signet, "tools/call", { name: "echo" }, { headers: { "x-odd": "1" } })).body?.cancel();
  await answered(ask(signet, "tools/call", { name: "echo", arguments: {} }));
  assert.equal(server.received("POST", "initialize").length, 0);
  assert.equal(server.received("POST", "tools/call").at(-1)!.headers.get("mcp-method"), "tools/call");
});

Deno.test(
  "S2: a stateless client hears the log lines of its call from the level on that it asks for",
  STRICT,
  async () => {
    await using server = new CountingServer();
    const said = ["debug", "warning", "odd", "error"];
    server.tool("says", ({ id }) => {
      const line = (level: string) => ({
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { level, data: "x" },
      });
      return eventsOf(
        [...said.map(line), { jsonrpc: "2.0", id, result: { content: [] } }].map((one) => JSON.stringify(one)),
      );
    });
    await using signet = await TestSignet.start({ upstream: server.url });
    const heard = async (of: StatelessAsk) => {
      const { text } = await answered(ask(signet, "tools/call", { name: "says" }, of));
      return [...text.matchAll(/"level":"(\w+)"/g)].map(([, level]) => level);
    };
    assert.deepEqual(await heard({}), []);
    assert.deepEqual(await heard({ logLevel: "debug" }), said);
    assert.deepEqual(await heard({ logLevel: "warning" }), ["warning", "odd", "error"]);
    assert.deepEqual(await heard({ logLevel: "emergency" }), ["odd"]);
    assert.deepEqual(await heard({ logLevel: "no such" }), said);
  },
);
