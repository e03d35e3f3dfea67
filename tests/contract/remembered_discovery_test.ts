// What a server has said of itself is told again where a stateless client's probe would meet a server that is down, or a
// limit (docs/behaviour.md S5; docs/protocol.md 38): to its own owner and kind of client alone, and for an hour at most.
import assert from "node:assert/strict";
import { Discoveries } from "../../lib/gateway/out/stateless/discoveries.ts";
import { FakeMcp, type FakeOptions } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask, type StatelessAsk } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** Both kinds of server: one that is passed through to, and one that is bridged. */
const KINDS: readonly FakeOptions[] = [{}, { sessionsOnly: true }];

async function probe(signet: TestSignet, of: StatelessAsk = {}) {
  const { status, result, error } = await answered(ask(signet, "server/discover", {}, of));
  return { status, versions: result?.supportedVersions, ttlMs: result?.ttlMs, code: error?.code };
}

const KNOWN = { status: 200, versions: ["2026-07-28"], ttlMs: 0, code: undefined };

for (const options of KINDS) {
  const kind = options.sessionsOnly ? "bridged" : "passed through to";
  Deno.test(`S5: a probe is answered while a server is down that is ${kind}`, STRICT, async () => {
    const server = new FakeMcp(options);
    await using issuer = await TestIssuer.create();
    let nowMs = Date.now();
    await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags, now: () => nowMs });
    const alice = { token: await issuer.token("alice") }, bob = { token: await issuer.token("bob") };
    assert.equal((await probe(signet, alice)).status, 200);
    await server[Symbol.asyncDispose]();
    assert.deepEqual(await probe(signet, { ...alice, rpcId: "again" }), KNOWN);
    assert.notEqual((await probe(signet, bob)).status, 200, "another owner is told nothing");
    const other = { ...alice, capabilities: { sampling: {} } };
    assert.notEqual((await probe(signet, other)).status, 200, "nor another kind of client");
    if (options.sessionsOnly) return; // the session is here, and says what it is
    assert.equal(await signet.metric("signet_discoveries_remembered_total"), 1);
    nowMs += 61 * 60_000;
    assert.notEqual((await probe(signet, { token: await issuer.token("alice") })).status, 200, "not for ever");
  });
}

Deno.test(
  "S5: what a busy server says to a probe is not passed on, what it says of its caller is",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: server.url });
    let answer = 429;
    server.onRequest = () => answer === 200 ? undefined : new Response("", { status: answer });
    assert.equal(await statusOf(signet), 429, "nothing is remembered yet");
    answer = 200;
    assert.equal((await probe(signet)).status, 200);
    for (answer of [429, 500, 503]) assert.deepEqual(await probe(signet), KNOWN);
    for (answer of [401, 403]) assert.equal(await statusOf(signet), answer);
  },
);

async function statusOf(signet: TestSignet, of: StatelessAsk = {}): Promise<number> {
  const { status, body } = await ask(signet, "server/discover", {}, of);
  await body?.cancel();
  return status;
}

Deno.test("S5: at a limit a probe is answered at once", STRICT, async () => {
  await using server = new FakeMcp();
  const done = Promise.withResolvers<unknown>();
  server.tool("slow", () => done.promise);
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--max-in-flight", "1"] });
  assert.equal((await probe(signet)).status, 200);
  const slow = answered(ask(signet, "tools/call", { name: "slow" }));
  await until(() => server.ran.get("slow") === 1, "the server runs it");
  assert.deepEqual(await probe(signet), KNOWN);
  done.resolve({ content: [] });
  await slow;
});

Deno.test("S5: so it is beyond a rate", STRICT, async () => {
  await using server = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--rate", "1/m"] });
  assert.equal((await probe(signet)).status, 200);
  assert.deepEqual(await probe(signet), KNOWN);
});

Deno.test("S5: as an event it is heard too, and what is none is not remembered", STRICT, async () => {
  await using server = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--era", "stateless"] });
  const result = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: {}, ttlMs: 5000 };
  let answer: () => Response = () =>
    new Response('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', { headers: EVENTS });
  server.onRequest = () => answer();
  await probe(signet);
  answer = () => new Response("", { status: 503 });
  assert.equal(await statusOf(signet), 503);
  answer = () => new Response(`data: ${JSON.stringify({ jsonrpc: "2.0", id: 1, result })}\n\n`, { headers: EVENTS });
  assert.equal((await probe(signet)).ttlMs, 5000);
  answer = () => new Response("", { status: 503 });
  assert.deepEqual(await probe(signet), KNOWN);
});

const EVENTS = { "content-type": "text/event-stream" };

Deno.test("M6: what is remembered of servers is bounded in number, bytes and time", STRICT, () => {
  const discoveries = new Discoveries({ maxEntries: 2, maxBytes: 100, lifeMs: 10 });
  for (const [at, key] of ["a", "b", "c"].entries()) discoveries.remember(key, key, at);
  assert.deepEqual(["a", "b", "c"].map((key) => discoveries.find(key, 5)), [undefined, "b", "c"]);
  assert.equal(discoveries.find("b", 11), undefined);
  assert.equal(discoveries.find("c", 11), "c");
  discoveries.remember("d", "x".repeat(50), 11);
  assert.deepEqual([discoveries.find("c", 11), discoveries.size], [undefined, 1]);
  discoveries.remember("d", "x".repeat(70_000), 11);
  assert.deepEqual([discoveries.find("d", 11), discoveries.size], [undefined, 0]);
});

Deno.test(
  "S5: where Signet knows nobody, what a server said to one credential is told to no other",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: server.url });
    let answer = 200;
    server.onRequest = () => answer === 200 ? undefined : new Response("", { status: answer });
    const apiKey = { headers: { "x-api-key": "k3y" } };
    for (const who of [{ token: "alices" }, apiKey]) assert.equal((await probe(signet, who)).status, 200);
    answer = 503;
    for (const who of [{ token: "alices" }, apiKey]) assert.deepEqual(await probe(signet, who), KNOWN);
    for (const who of [{ token: "bobs" }, {}, { headers: { "x-api-key": "other" } }]) {
      assert.equal(await statusOf(signet, who), 503, "the server has not let this one in");
    }
  },
);
