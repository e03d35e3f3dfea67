// Two Signets before one MCP server that share a real Redis (docs/behaviour.md R4–R6, L6, M1; issue "Many replicas").
import assert from "node:assert/strict";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ISSUER } from "../support/issuer.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { call, freshRing, INITIALIZE, type Lane, LANES, revoke, status, TestSignet } from "../support/signet.ts";
import { Stopwatch } from "../support/stopwatch.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const HERE = await needing(["redis-server"], "that replicas share revocations and limits");

interface Scene {
  readonly upstream: FakeMcp;
  readonly redis: RedisServer;
  readonly here: TestSignet;
  readonly there: TestSignet;
  /** Starts one more replica. */
  readonly start: () => Promise<TestSignet>;
  readonly issuer: TestIssuer;
}

interface Given {
  readonly lane?: Lane;
  readonly flags?: string[];
  readonly storeTimeout?: string;
}

function test(title: string, body: (scene: Scene) => Promise<void>, given: Given = {}) {
  Deno.test(title, { ...STRICT, ...HERE }, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using redis = await RedisServer.start();
    const ring = freshRing();
    await using here = await replica({ upstream, redis, ring, issuer, ...given });
    const start = () => replica({ upstream, redis, ring, issuer, ...given });
    await using there = await start();
    await body({ upstream, redis, here, there, start, issuer });
    // What the library waits for between two attempts to connect cannot be taken back.
    for (const { app } of [here, there]) await until(() => app.storeIsWhole, "both connections to the store");
  });
}

function replica(
  given: Given & { upstream: FakeMcp; redis: RedisServer; ring: KeyRing; issuer: TestIssuer },
): Promise<TestSignet> {
  // A machine that is busy is no store that is silent.
  const { upstream, redis, ring, issuer, lane, flags = [], storeTimeout = "10s" } = given;
  const storing = ["--store", redis.url, "--store-timeout", storeTimeout];
  return TestSignet.start({
    ...{ upstream: upstream.url, ring, flags: [...issuer.flags, ...storing, ...flags] },
    ...(lane === undefined ? {} : { lane }),
  });
}

/** What `POST /sessions/revoke` answers. */
function ordered({ app }: TestSignet, request: unknown): Promise<Response> {
  return fetch(`http://${app.admin}/sessions/revoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
}

for (const lane of LANES) {
  test(
    `R4 L5: DELETE on a replica that never saw the session ends it on all within a second (${lane} lane)`,
    async (scene) => {
      const { here, there, issuer } = scene;
      const token = await issuer.token("alice");
      const id = await here.open({ token });
      assert.equal(await status(here.post(call(1, "echo"), { id, token })), 200);
      const stream = await here.get({ id, token });
      assert.equal(await status(there.delete({ id, token })), 204);
      using deletion = new Stopwatch();
      assert.equal(await stream.text(), "", "its stream ends");
      assert.ok(deletion.elapsedMs < 1000);
      for (const signet of [here, there]) assert.equal(await status(signet.post(call(2, "echo"), { id, token })), 404);
    },
    { lane },
  );

  test(`R4: whoever is revoked on one replica is refused on all within a second (${lane} lane)`, async (scene) => {
    const { here, there, issuer } = scene;
    const token = await issuer.token("alice");
    const other = await issuer.token("bob");
    const [id, others] = [await here.open({ token }), await here.open({ token: other })];
    const stream = await here.get({ id, token });
    await revoke(there, { kind: "principal", issuer: ISSUER, subject: "alice" });
    using revocation = new Stopwatch();
    assert.equal(await stream.text(), "");
    assert.ok(revocation.elapsedMs < 1000);
    assert.equal(await status(here.post(call(1, "echo"), { id, token })), 404);
    assert.equal(await status(here.post(call(1, "echo"), { id: others, token: other })), 200);
  }, { lane });

  test(
    `R6: without its store a session that is known goes on, one that is not is refused, new ones are let in; then all is as before (${lane} lane)`,
    async (scene) => {
      const { here, there, redis, issuer } = scene;
      const token = await issuer.token("alice");
      const id = await here.open({ token });
      await redis.kill();
      assert.equal(await status(here.post(call(1, "echo"), { id, token })), 200);
      assert.equal(await status(there.post(call(1, "echo"), { id, token })), 503);
      assert.equal(await status(there.post(INITIALIZE, { token })), 200);
      assert.equal(await there.metric("signet_store_unlimited_total"), 1);
      assert.equal(await here.metric("signet_store_up"), 0);
      await redis.start();
      await until(async () => await status(there.post(call(2, "echo"), { id, token })) === 200, "the store to be back");
    },
    { lane },
  );
}

for (const kind of ["session", "principal", "before"]) {
  test(`L6 R6: what an operator revokes without the store ends where that is said, and holds (${kind})`, async (scene) => {
    const { here, there, redis, issuer } = scene;
    const token = await issuer.token("alice");
    const id = await here.open({ token });
    const stream = await here.get({ id, token });
    await redis.kill();
    const moment = { beforeMs: Date.now() };
    const what = { session: { id }, principal: { issuer: ISSUER, subject: "alice" }, before: moment }[kind];
    assert.equal(await status(ordered(here, { kind, ...what })), 503);
    assert.equal(await stream.text(), "", "its stream ends");
    assert.equal(await status(here.post(call(1, "echo"), { id, token })), 404);
    await redis.start();
    await until(async () => await status(there.post(call(2, "echo"), { id, token })) === 404, "all to hear of it");
  });
}

for (const loss of ["all that it had", "itself"]) {
  test(`L6 R6: a replica that has just started takes no revoked id from a store that has lost ${loss}`, async (scene) => {
    const { here, redis, start, issuer } = scene;
    const token = await issuer.token("alice");
    const id = await here.open({ token });
    assert.equal(await status(here.delete({ id, token })), 204);
    if (loss === "itself") {
      await redis.kill();
      await redis.start();
    } else await redis.ask("FLUSHALL");
    await using fresh = await start();
    const found = new Set<number>();
    await until(async () => {
      found.add(await status(fresh.post(call(1, "echo"), { id, token })));
      return found.has(404) || found.has(200);
    }, "word of it");
    assert.equal(found.has(200), false);
    await until(() => fresh.app.storeIsWhole, "both connections to the store");
  });
}

test(
  "R6: a store that is silent holds a cold open up for its time-out only, and a warm call not at all",
  async (scene) => {
    const { here, there, redis, issuer } = scene;
    const token = await issuer.token("alice");
    const id = await here.open({ token });
    redis.freeze();
    try {
      assert.equal(await status(here.post(call(1, "echo"), { id, token })), 200);
      assert.equal(await status(there.post(call(1, "echo"), { id, token })), 503);
      const [pages] = [await there.metric("signet_store_failures_total")];
      assert.ok(pages >= 1);
    } finally {
      redis.thaw();
    }
    await until(async () => await status(there.post(call(2, "echo"), { id, token })) === 200, "the store to be back");
  },
  { storeTimeout: "300ms" },
);

test(
  "V1 R6: a store that may evict keys is told of, and one that has lost revocations, which is counted",
  async ({ redis, start, issuer }) => {
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await using late = await start();
    const token = await issuer.token("alice");
    const lines = (text: string) => late.logs.filter(({ event }) => event === text);
    await until(() => lines("the shared store may evict revocations").length > 0, "word of its policy");
    assert.equal(await status(late.delete({ id: await late.open({ token }), token })), 204);
    await redis.ask("FLUSHALL");
    await until(() => lines("the shared store has lost revocations").length > 0, "the loss to be found");
    const [found] = lines("the shared store may evict revocations").map(({ found }) => found);
    assert.deepEqual([found, lines("the shared store may evict revocations").length], [
      "maxmemory-policy allkeys-lru",
      1,
    ]);
    assert.equal(await late.metric('signet_store_losses_total{how="lost"}'), 1);
    await until(() => late.app.storeIsWhole, "both connections to the store");
  },
);

Deno.test("P2: a password that was rotated in the store and in its file needs no restart", {
  ...STRICT,
  ...HERE,
}, async () => {
  await using upstream = new FakeMcp();
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using folder = await TempFolder.create();
  const path = `${folder.path}/password`;
  await Deno.writeTextFile(path, "old\n", { mode: 0o600 });
  const rights = ["on", "~*", "&*", "+@all"];
  await redis.ask("ACL", "SETUSER", "sig", ...rights, ">old");
  const store = ["--store", redis.url.replace("//", "//sig@"), "--store-password-file", path, "--store-timeout", "10s"];
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: [...issuer.flags, ...store] });
  await until(() => signet.app.storeIsWhole, "both connections to the store");
  await redis.ask("ACL", "SETUSER", "sig", "resetpass", ">new");
  await Deno.writeTextFile(path, "new\n");
  assert.deepEqual(await signet.app.reload(), [], "nothing waits for a restart");
  const before = await redis.connectionsOf("sig");
  await redis.ask("CLIENT", "KILL", "USER", "sig");
  await until(async () => {
    const now = await redis.connectionsOf("sig");
    return signet.app.storeIsWhole && now.length === 2 && now.every((id) => !before.includes(id));
  }, "both connections to be let in anew");
});

test(
  "M1 R5: of 60 initializes at once over two replicas exactly as many succeed as a caller may have",
  async (scene) => {
    const { here, there, issuer } = scene;
    const token = await issuer.token("alice");
    const asked = Array.from(
      { length: 60 },
      (_, i) => status((i % 2 === 0 ? here : there).post(INITIALIZE, { token })),
    );
    const statuses = await Promise.all(asked);
    assert.equal(
      statuses.filter((code) => code === 200).length,
      10,
    );
    assert.equal(statuses.filter((code) => code === 429).length, 50);
    assert.equal(await status(there.post(INITIALIZE, { token: await issuer.token("bob") })), 200);
  },
  { flags: ["--max-sessions-per-principal", "10"] },
);

test("M5 R5: a place is given back by DELETE, and by not being used", async (scene) => {
  const { here, there, issuer } = scene;
  const token = await issuer.token("alice");
  const id = await here.open({ token });
  await here.open({ token });
  assert.equal(await status(there.post(INITIALIZE, { token })), 429);
  assert.equal(await status(there.delete({ id, token })), 204);
  const opened = () => status(there.post(INITIALIZE, { token }));
  await until(async () => await opened() === 200, "the place of the deleted session");
  await until(async () => await opened() === 200, "the place of one that nobody uses");
}, { flags: ["--max-sessions-per-principal", "2", "--yield-after", "1s"] });

Deno.test("T1 T3: a session token is known to all replicas, and revoked on all", { ...STRICT, ...HERE }, async () => {
  await using upstream = new FakeMcp();
  await using folder = await TempFolder.create();
  await using redis = await RedisServer.start();
  const secret = `${folder.path}/secret`;
  await Deno.writeTextFile(secret, btoa("x".repeat(40)), { mode: 0o600 });
  const flags = ["--principal", "token", "--token-secret-file", secret, "--store", redis.url];
  await using here = await TestSignet.start({ upstream: upstream.url, flags });
  await using there = await TestSignet.start({ upstream: upstream.url, flags });
  const admin = async (signet: TestSignet, path: string, body: unknown) => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(`http://${signet.app.admin}${path}`, init);
    assert.ok(response.ok);
    return await response.json();
  };
  const { token } = await admin(here, "/tokens", { agent: "a", ttlMs: 60_000 });
  assert.equal(await status(there.post(INITIALIZE, { token })), 200);
  await admin(here, "/tokens/revoke", { token });
  assert.equal(await status(there.post(INITIALIZE, { token })), 401);
  for (const { app } of [here, there]) await until(() => app.storeIsWhole, "both connections to the store");
});

for (const lane of LANES) {
  test(
    `G5 R5: of calls at once over three replicas exactly as many run as the rate lets through (${lane} lane)`,
    async ({ here, there, start, issuer, upstream }) => {
      const token = await issuer.token("alice");
      await using third = await start();
      const replicas = [here, there, third];
      const ids: string[] = [];
      for (const signet of replicas) ids.push(await signet.open({ token }));
      const asked = Array.from({ length: 60 }, (_, i) => {
        return replicas[i % 3]!.post(call(i, "echo"), { id: ids[i % 3]!, token });
      });
      const results = await Promise.all(asked.map(async (answer) => (await (await answer).json()).result));
      const refused = results.filter(({ isError }) => isError === true);
      assert.deepEqual([refused.length, upstream.ran.get("echo")], [50, 10]);
      await until(() => third.app.storeIsWhole, "the third connection to the store");
      assert.match(refused[0].content[0].text, /^Rate limit reached: .* Wait \d+ seconds before trying again\.$/);
    },
    { lane, flags: ["--rate", "10/h burst=13"] },
  );

  test(
    `G5 R6: while the store is away each replica counts for itself, and says so (${lane} lane)`,
    async ({ here, issuer, redis }) => {
      const token = await issuer.token("alice");
      const id = await here.open({ token });
      await redis.kill();
      const ran = async () => (await (await here.post(call(1, "echo"), { id, token })).json()).result.isError !== true;
      const results: boolean[] = [];
      for (let i = 0; i < 4; i++) results.push(await ran());
      assert.deepEqual(results, [true, true, true, false]);
      assert.ok(await here.metric("signet_rates_unshared_total") >= 4);
      await redis.start();
      await until(() => here.app.storeIsWhole, "the store is back");
    },
    { lane, flags: ["--rate", "3/h"] },
  );
}
