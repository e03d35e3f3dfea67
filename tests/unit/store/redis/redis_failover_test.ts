// A store whose master has become a replica: who asks it is told nothing that only the master of now can know, and that one is
// sought until it is found, whoever is silent meanwhile (docs/behaviour.md L6, T3, R6).
import assert from "node:assert/strict";
import type { Revocation, Store } from "../../../../lib/store/store.ts";
import { CuttableWire } from "../../../support/cuttable_wire.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import { answers, closeWhole, isWhole, LATER_MS, NOW_MS, openTestStore, PREFIX } from "../../../support/redis_store.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import { tokenRecord } from "../store_contract.ts";

const HERE = await needing(["redis-server"], "that replicas share a store");

const DELETED = { kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" } satisfies Revocation;
const IS_READ_ONLY = { message: /refused: READONLY.*name its master/ };

interface Scene {
  /** Asks whoever has the name. */
  readonly store: Store;
  /** Asks the master of now. */
  readonly other: Store;
  readonly next: RedisServer;
  readonly wire: CuttableWire;
}

/** One that follows nobody it could hear of anything, and the master of now, which has not the name yet. */
function test(title: string, body: (scene: Scene) => Promise<void>, silenceMs = 1000): void {
  Deno.test(`redis store ${title}`, { ...STRICT, ...HERE }, async () => {
    await using redis = await RedisServer.start();
    await using next = await RedisServer.start();
    await using wire = await CuttableWire.to(redis.port);
    const store = await openTestStore(wire, { silenceMs, timeoutMs: 1000 });
    const other = await openTestStore(next);
    try {
      for (const each of [store, other]) each.shared!.watchRevocations(() => {});
      await until(() => isWhole(store), "both connections");
      for (const each of [store, other]) await each.revocations.add(DELETED);
      await redis.ask("REPLICAOF", "127.0.0.1", "1");
      await body({ store, other, next, wire });
    } finally {
      wire.leadTo(next.port);
      await closeWhole(store, other);
    }
  });
}

test("T3: who has become a replica tells of no token that it is not there to be revoked", async ({ store, other }) => {
  await other.tokens.insertBelowLimit(tokenRecord("t"), { limit: 5, nowMs: NOW_MS });
  await assert.rejects(async () => await store.tokens.remove("t"), IS_READ_ONLY);
  await assert.rejects(async () => await store.tokens.removeAgent("a", NOW_MS), IS_READ_ONLY);
});

test("L6: who has become a replica says of no revocation that it is kept", async ({ store }) => {
  await assert.rejects(async () => await store.revocations.add(DELETED), IS_READ_ONLY);
});

/** The store goes on as one that has not heard that these were revoked. */
async function forget(other: Store): Promise<void> {
  for (const sid of ["t", "of an agent"]) {
    const record = { ...tokenRecord(sid), agent: sid, expiresAtS: NOW_MS };
    const { inserted } = await other.tokens.insertBelowLimit(record, { limit: 5, nowMs: Date.now() });
    assert.ok(inserted);
  }
}

for (const way of ["it is shown", "the store comes back", "the store has lost revocations, too"]) {
  Deno.test(`redis store T3: a token whose removal a store has lost is removed again where ${way}`, {
    ...STRICT,
    ...HERE,
  }, async () => {
    await using redis = await RedisServer.start();
    const [store, other] = [await openTestStore(redis), await openTestStore(redis)];
    try {
      for (const each of [store, other]) each.shared!.watchRevocations(() => {});
      await until(() => isWhole(store), "both connections");
      await forget(other);
      await store.revocations.add(DELETED);
      assert.equal(await store.tokens.remove("t"), true);
      assert.equal(await store.tokens.removeAgent("of an agent", Date.now()), 1);
      await redis.ask("DEL", `{${PREFIX}:revoked}:log`);
      await forget(other);
      if (way === "it is shown") {
        for (const sid of ["t", "of an agent"]) assert.equal(await store.tokens.get(sid), undefined);
      } else if (way === "the store comes back") await redis.ask("CLIENT", "KILL", "TYPE", "normal");
      else await store.revocations.changesSince(0, 10);
      const isGone = async (sid: string) => await answers(other) && await other.tokens.get(sid) === undefined;
      for (const sid of ["t", "of an agent"]) await until(() => isGone(sid), `${sid} to be removed again`);
    } finally {
      await closeWhole(store, other);
    }
  });
}

Deno.test(
  "redis store T3: a token whose removal a store has lost is removed again by one that took no writes as it came back",
  {
    ...STRICT,
    ...HERE,
  },
  async () => {
    await using redis = await RedisServer.start();
    const [store, other] = [await openTestStore(redis), await openTestStore(redis)];
    try {
      for (const each of [store, other]) each.shared!.watchRevocations(() => {});
      await until(() => isWhole(store), "both connections");
      await forget(other);
      for (const sid of ["t", "of an agent"]) assert.equal(await store.tokens.remove(sid), true);
      await forget(other);
      // A replica at first, which its master's end makes the master where it stands.
      await redis.ask("REPLICAOF", "127.0.0.1", "1");
      await redis.ask("CLIENT", "KILL", "TYPE", "normal");
      const isRefused = async () =>
        /READONLY/.test(String(await Promise.resolve(store.tokens.get("another")).catch(String)));
      await until(isRefused, "the store to be back");
      // Nor does another connection lead to one that takes them.
      await aMoment(300);
      await redis.ask("REPLICAOF", "NO", "ONE");
      await until(() => answers(other), "the store to take writes");
      await store.revocations.changesSince(0, 10);
      const isGone = async (sid: string) => await other.tokens.get(sid) === undefined;
      for (const sid of ["t", "of an agent"]) await until(() => isGone(sid), `${sid} to be removed again`);
    } finally {
      await closeWhole(store, other);
    }
  },
);

Deno.test(
  "redis store T3: a token whose removal a store has lost is removed again where it was another's replica for a while, and kept its connections",
  { ...STRICT, ...HERE },
  async () => {
    // What one has of the other stands in no file.
    await using redis = await RedisServer.start(["--repl-diskless-load", "swapdb"]);
    await using next = await RedisServer.start(["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]);
    const [store, other, behind] = [await openTestStore(redis), await openTestStore(redis), await openTestStore(next)];
    try {
      for (const each of [store, other, behind]) {
        each.shared!.watchRevocations(() => {});
        await until(() => isWhole(each), "both connections");
      }
      for (const each of [other, behind]) await forget(each);
      for (const sid of ["t", "of an agent"]) assert.equal(await store.tokens.remove(sid), true);
      // Who is the master meanwhile has not heard of it.
      await redis.ask("REPLICAOF", "127.0.0.1", String(next.port));
      await until(async () => (await redis.ask("INFO", "replication")).includes("link_status:up"), "a copy of it");
      assert.equal(await answers(store), false);
      // Nor does another connection lead to one that takes writes.
      await aMoment(300);
      await redis.ask("REPLICAOF", "NO", "ONE");
      const isGone = async (sid: string) => await answers(other) && await other.tokens.get(sid) === undefined;
      for (const sid of ["t", "of an agent"]) await until(() => isGone(sid), `${sid} to be removed again`);
    } finally {
      await closeWhole(store, other, behind);
    }
  },
);

Deno.test("redis store R6: a store that keeps writes waiting, as before a failover, goes once, and comes back once", {
  ...STRICT,
  ...HERE,
}, async () => {
  await using redis = await RedisServer.start();
  const changes: boolean[] = [];
  const onChange = (up: boolean) => void changes.push(up);
  const store = await openTestStore(redis, { timeoutMs: 300, silenceMs: 1000, onChange });
  try {
    store.shared!.watchRevocations(() => {});
    await until(() => isWhole(store), "both connections");
    changes.length = 0;
    const isPaused = await redis.ask("CLIENT", "PAUSE", "3000", "WRITE");
    assert.equal(isPaused, "+OK\r\n");
    await until(async () => !await answers(store), "nobody to answer");
    await until(() => answers(store), "the store to answer");
    assert.deepEqual(changes, [false, true]);
  } finally {
    await closeWhole(store);
  }
});

/** Connections there, of whoever is there: two of the other, two of the one that has found it. */
async function connections(redis: RedisServer): Promise<number> {
  return [...(await redis.ask("CLIENT", "LIST")).matchAll(/ name=signet /g)].length;
}

test("R6: the master of now is sought until it is found, also where nobody asks meanwhile", async (scene) => {
  const { store, other, next, wire } = scene;
  await until(() => isWhole(other), "both connections of the other");
  await assert.rejects(async () => await store.tokens.get("t"), IS_READ_ONLY);
  // The first connection that is tried leads to who it was before.
  await aMoment(300);
  assert.equal(await connections(next), 2);
  wire.leadTo(next.port);
  await until(async () => await connections(next) === 4, "the master to be found");
});

test("R6: the master of now is sought beside one that is silent", async ({ store, next, wire }) => {
  await using silent = await RedisServer.start();
  silent.freeze();
  try {
    wire.leadTo(silent.port);
    await assert.rejects(async () => await store.tokens.get("t"), IS_READ_ONLY);
    // It leads to the silent one.
    await aMoment(200);
    wire.leadTo(next.port);
    await until(() => answers(store), "the master to be found");
  } finally {
    silent.thaw();
  }
}, 40_000);
