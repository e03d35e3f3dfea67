// Whoever can write to the shared store, without the ring (docs/behaviour.md R4, L4, O1): what replicas sealed there is
// good for what it was left for and nothing else, and nothing that is put there stops a replica.
import assert from "node:assert/strict";
import { openSession } from "../../lib/envelope/session_id.ts";
import { digestOf } from "../../lib/store/redis/digest.ts";
import type { FakeMcp } from "../support/fake_mcp.ts";
import { needing } from "../support/programs.ts";
import { RedisServer } from "../support/redis_server.ts";
import { Replicas } from "../support/replicas.ts";
import { call, INITIALIZE, LANES, status, type TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const HERE = await needing(["redis-server"], "that whoever writes to the store leads nobody astray");

interface Scene {
  readonly redis: RedisServer;
  readonly upstream: FakeMcp;
  readonly issuer: TestIssuer;
  readonly here: TestSignet;
  readonly there: TestSignet;
  readonly sidOf: (id: string) => string;
}

async function scene(lane: typeof LANES[number], body: (scene: Scene) => Promise<void>): Promise<void> {
  await using issuer = await TestIssuer.create();
  await using redis = await RedisServer.start();
  await using replicas = await Replicas.start({ count: 2, lane, flags: [...issuer.flags, "--store", redis.url] });
  const { ring } = replicas;
  const { signet: here, upstream } = replicas.at(0);
  const { signet: there } = replicas.at(1);
  const sidOf = (id: string) => {
    const opened = openSession(ring, id);
    assert.ok(opened.ok);
    return opened.session.sid;
  };
  await body({ redis, upstream, issuer, here, there, sidOf });
  for (const { app } of [here, there]) await until(() => app.storeIsWhole, "both connections to the store");
}

for (const lane of LANES) {
  Deno.test(
    `L4 O1: where one session went is not where another goes, whoever copies it in the store (${lane} lane)`,
    { ...STRICT, ...HERE },
    () =>
      scene(lane, async ({ redis, upstream, issuer, here, sidOf }) => {
        const [alice, mallory] = [await issuer.token("alice"), await issuer.token("mallory")];
        const [ofAlice, ofMallory] = [await here.open({ token: alice }), await here.open({ token: mallory })];
        upstream.forgetSessions();
        assert.equal(await status(here.post(call(1, "echo"), { id: ofMallory, token: mallory })), 200);
        const at = (id: string) => `signet:alias:${digestOf(sidOf(id))}`;
        await until(async () => (await redis.ask("EXISTS", at(ofMallory))).startsWith(":1"), "the move to be told");
        const mallorysUpstreamId = upstream.requests.at(-1)!.sessionId;
        await redis.ask("COPY", at(ofMallory), at(ofAlice));
        assert.equal(await status(here.post(call(2, "echo"), { id: ofAlice, token: alice })), 200);
        assert.notEqual(upstream.requests.at(-1)!.sessionId, mallorysUpstreamId, "Alice speaks in Mallory's session");
      }),
  );
}

Deno.test(
  "R4: what is no revocation in the log of revocations stops nobody from hearing the next one",
  { ...STRICT, ...HERE },
  () =>
    scene("full", async ({ redis, upstream, issuer, here, there, sidOf }) => {
      const token = await issuer.token("alice");
      const [moved, id] = [await here.open({ token }), await here.open({ token })];
      upstream.forgetSessions();
      assert.equal(await status(here.post(call(1, "echo"), { id: moved, token })), 200);
      const alias = `signet:alias:${digestOf(sidOf(moved))}`;
      await until(async () => (await redis.ask("EXISTS", alias)).startsWith(":1"), "the move to be told");
      const sealed = (await redis.ask("GET", alias)).split("\r\n")[1]!;
      assert.equal(await status(there.post(call(2, "echo"), { id, token })), 200);
      for (const text of [sealed, "no seal", "{}"]) {
        await redis.ask("XADD", "{signet:revoked}:log", "*", "r", text);
        await redis.ask("PUBLISH", "{signet:revoked}:changes", "1");
        await redis.ask("PUBLISH", "signet:moved", text);
      }
      await redis.ask("PUBLISH", "signet:moved", "{}");
      assert.equal(await status(here.delete({ id, token })), 204);
      await until(
        async () => await status(there.post(call(3, "echo"), { id, token })) === 404,
        "the next revocation to be heard",
      );
      assert.equal(await status(there.post(call(4, "echo"), { id: moved, token })), 200);
    }),
);

Deno.test(
  "R6: whatever somebody puts into the store's keys, what is known goes on, nothing fails as Signet's own fault, and all is well when it is gone",
  { ...STRICT, ...HERE },
  () =>
    scene("fast", async ({ redis, issuer, here, there }) => {
      const token = await issuer.token("alice");
      const id = await here.open({ token });
      assert.equal(await status(here.post(call(1, "echo"), { id, token })), 200);
      const [revoked, places] = ["{signet:revoked}", `{signet:places:${await placesOf(redis)}}`];
      const names = [
        ...["until", "before", "log", "last"].map((name) => `${revoked}:${name}`),
        places,
        `${places}:yields`,
      ];
      for (const type of [["SET"], ["RPUSH"], ["HSET", "x"]]) {
        for (const name of names) {
          await redis.ask("DEL", name);
          const [command = "", ...more] = type;
          await redis.ask(command, name, ...more, "nonsense");
        }
        await redis.ask("PUBLISH", `${revoked}:changes`, "1");
        assert.equal(await status(here.post(call(2, "echo"), { id, token })), 200);
        assert.ok([200, 503].includes(await status(there.post(call(3, "echo"), { id, token }))), type[0]);
        assert.ok([200, 429, 503].includes(await status(there.post(INITIALIZE, { token }))), type[0]);
      }
      await redis.ask("FLUSHALL");
      await until(async () => await status(there.post(call(4, "echo"), { id, token })) === 200, "all to be well again");
      assert.equal(await status(there.delete({ id, token })), 204);
      await until(async () => await status(here.post(call(5, "echo"), { id, token })) === 404, "the end to be heard");
    }),
);

async function placesOf(redis: RedisServer): Promise<string> {
  const found = /\{signet:places:([\w-]{22})\}\r\n/.exec(await redis.ask("KEYS", "{signet:places:*"))?.[1];
  assert.ok(found !== undefined);
  return found;
}
