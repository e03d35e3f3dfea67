// What a shared store has lost of revocations: whoever knows of them tells it again, all of them, whatever it loses meanwhile,
// and says so (docs/behaviour.md L6, R6).
import assert from "node:assert/strict";
import { digestOf } from "../../../../lib/store/redis/redis_link.ts";
import type { Revocation, RevocationSubject, Store } from "../../../../lib/store/store.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import { closeWhole, LATER_MS, NOW_MS, openTestStore, PREFIX } from "../../../support/redis_store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const HERE = await needing(["redis-server"], "that replicas share a store");
const KEYS = `{${PREFIX}:revoked}`;

const DELETED = { kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" } satisfies Revocation;
const SUBJECT = { sid: "s1", owner: "o", issuedAtMs: NOW_MS } satisfies RevocationSubject;

function test(title: string, body: (redis: RedisServer, store: Store, other: Store) => Promise<void>): void {
  Deno.test(`redis store ${title}`, { ...STRICT, ...HERE }, async () => {
    await using redis = await RedisServer.start();
    const [store, other] = [await openTestStore(redis), await openTestStore(redis)];
    try {
      await body(redis, store, other);
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
