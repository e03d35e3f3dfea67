// What a shared store has lost of revocations: whoever knows of them tells it again, all of them, whatever it loses meanwhile,
// and says so (docs/behaviour.md L6, R6).
import assert from "node:assert/strict";
import { digestOf } from "../../../../lib/store/redis/digest.ts";
import type { StoreLoss } from "../../../../lib/store/shared.ts";
import { type Revocation, type RevocationSubject, type Store, StoreError } from "../../../../lib/store/store.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import { answers, closeWhole, isWhole, LATER_MS, NOW_MS, openTestStore, PREFIX } from "../../../support/redis_store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const HERE = await needing(["redis-server"], "that replicas share a store");
const KEYS = `{${PREFIX}:revoked}`;

const DELETED = { kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" } satisfies Revocation;
const SUBJECT = { sid: "s1", owner: "o", issuedAtMs: NOW_MS } satisfies RevocationSubject;

/** What `store` is told, in order. */
interface Told {
  readonly losses: StoreLoss[];
  readonly policies: string[];
}

type Body = (redis: RedisServer, store: Store, other: Store, told: Told) => Promise<void>;

function test(title: string, body: Body, args: readonly string[] = []): void {
  Deno.test(`redis store ${title}`, { ...STRICT, ...HERE }, async () => {
    await using redis = await RedisServer.start(args);
    const told: Told = { losses: [], policies: [] };
    const store = await openTestStore(redis, {
      onLoss: (loss) => void told.losses.push(loss),
      onEvicting: (policy) => void told.policies.push(policy),
    });
    const other = await openTestStore(redis);
    try {
      store.shared!.watchRevocations(() => {});
      await body(redis, store, other, told);
    } finally {
      await closeWhole(store, other);
    }
  });
}

/** Reads on, as replicas do every few seconds. */
class Reader {
  cursor = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(): Promise<void> {
    for (let more = true; more;) {
      const changes = await this.#store.revocations.changesSince(this.cursor, 1000);
      ({ cursor: this.cursor, more } = changes);
    }
  }

  /** Until the store has what `subject` is about, by the word of one that knows nothing itself. */
  async readUntilTold(redis: RedisServer, subject: RevocationSubject): Promise<void> {
    const fresh = await openTestStore(redis);
    try {
      await until(async () => {
        await this.read();
        return await fresh.revocations.find(subject) !== undefined;
      }, `${subject.sid} to be told again`);
    } finally {
      await closeWhole(fresh);
    }
  }
}

test("L6 R6: of two cut-offs the store is told the later one again, whichever was said last", async (redis, store) => {
  await store.revocations.add({ kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS });
  await store.revocations.add({ kind: "all", beforeMs: NOW_MS - 1000, untilMs: LATER_MS + 1000 });
  const reader = new Reader(store);
  await reader.read();
  await redis.ask("FLUSHALL");
  await reader.readUntilTold(redis, SUBJECT);
});

test("L6 R6: of two cut-offs that a store did not take it is told the later one", async (redis, store) => {
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  for (const beforeMs of [NOW_MS, NOW_MS - 1000]) {
    const all = { kind: "all", beforeMs, untilMs: LATER_MS } as const;
    await assert.rejects(async () => await store.revocations.add(all), /no memory left/);
  }
  await redis.ask("CONFIG", "SET", "maxmemory", "0");
  await new Reader(store).readUntilTold(redis, SUBJECT);
});

test("L6 R6: a store that loses all again and again is told each time", async (redis, store) => {
  await store.revocations.add(DELETED);
  const reader = new Reader(store);
  for (let i = 0; i < 3; i++) {
    await reader.read();
    await redis.ask("FLUSHALL");
    await reader.readUntilTold(redis, SUBJECT);
  }
});

test(
  "L6 R6: a store that has lost all once more is told by each replica, whoever comes first",
  async (redis, store, other) => {
    await store.revocations.add(DELETED);
    const reader = new Reader(store);
    await reader.read();
    for (const sid of ["s2", "s3"]) {
      await redis.ask("FLUSHALL");
      // Of whom it has heard nothing.
      await other.revocations.add({ ...DELETED, sid });
      await reader.read();
      await reader.readUntilTold(redis, SUBJECT);
    }
  },
);

Deno.test(
  "redis store L6 R6: a store that has just begun clears what came after that, and in a while all",
  { ...STRICT, ...HERE },
  async () => {
    await using redis = await RedisServer.start();
    const store = await openTestStore(redis, { settlingMs: 1000 });
    try {
      store.shared!.watchRevocations(() => {});
      const before = { ...SUBJECT, issuedAtMs: Date.now() - 1 };
      await assert.rejects(async () => await store.revocations.find(before), { code: "io", message: /has just begun/ });
      assert.equal(await store.revocations.find({ ...SUBJECT, issuedAtMs: Date.now() + 1000 }), undefined);
      await store.revocations.add({ ...DELETED, untilMs: Date.now() + 60_000 });
      assert.equal(await store.revocations.find(before), "session");
      const other = { ...before, sid: "s2" };
      const isCleared = async () => {
        try {
          return await store.revocations.find(other) === undefined;
        } catch {
          return false;
        }
      };
      await until(isCleared, "it to be cleared");
      assert.equal(store.shared!.state().failures, 0);
    } finally {
      await closeWhole(store);
    }
  },
);

test(
  "L6 R6: who finds that a store has lost all has it told again at once, and clears nobody meanwhile",
  async (redis, store) => {
    await store.revocations.add(DELETED);
    const reader = new Reader(store);
    await reader.read();
    const reading: Promise<void>[] = [];
    store.shared!.watchRevocations(() => void reading.push(reader.read()));
    await until(() => isWhole(store), "both connections");
    await Promise.all(reading);
    const fresh = await openTestStore(redis, { settlingMs: 60_000 });
    try {
      await redis.ask("FLUSHALL");
      const found = new Set<unknown>();
      await until(async () => {
        found.add(await Promise.resolve(fresh.revocations.find(SUBJECT)).catch(() => "untold"));
        return found.has("session");
      }, "it to be told again");
      assert.deepEqual([...found], ["untold", "session"]);
      await Promise.all(reading);
    } finally {
      await closeWhole(fresh);
    }
  },
);

test("P8: what is revoked by a replica far ahead of its time is kept as long as its session lives", async (redis) => {
  const nowMs = Date.now();
  const ahead = await openTestStore(redis, { now: () => nowMs + 7_200_000 });
  try {
    await ahead.revocations.add({ ...DELETED, untilMs: nowMs + 3_600_000 });
    const left = (await redis.ask("PTTL", `${KEYS}:until`)).slice(1);
    assert.ok(Number(left) > 3_600_000, left);
  } finally {
    await closeWhole(ahead);
  }
});

/** The store goes on as one that has not heard of the last revocation: it was lost with the master before. */
async function loseLast(redis: RedisServer, sid: string): Promise<void> {
  const script = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
redis.call('XDEL', KEYS[1], last[1])
local before = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
redis.call('SET', KEYS[2], string.match(before[1], '^%d+'))
return redis.call('ZREM', KEYS[3], ARGV[1])`;
  const keys = [`${KEYS}:log`, `${KEYS}:last`, `${KEYS}:until`];
  assert.equal((await redis.ask("EVAL", script, "3", ...keys, `s${digestOf(sid)}`)).trim(), ":1");
}

test(
  "L6 R6: what was taken and is lost before it was read on is told again, as after a failover",
  async (redis, store) => {
    await store.revocations.add({ ...DELETED, sid: "first" });
    const reader = new Reader(store);
    await reader.read();
    await store.revocations.add(DELETED);
    await loseLast(redis, DELETED.sid);
    await reader.readUntilTold(redis, SUBJECT);
  },
);

test("L6 R6: what is lost of a long log is told again, whatever has come since", async (redis, store, other) => {
  const fill = `for i = 1, 11000 do redis.call('XADD', KEYS[1], i .. '-0', 'r', '') end`;
  await redis.ask("EVAL", fill, "1", `${KEYS}:log`);
  await store.revocations.add({ ...DELETED, sid: "first" });
  await store.revocations.add(DELETED);
  const reader = new Reader(store);
  await reader.read();
  await loseLast(redis, DELETED.sid);
  await other.revocations.add({ ...DELETED, sid: "later" });
  await reader.readUntilTold(redis, SUBJECT);
});

function lossesOf(store: Store): Readonly<Record<StoreLoss, number>> {
  return store.shared!.state().losses;
}

test("V1 L6: revocations that come, are refused, extended and read are no loss", async (redis, store, other, told) => {
  const reader = new Reader(store);
  await Promise.all([reader.read(), store.revocations.add(DELETED), reader.read()]);
  await reader.read();
  await other.revocations.add({ kind: "all", beforeMs: 1, untilMs: LATER_MS });
  await reader.read();
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  const owner = { kind: "principal", owner: "p", beforeMs: 1, untilMs: LATER_MS } as const;
  await assert.rejects(async () => await store.revocations.add(owner), StoreError);
  await reader.read();
  await redis.ask("CONFIG", "SET", "maxmemory", "0");
  await reader.readUntilTold(redis, { sid: "-", owner: "p", issuedAtMs: 1 });
  for (let i = 0; i < 3; i++) await reader.read();
  assert.deepEqual([lossesOf(store), told], [{ evicted: 0, lost: 0 }, { losses: [], policies: [] }]);
});

Deno.test(
  "redis store V1 L6: the first that a store refuses has not been evicted",
  { ...STRICT, ...HERE },
  async () => {
    await using redis = await RedisServer.start();
    const store = await openTestStore(redis);
    try {
      store.shared!.watchRevocations(() => {});
      await redis.ask("CONFIG", "SET", "maxmemory", "1");
      await assert.rejects(async () => await store.revocations.add(DELETED), StoreError);
      await new Reader(store).read();
      assert.deepEqual(lossesOf(store), { evicted: 0, lost: 0 });
      await redis.ask("CONFIG", "SET", "maxmemory", "0");
    } finally {
      await closeWhole(store);
    }
  },
);

Deno.test(
  "redis store V1 L6: revocations that have all ended by themselves are no loss",
  { ...STRICT, ...HERE },
  async () => {
    await using redis = await RedisServer.start();
    let nowMs = Date.now();
    const store = await openTestStore(redis, { now: () => nowMs });
    try {
      store.shared!.watchRevocations(() => {});
      await store.revocations.add({ ...DELETED, untilMs: nowMs + 1000 });
      const reader = new Reader(store);
      await reader.read();
      nowMs += 3_600_000;
      // As their keys do, by themselves.
      await redis.ask("FLUSHALL");
      await reader.read();
      assert.deepEqual([lossesOf(store), reader.cursor], [{ evicted: 0, lost: 0 }, 0]);
    } finally {
      await closeWhole(store);
    }
  },
);

test(
  "V1 R6: a store that has lost all is counted each time, and told of once a minute",
  async (redis, store, _, told) => {
    await store.revocations.add(DELETED);
    const reader = new Reader(store);
    for (let lost = 1; lost <= 2; lost++) {
      await reader.read();
      await redis.ask("FLUSHALL");
      await reader.read();
      await reader.read();
      assert.deepEqual(lossesOf(store), { evicted: 0, lost });
      await reader.readUntilTold(redis, SUBJECT);
    }
    assert.deepEqual(told.losses, ["lost"]);
  },
);

for (const name of ["until", "log"]) {
  test(
    `V1 R6: a key of revocations that is gone alone is counted, and told of (${name})`,
    async (redis, store, other, told) => {
      await other.revocations.add(DELETED);
      const reader = new Reader(store);
      if (name === "until") await reader.read();
      await redis.ask("DEL", `${KEYS}:${name}`);
      for (let i = 0; i < 3; i++) await reader.read();
      assert.deepEqual([lossesOf(store), told.losses], [{ evicted: 1, lost: 0 }, ["evicted"]]);
    },
  );
}

test("V1 R6: the latest that is lost with a master is counted, and told of", async (redis, store, _, told) => {
  await store.revocations.add({ ...DELETED, sid: "first" });
  await store.revocations.add(DELETED);
  const reader = new Reader(store);
  await reader.read();
  await loseLast(redis, DELETED.sid);
  await reader.readUntilTold(redis, SUBJECT);
  assert.deepEqual([lossesOf(store), told.losses], [{ evicted: 0, lost: 1 }, ["lost"]]);
});

test(
  "V1 R6: what a store without memory evicts is counted and told of, with its policy",
  async (redis, store, _, told) => {
    await store.revocations.add(DELETED);
    const reader = new Reader(store);
    await reader.read();
    assert.deepEqual(told.policies, []);
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random");
    const used = Number(/used_memory:(\d+)/.exec(await redis.ask("INFO", "memory"))![1]);
    // Room enough for what the server itself needs for whoever connects, or it takes nothing at all.
    await redis.ask("CONFIG", "SET", "maxmemory", String(used + 2_000_000));
    let written = 0;
    await until(async () => {
      for (let i = 0; i < 20; i++) await redis.ask("SET", `filler ${written++}`, "x".repeat(100_000));
      await reader.read();
      const { evicted, lost } = lossesOf(store);
      return evicted + lost > 0 && told.policies.length > 0;
    }, "a loss to be found");
    assert.deepEqual(told.policies, ["allkeys-random"]);
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await reader.readUntilTold(redis, SUBJECT);
  },
);

test(
  "V1 R6: a store that may evict is told of when it comes up, and again when that has changed",
  async (redis, store, _, told) => {
    await until(() => told.policies.length === 1, "word of its policy");
    const comeBack = async () => {
      await redis.ask("CLIENT", "KILL", "TYPE", "normal");
      await until(() => answers(store), "the store to be connected to again");
    };
    // As it was.
    await comeBack();
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await until(async () => {
      await comeBack();
      return told.policies.length > 1;
    }, "word of the other policy");
    assert.deepEqual(told.policies, ["volatile-ttl", "allkeys-lru"]);
  },
  ["--maxmemory-policy", "volatile-ttl"],
);

test("V1: who may not ask what a store does when it is full does without", async (redis, _store, _other, _told) => {
  await redis.ask("ACL", "SETUSER", "default", "-info");
  const policies: string[] = [];
  await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const store = await openTestStore(redis, { onEvicting: (policy) => void policies.push(policy) });
  try {
    store.shared!.watchRevocations(() => {});
    assert.equal(await store.shared!.evictionPolicy(), undefined);
    const { up, refusals, failures } = store.shared!.state();
    assert.deepEqual([policies, up, refusals, failures], [[], true, 0, 0]);
  } finally {
    await closeWhole(store);
  }
});
