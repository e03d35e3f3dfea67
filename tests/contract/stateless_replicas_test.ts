// Stateless clients before several replicas (docs/behaviour.md R1, R8, S3, S4): a call that waits is gone on with where it
// waits, and a client's state at servers that one replica alone reaches is in one place, where replicas share a store.
import assert from "node:assert/strict";
import { freePort } from "../../scripts/free_port.ts";
import { AskingServer } from "../support/asking_server.ts";
import { CountingServer } from "../support/counting_server.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { freshRing, TestSignet } from "../support/signet.ts";
import { answered, ask, type StatelessAsk } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const HERE = await needing(["redis-server"], "that replicas share a store");
const CAN = { capabilities: { elicitation: {} } };
const ASKS = { name: "asks", arguments: { questions: [["who", "elicitation/create", { message: "who?" }]] } };
const SAID = { who: { action: "accept" } };
const GONE = "Invalid params: the call that this requestState belongs to does not wait any more";

/** Replicas with one ring that know each other; each may have another server at the address of its own. */
class Crowd implements AsyncDisposable {
  readonly #ring = freshRing();
  readonly #flags: readonly string[];
  readonly #started = new Set<TestSignet>();

  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
  }

  async start(upstream: string | readonly string[], port = freePort()): Promise<TestSignet> {
    const own = ["--advertise", `http://127.0.0.1:${port}`, "--peer", "127.0.0.0/8"];
    const flags = [...own, ...this.#flags];
    const signet = await TestSignet.start({ upstream, ring: this.#ring, listen: `127.0.0.1:${port}`, flags });
    this.#started.add(signet);
    return signet;
  }

  async stop(signet: TestSignet): Promise<void> {
    this.#started.delete(signet);
    await until(() => signet.app.storeIsWhole, "both connections to the store");
    await signet[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signet of [...this.#started]) await this.stop(signet);
  }
}

function again(requestState: unknown) {
  return { ...ASKS, requestState, inputResponses: SAID };
}

Deno.test(
  "S4 R1: a call that waits at one replica is gone on with by way of another, and runs once",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using crowd = new Crowd();
    const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
    const { result: { requestState } } = await answered(ask(here, "tools/call", ASKS, CAN));
    const { result, status } = await answered(ask(there, "tools/call", again(requestState), CAN));
    assert.deepEqual([status, result?.got], [200, [{ action: "accept" }]]);
    assert.equal(server.ran.get("asks"), 1);
    assert.equal(await there.metric('signet_hops_total{outcome="passed"}'), 1);
    const stale = await answered(ask(there, "tools/call", again(requestState), CAN));
    assert.deepEqual([stale.status, stale.error.code, stale.error.message], [200, -32602, GONE]);
  },
);

Deno.test("S4 R1: a call that asks in rounds finds its way in each of them", STRICT, async () => {
  await using server = new AskingServer();
  await using crowd = new Crowd();
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const [who] = ASKS.arguments.questions;
  const params = { name: "asks", arguments: { questions: [who, ["why", "elicitation/create", {}]] } };
  const first = (await answered(ask(here, "tools/call", params, CAN))).result;
  const retry = { ...params, requestState: first.requestState, inputResponses: SAID };
  const second = (await answered(ask(there, "tools/call", retry, CAN))).result;
  assert.deepEqual(Object.keys(second.inputRequests), ["why"]);
  const last = { ...params, requestState: second.requestState, inputResponses: { why: { action: "decline" } } };
  const { result } = await answered(ask(there, "tools/call", last, CAN));
  assert.deepEqual(result.got, [{ action: "accept" }, { action: "decline" }]);
  assert.equal(server.ran.get("asks"), 1);
});

Deno.test("S4 R8: a call that waited at a replica that is gone is lost, and not run again", STRICT, async () => {
  await using server = new AskingServer();
  await using crowd = new Crowd();
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const { result: { requestState } } = await answered(ask(here, "tools/call", ASKS, CAN));
  await crowd.stop(here);
  const { status, error } = await answered(ask(there, "tools/call", again(requestState), CAN));
  assert.deepEqual([status, error.code, error.message], [200, -32602, GONE]);
  assert.equal(error.data.reason, "invalid_request_state");
  assert.equal(server.ran.get("asks"), 1);
});

Deno.test("S4: where its tool changes nothing it is run again by the replica that is asked, once", STRICT, async () => {
  await using server = new AskingServer();
  await using crowd = new Crowd();
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const reads = { ...ASKS, name: "reads" };
  const { result: { requestState } } = await answered(ask(here, "tools/call", reads, CAN));
  const retry = () => answered(ask(there, "tools/call", { ...again(requestState), name: "reads" }, CAN));
  await crowd.stop(here);
  assert.deepEqual((await retry()).result?.got, [{ action: "accept" }]);
  assert.deepEqual((await retry()).error.message, GONE);
  assert.equal(server.ran.get("reads"), 2);
});

Deno.test("S1 S4: another caller is led nowhere by a state that waits elsewhere", STRICT, async () => {
  await using server = new AskingServer();
  await using issuer = await TestIssuer.create();
  await using crowd = new Crowd(issuer.flags);
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const alice = { ...CAN, token: await issuer.token("alice") },
    mallory = { ...CAN, token: await issuer.token("mallory") };
  const { result: { requestState } } = await answered(ask(here, "tools/call", ASKS, alice));
  const { status, error } = await answered(ask(there, "tools/call", again(requestState), mallory));
  assert.deepEqual([status, error.code, error.data.reason], [200, -32602, "invalid_request_state"]);
  assert.equal(await there.metric('signet_hops_total{outcome="passed"}'), 0);
  const own = await answered(ask(there, "tools/call", again(requestState), alice));
  assert.deepEqual(own.result.got, [{ action: "accept" }]);
});

Deno.test("S1 M4: a state that is not sealed leads to peers and nowhere else", STRICT, async () => {
  await using server = new AskingServer();
  await using crowd = new Crowd(["--seal-state", "off"]);
  const here = await crowd.start(server.url);
  const home = btoa("http://192.0.2.1:80").replace(/=+$/, "");
  const { error } = await answered(
    ask(here, "tools/call", again(`park.${"0".repeat(32)}.1.${"0".repeat(16)}..${home}`), CAN),
  );
  assert.deepEqual([error.code, error.message], [-32602, GONE]);
  assert.equal(await here.metric('signet_hops_total{outcome="refused"}'), 1);
});

async function count(signet: TestSignet, of: StatelessAsk = {}): Promise<number> {
  const { result, text } = await answered(ask(signet, "tools/call", { name: "count", arguments: {} }, of));
  assert.ok(result !== undefined, text);
  return result.structuredContent.count;
}

function withStore(title: string, body: (scene: { redis: RedisServer; crowd: Crowd }) => Promise<void>): void {
  Deno.test(title, { ...STRICT, ...HERE }, async () => {
    await using redis = await RedisServer.start();
    await using crowd = new Crowd(["--store", redis.url, "--store-timeout", "300ms"]);
    await body({ redis, crowd });
  });
}

withStore("S3 R1: a caller's state is in one place, whichever replica he asks", async ({ crowd }) => {
  // Each replica has a server of its own at the same address in its machine: here they are told apart by nothing.
  await using server = new CountingServer();
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const counts = [];
  for (const signet of [here, there, there, here]) counts.push(await count(signet));
  assert.deepEqual(counts, [1, 2, 3, 4]);
  assert.equal(server.received("POST", "initialize").length, 1);
  assert.equal(await there.metric('signet_hops_total{outcome="passed"}'), 2);
  const discovered = await answered(ask(there, "server/discover"));
  assert.deepEqual(discovered.result.capabilities, { tools: {} });
});

withStore("S3 R1: of replicas that are asked at once one has it", async ({ crowd }) => {
  await using server = new CountingServer();
  const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
  const counts = await Promise.all([here, there, here, there, here, there].map((signet) => count(signet)));
  assert.deepEqual(counts.sort(), [1, 2, 3, 4, 5, 6]);
  assert.equal(server.received("POST", "initialize").length, 1);
});

withStore("S3 R1: a replica that ends gives it up, and one takes it over for all", async ({ crowd }) => {
  await using server = new CountingServer();
  const replicas = [await crowd.start(server.url), await crowd.start(server.url), await crowd.start(server.url)];
  assert.equal(await count(replicas[0]!), 1);
  assert.equal(await count(replicas[1]!), 2);
  await crowd.stop(replicas[0]!);
  const counts = await Promise.all([1, 2, 1, 2].map((at) => count(replicas[at]!)));
  assert.deepEqual(counts.sort(), [1, 2, 3, 4], "begun anew, once");
});

withStore("S3: a replica that comes back under its name goes on with its server's session", async ({ crowd }) => {
  await using server = new CountingServer();
  const port = freePort();
  const first = await crowd.start(server.url, port);
  assert.equal(await count(first), 1);
  await crowd.stop(first);
  const second = await crowd.start(server.url, port);
  assert.equal(await count(second), 2);
  assert.equal(server.received("DELETE").length, 0);
});

withStore(
  "S3 R6: without the store each replica has its own, and they agree when it is back",
  async ({ redis, crowd }) => {
    await using server = new CountingServer();
    const [here, there] = [await crowd.start(server.url), await crowd.start(server.url)];
    await redis.kill();
    assert.deepEqual([await count(here), await count(there), await count(here)], [1, 1, 2]);
    assert.ok(await there.metric("signet_pooled_sessions_unshared_total") > 0);
    await redis.start();
  },
);

/** A call of what only reads, lost with the replica that it waited at; how to bring its answer to one of two others. */
async function lostCall(crowd: Crowd, server: AskingServer) {
  const [here, ...others] = [
    await crowd.start(server.url),
    await crowd.start(server.url),
    await crowd.start(server.url),
  ];
  const { result: { requestState } } = await answered(ask(here, "tools/call", { ...ASKS, name: "reads" }, CAN));
  await crowd.stop(here);
  const retry = (at: TestSignet) => answered(ask(at, "tools/call", { ...again(requestState), name: "reads" }, CAN));
  return { others, retry };
}

withStore("S4 R8: a lost call is run again once, however many replicas are asked", async ({ crowd }) => {
  await using server = new AskingServer();
  const { others, retry } = await lostCall(crowd, server);
  assert.deepEqual((await retry(others[0]!)).result?.got, [{ action: "accept" }]);
  for (const other of [others[1]!, others[0]!, others[1]!]) assert.equal((await retry(other)).error?.message, GONE);
  assert.equal(server.ran.get("reads"), 2);
});

withStore("S4 R8: a lost call is run again once, although many replicas are asked at once", async ({ crowd }) => {
  await using server = new AskingServer();
  const { others, retry } = await lostCall(crowd, server);
  const results = (await Promise.all([...others, ...others].map(retry))).map(({ result }) => result?.got);
  assert.deepEqual(results.filter((got) => got !== undefined), [[{ action: "accept" }]]);
  assert.equal(server.ran.get("reads"), 2);
});
