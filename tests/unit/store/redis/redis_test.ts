import assert from "node:assert/strict";
import type { RateTake } from "../../../../lib/store/rates.ts";
import { digestOf } from "../../../../lib/store/redis/digest.ts";
import {
  createRedisClient,
  type RedisClient,
  type RedisClientOptions,
} from "../../../../lib/store/redis/redis_client.ts";
import type { RedisTarget } from "../../../../lib/store/redis/redis_target.ts";
import { ADD } from "../../../../lib/store/redis/revocation_scripts.ts";
import type { SharedState } from "../../../../lib/store/shared.ts";
import { type Revocation, type Store, StoreError } from "../../../../lib/store/store.ts";
import { freePort } from "../../../../scripts/free_port.ts";
import { CuttableWire } from "../../../support/cuttable_wire.ts";
import { needing } from "../../../support/programs.ts";
import { RedisServer } from "../../../support/redis_server.ts";
import {
  answers,
  closeWhole,
  isWhole,
  LATER_MS,
  NOW_MS,
  openTestStore,
  PREFIX,
  SEAL,
} from "../../../support/redis_store.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { aMoment, until } from "../../../support/until.ts";
import { testAliasContract } from "../alias_contract.ts";
import { testStoreContract, tokenRecord } from "../store_contract.ts";

const HERE = await needing(["redis-server"], "that replicas share a store");

interface Opening {
  readonly timeoutMs?: number;
  readonly password?: string | (() => string);
  readonly username?: string;
  readonly kind?: RedisTarget["kind"];
  /** Of whom the store is asked for; default: its own. */
  readonly port?: number;
  readonly createClient?: (options: RedisClientOptions) => RedisClient;
  readonly silenceMs?: number;
}

function openStore(redis: RedisServer, options: Opening = {}): Promise<Store> {
  const { timeoutMs = 2000, password, username, kind = "single", port = redis.port } = options;
  const { createClient, silenceMs } = options;
  return openTestStore(redis, {
    target: {
      ...{ kind, nodes: [{ host: "127.0.0.1", port }], master: "main" },
      ...{ database: 0, tls: false, username },
    },
    password: password === undefined
      ? undefined
      : () => Promise.resolve(typeof password === "string" ? password : password()),
    timeoutMs,
    ...(createClient === undefined ? {} : { createClient }),
    ...(silenceMs === undefined ? {} : { silenceMs }),
  });
}

test("R6: an answer that came in time counts, although this process was held up until after it", async (redis) => {
  const store = await openStore(redis, { timeoutMs: 500 });
  try {
    await until(() => answers(store), "the store to answer");
    for (let i = 0; i < 2; i++) {
      const asked = store.tokens.insertBelowLimit(tokenRecord(`t${i}`), { limit: 10, nowMs: NOW_MS });
      // The question leaves.
      await new Promise((resolve) => setTimeout(resolve, 0));
      // Long enough for the answer to come however busy the machine is, and longer than the store is waited for.
      const busyUntilMs = performance.now() + 1500;
      while (performance.now() < busyUntilMs);
      assert.equal((await asked).inserted, true);
    }
  } finally {
    await store.close();
  }
});

testStoreContract("redis store", async () => {
  const redis = await RedisServer.start();
  const store = await openStore(redis);
  return {
    store,
    dispose: () => redis[Symbol.asyncDispose](),
  };
}, { ...HERE, waits: true });

function test(title: string, body: (redis: RedisServer, store: Store) => Promise<void>): void {
  Deno.test(`redis store ${title}`, { ...STRICT, ...HERE }, async () => {
    await using redis = await RedisServer.start();
    const store = await openStore(redis);
    try {
      await body(redis, store);
    } finally {
      await closeWhole(store);
    }
  });
}

/** What keeps a connection silent while whoever it leads to lives. */
const SILENCES: Readonly<Record<string, (wire: CuttableWire) => unknown>> = {
  "half an answer": (wire) => wire.say("$1000000\r\n"),
  "a host between that has forgotten it": (wire) => wire.cut(),
};

const DELETED = { kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" } satisfies Revocation;

test("R4: tells another replica of a revocation by itself, and both find it", async (redis, store) => {
  const other = await openStore(redis);
  try {
    let woken = 0;
    other.shared?.watchRevocations(() => woken++);
    await until(() => woken > 0, "the channel to be open");
    const before = woken;
    await store.revocations.add(DELETED);
    await until(() => woken > before, "word of the revocation");
    assert.deepEqual((await other.revocations.changesSince(0, 10)).revocations, [DELETED]);
    assert.equal(await other.revocations.find({ sid: "s1", owner: "o", issuedAtMs: NOW_MS }), "session");
  } finally {
    await other.close();
  }
});

test("P8: what a replica ahead of its time purges has ended by the store's clock, too", async (redis, store) => {
  const nowMs = Date.now();
  const [aheadMs, untilMs] = [nowMs + 25 * 3_600_000, nowMs + 3_600_000];
  await store.revocations.add({ ...DELETED, untilMs });
  const token = { ...tokenRecord("t"), expiresAtS: Math.floor(untilMs / 1000) };
  await store.tokens.insertBelowLimit(token, { limit: 1, nowMs });
  assert.equal(await store.purge(aheadMs), 0);
  const other = { ...token, sid: "u", agent: "other" };
  await store.tokens.insertBelowLimit(other, { limit: 1, nowMs: aheadMs });
  assert.deepEqual(await store.tokens.get("t"), token);
  const another = await openStore(redis);
  assert.equal(await another.revocations.find({ sid: "s1", owner: "o", issuedAtMs: nowMs }), "session");
  await until(() => isWhole(another), "both connections");
  await another.close();
});

test("L6: a revocation outlives its session by as much as the clocks of replicas differ", async (redis, store) => {
  await store.revocations.add({ ...DELETED, untilMs: NOW_MS + 1000 });
  const answer = await redis.ask("PTTL", "{signet-test:revoked}:until");
  assert.ok(Number(answer.slice(1)) > 15 * 60_000, answer);
});

test("R6: is refused within its time-out when the store is away or silent, and comes back by itself", async (redis) => {
  const store = await openStore(redis, { timeoutMs: 200 });
  try {
    redis.freeze();
    await assert.rejects(async () => await store.tokens.get("s"), isIo);
    assert.equal(store.shared?.state().up, false);
    redis.thaw();
    await until(() => answers(store), "the store to be asked again");
    await redis.kill();
    await assert.rejects(async () => await store.tokens.get("s"), isIo);
    await redis.start();
    await until(() => answers(store), "the store to be found again");
    assert.equal(store.shared?.state().up, true);
  } finally {
    redis.thaw();
    await until(() => isWhole(store), "both connections");
    await store.close();
  }
});

test("R6: a store whose host is gone without a word is connected to anew, however much is asked of it", async (redis) => {
  await using wire = await CuttableWire.to(redis.port);
  const store = await openStore(redis, { port: wire.port, timeoutMs: 50, silenceMs: 300 });
  const other = await openStore(redis);
  try {
    await until(() => isWhole(store), "both connections");
    assert.equal(wire.cut(), 2);
    await assert.rejects(async () => await store.tokens.get("s"), isIo);
    await other.revocations.add(DELETED);
    // Every few ms, which is more often than it is found silent.
    await until(() => answers(store), "the store to be found again");
    let heard: readonly Revocation[] = [];
    await until(async () => {
      try {
        heard = (await store.revocations.changesSince(0, 10)).revocations;
        return true;
      } catch {
        // On a machine that is busy an answer takes longer than it may here.
        return false;
      }
    }, "what was revoked meanwhile");
    assert.deepEqual(heard, [DELETED]);
    await until(() => isWhole(store), "both connections");
  } finally {
    await store.close();
    await other.close();
  }
});

for (const [what, ail] of Object.entries(SILENCES)) {
  test(`R6: it is the connection that is silent, and not the store: another one is tried (${what})`, async (redis) => {
    await using wire = await CuttableWire.to(redis.port);
    const store = await openStore(redis, { port: wire.port, timeoutMs: 200, silenceMs: 30_000 });
    try {
      await until(() => isWhole(store), "both connections");
      ail(wire);
      await assert.rejects(async () => await store.tokens.get("s"), isIo);
      const since = performance.now();
      await until(() => answers(store), "the store to be found again");
      assert.ok(performance.now() - since < 15_000, "long before the connection is given up");
    } finally {
      await store.close();
    }
  });
}

/** Two of which one follows the other, under one name, and a store that has revoked `before` and knows of a token there. */
async function swapped(body: (stage: Swapped) => Promise<void>): Promise<void> {
  // Nothing on disk: whoever is started behind it would read that.
  const args = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-diskless-load", "swapdb"];
  await using redis = await RedisServer.start(args);
  await using next = await RedisServer.start(args);
  await using wire = await CuttableWire.to(redis.port);
  await next.ask("REPLICAOF", "127.0.0.1", String(redis.port));
  const store = await openStore(redis, { port: wire.port, silenceMs: 1000 });
  const other = await openStore(next);
  try {
    let woken = 0;
    store.shared!.watchRevocations(() => woken++);
    await until(() => isWhole(store), "both connections");
    await store.revocations.add({ ...DELETED, sid: "before" });
    await store.tokens.insertBelowLimit(tokenRecord("t"), { limit: 5, nowMs: NOW_MS });
    const { cursor } = await store.revocations.changesSince(0, 10);
    await until(async () => await redis.ask("WAIT", "1", "1000") === ":1\r\n", "its replica to have all");
    // Told to follow one that it cannot reach, it answers as of now.
    await next.ask("REPLICAOF", "NO", "ONE");
    await redis.ask("REPLICAOF", "127.0.0.1", "1");
    await other.revocations.add(DELETED);
    await other.tokens.remove("t");
    await body({ store, other, cursor, woken: () => woken, lead: () => wire.leadTo(next.port) });
    await until(() => isWhole(store), "both connections");
  } finally {
    await until(() => isWhole(other), "both connections of the other");
    await store.close();
    await other.close();
  }
}

interface Swapped {
  readonly store: Store;
  /** Asks the master of now. */
  readonly other: Store;
  readonly cursor: number;
  readonly woken: () => number;
  /** The name is the master's from now on. */
  readonly lead: () => void;
}

Deno.test(
  "redis store L6 R6: who has become a replica clears nobody, and the master of now is found under the same name",
  { ...STRICT, ...HERE },
  async () => {
    await swapped(async ({ store, other, lead, woken }) => {
      const isReadOnly = { message: /refused: READONLY.*name its master/ };
      await assert.rejects(async () => await store.revocations.find(SUBJECT), isReadOnly);
      await assert.rejects(async () => await store.tokens.get("t"), isReadOnly);
      assert.equal(await store.revocations.find({ ...SUBJECT, sid: "before" }), "session");
      assert.equal(store.shared!.state().up, true);
      lead();
      await until(() => answers(store), "the master to be asked");
      assert.equal(await store.revocations.find(SUBJECT), "session");
      assert.equal(await store.revocations.find({ ...SUBJECT, sid: "before" }), "session");
      assert.equal(await store.revocations.find({ ...SUBJECT, sid: "lives" }), undefined);
      assert.equal(await store.tokens.get("t"), undefined);
      await until(() => isWhole(store), "both connections");
      const before = woken();
      await other.revocations.add({ ...DELETED, sid: "later" });
      await until(() => woken() > before, "word of what is revoked there");
    });
  },
);

Deno.test(
  "redis store R4 R6: who only reads on what is revoked finds the master of now, too",
  { ...STRICT, ...HERE },
  async () => {
    await swapped(async ({ store, cursor, lead }) => {
      assert.deepEqual((await store.revocations.changesSince(cursor, 10)).revocations, []);
      lead();
      const heard: Revocation[] = [];
      await until(async () => {
        try {
          heard.push(...(await store.revocations.changesSince(cursor, 10)).revocations);
        } catch (fault) {
          // Its connection has given way to the other one.
          if (!isIo(fault)) throw fault;
        }
        return heard.length > 0;
      }, "what was revoked there");
      assert.deepEqual(heard, [DELETED]);
    });
  },
);

test(
  "R6: a replica that stays one answers what else it is asked, and is not said to come and go",
  async (redis, store) => {
    await store.revocations.add(DELETED);
    await redis.ask("REPLICAOF", "127.0.0.1", "1");
    try {
      for (let i = 0; i < 20; i++) {
        await assert.rejects(async () => await store.revocations.find({ ...SUBJECT, sid: "another" }), /READONLY/);
        assert.deepEqual(await store.tokens.list({ nowMs: NOW_MS, limit: 1 }), []);
        assert.deepEqual((await store.revocations.changesSince(0, 10)).revocations, [DELETED]);
      }
      const { up, failures } = store.shared!.state();
      assert.deepEqual([up, failures], [true, 0]);
    } finally {
      await redis.ask("REPLICAOF", "NO", "ONE");
    }
  },
);

test("R6: a master that takes no writes for another reason says who is revoked", async (redis, store) => {
  await store.revocations.add(DELETED);
  await redis.ask("CONFIG", "SET", "min-replicas-to-write", "1");
  await assert.rejects(async () => await store.revocations.add({ ...DELETED, sid: "s2" }), /NOREPLICAS/);
  assert.equal(await store.revocations.find(SUBJECT), "session");
  assert.equal(await store.revocations.find({ ...SUBJECT, sid: "another" }), undefined);
  assert.equal(await store.tokens.get("t"), undefined);
});

Deno.test("redis store R6: starts while the store is away", { ...STRICT, ...HERE }, async () => {
  await using redis = await RedisServer.start();
  await redis.kill();
  const store = await openStore(redis, { timeoutMs: 50 });
  try {
    assert.equal(await store.revocations.head(), 0);
    let woken = 0;
    store.shared?.watchRevocations(() => woken++);
    await redis.start();
    await until(() => woken > 0, "the channel to be open");
  } finally {
    await until(() => isWhole(store), "both connections");
    await store.close();
  }
});

test(
  "L6 R6: what was revoked while the store was away is refused here at once, and everywhere when it is back",
  async (redis, store) => {
    let woken = 0;
    store.shared?.watchRevocations(() => woken++);
    await until(() => woken > 0, "the channel to be open");
    await redis.kill();
    await assert.rejects(async () => await store.revocations.add(DELETED), isIo);
    const subject = { sid: "s1", owner: "o", issuedAtMs: NOW_MS };
    assert.equal(await store.revocations.find(subject), "session");
    await assert.rejects(async () => await store.revocations.find({ ...subject, sid: "s2" }), isIo);
    await redis.start();
    const other = await openStore(redis);
    try {
      await until(async () => await other.revocations.find(subject) === "session", "the other replica to find it");
    } finally {
      await other.close();
    }
  },
);

test("L6 R6: a store that has lost all it had is told again what was revoked", async (redis, store) => {
  await store.revocations.add(DELETED);
  const { cursor } = await store.revocations.changesSince(0, 10);
  await redis.kill();
  await redis.start();
  await until(() => answers(store), "the store to be found again");
  assert.deepEqual((await store.revocations.changesSince(cursor, 10)).revocations, []);
  const other = await openStore(redis);
  try {
    await until(async () => await other.revocations.find(SUBJECT) === "session", "the store to be told again");
    // Numbers stay ahead of every cursor.
    assert.ok(await other.revocations.head() > cursor);
  } finally {
    await other.close();
  }
});

const SUBJECT = { sid: "s1", owner: "o", issuedAtMs: NOW_MS };

test("L6 R6: what a store that is there would not take is written as soon as it takes it", async (redis, store) => {
  const { cursor } = await store.revocations.changesSince(0, 10);
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  await assert.rejects(async () => await store.revocations.add(DELETED), StoreError);
  const other = await openStore(redis);
  try {
    await store.revocations.changesSince(cursor, 10);
    assert.equal(await other.revocations.find(SUBJECT), undefined);
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await until(async () => {
      await store.revocations.changesSince(cursor, 10);
      return await other.revocations.find(SUBJECT) === "session";
    }, "the store to be told");
  } finally {
    await other.close();
  }
});

for (
  const text of [
    '{"kind":"tenant","untilMs":1}',
    '{"kind":"session","untilMs":1}',
    '{"kind":"principal","owner":1,"beforeMs":1,"untilMs":1}',
    '{"kind":"all","beforeMs":"1","untilMs":1}',
    '{"kind":"all","beforeMs":1}',
    "null",
    "[]",
    '"text"',
    "no JSON",
  ]
) {
  test(
    `R4: what another version has sealed stops nobody from hearing the next revocation: ${text}`,
    async (redis, store) => {
      await redis.ask("XADD", "{signet-test:revoked}:log", "5-0", "r", SEAL.seal(text));
      await store.revocations.add(DELETED);
      const heard = await store.revocations.changesSince(0, 10);
      assert.deepEqual([heard.revocations, heard.missed], [[DELETED], true]);
      assert.equal(await store.revocations.find(SUBJECT), "session");
    },
  );
}

for (const name of ["until", "before"]) {
  test(`L6 R6: what a full store has evicted of revocations alone is written again (${name})`, async (redis, store) => {
    const all = { kind: "all", beforeMs: NOW_MS - 1, untilMs: LATER_MS } as const;
    await store.revocations.add(all);
    await store.revocations.add(DELETED);
    const { cursor } = await store.revocations.changesSince(0, 10);
    await redis.ask("DEL", `{signet-test:revoked}:${name}`);
    await store.revocations.changesSince(cursor, 10);
    // One that has heard of none of them.
    const other = await openStore(redis);
    try {
      const isFound = async () =>
        await other.revocations.find(SUBJECT) === "session" &&
        await other.revocations.find({ ...SUBJECT, sid: "s2", issuedAtMs: 1 }) === "all";
      await until(isFound, "both to be found");
      const heard = await store.revocations.changesSince(cursor, 10);
      await store.revocations.changesSince(heard.cursor, 10);
      assert.equal(await other.revocations.head(), heard.cursor, "and not again and again");
    } finally {
      await other.close();
    }
  });
}

test("L6 R6: a store that evicts whatever it is told is not told for ever", async (redis, store) => {
  let [written, held] = [0, 0];
  const evict = () => redis.ask("DEL", "{signet-test:revoked}:until");
  const createClient = scripted(async (send) => {
    held++;
    const answer = await send();
    written++;
    await evict();
    held--;
    return answer;
  });
  const full = await openStore(redis, { createClient });
  try {
    await store.revocations.add(DELETED);
    let { cursor } = await full.revocations.changesSince(0, 10);
    await evict();
    for (let i = 0; i < 50; i++) {
      cursor = (await full.revocations.changesSince(cursor, 10)).cursor;
      await until(() => held === 0, "what it is told to be evicted");
    }
    assert.ok(written > 0 && written <= 3, `told ${written} times`);
  } finally {
    await full.close();
  }
});

for (const name of ["log", "last", "until", "before"]) {
  test(
    `R4 L6: what a store has refused in the middle is told to all others when it is taken (${name})`,
    async (redis, store) => {
      const other = await openStore(redis);
      try {
        const cursor = await other.revocations.head();
        // Somebody else's, until he sees it.
        await redis.ask("RPUSH", `{signet-test:revoked}:${name}`, "x");
        const all = { kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS } as const;
        await assert.rejects(async () => await store.revocations.add(all), StoreError);
        await redis.ask("DEL", `{signet-test:revoked}:${name}`);
        await until(async () => {
          await store.revocations.changesSince(0, 10);
          return (await other.revocations.changesSince(cursor, 10)).revocations.length > 0;
        }, "the other one to hear of it");
        assert.equal(await other.revocations.find(SUBJECT), "all");
      } finally {
        await other.close();
      }
    },
  );
}

test("L6 R6: a store that has lost all is told again by each replica, whoever comes first", async (redis, store) => {
  const before = await store.revocations.head();
  await store.revocations.add(DELETED);
  const { cursor } = await store.revocations.changesSince(before, 10);
  // Began later, and has heard of another one only.
  const other = await openStore(redis);
  try {
    await other.revocations.add({ ...DELETED, sid: "s2" });
    const heard = await other.revocations.changesSince(cursor, 10);
    assert.equal((await store.revocations.changesSince(cursor, 10)).cursor, heard.cursor);
    await redis.ask("FLUSHALL");
    await other.revocations.changesSince(heard.cursor, 10);
    await until(async () => {
      const { revocations } = await store.revocations.changesSince(heard.cursor, 10);
      return revocations.some((each) => each.kind === "session" && each.sid === "s2");
    }, "what the other one tells the store again");
    const third = await openStore(redis);
    try {
      for (const sid of ["s1", "s2"]) {
        await until(
          async () => await third.revocations.find({ ...SUBJECT, sid }) === "session",
          `${sid} to be told again`,
        );
      }
    } finally {
      await third.close();
    }
  } finally {
    await other.close();
  }
});

test(
  "R4 R6: a store that has lost all, and whose clock is behind the one before, is heard from its beginning",
  async (redis, store) => {
    // As of a store whose clock was ten minutes ahead.
    await redis.ask("SET", "{signet-test:revoked}:last", String((Date.now() + 600_000) * 1000));
    await store.revocations.add(DELETED);
    const { cursor } = await store.revocations.changesSince(0, 10);
    for (const loss of [["FLUSHALL"], ["DEL", "{signet-test:revoked}:log", "{signet-test:revoked}:last"]] as const) {
      await redis.ask(...loss);
      const [other, sid] = [await openStore(redis), `of ${loss[0]}`];
      try {
        await other.revocations.add({ ...DELETED, sid });
        const heard = await store.revocations.changesSince(cursor, 10);
        assert.ok(heard.revocations.some((each) => each.kind === "session" && each.sid === sid), loss[0]);
        assert.equal(heard.missed, true, loss[0]);
        // And goes on from there.
        await other.revocations.add({ ...DELETED, sid: `${sid} then` });
        let next = heard.cursor;
        await until(async () => {
          const { revocations, cursor } = await store.revocations.changesSince(next, 10);
          next = cursor;
          return revocations.some((each) => each.kind === "session" && each.sid === `${sid} then`);
        }, "what came then");
      } finally {
        await until(() => isWhole(other), "both connections");
        await other.close();
      }
    }
  },
);

test("R4 R6: an empty store is read from its beginning by who has read further", async (redis, store) => {
  await store.revocations.add(DELETED);
  const { cursor } = await store.revocations.changesSince(0, 10);
  await redis.ask("FLUSHALL");
  const changes = await store.revocations.changesSince(cursor, 10);
  assert.deepEqual(changes, { revocations: [], cursor: 0, more: false, missed: true });
});

for (const isFirst of [true, false]) {
  test(
    `L6 R6: what a full store has evicted of the log alone is asked about, once (${isFirst ? "first" : "later"})`,
    async (redis, store) => {
      const other = await openStore(redis);
      try {
        if (!isFirst) await store.revocations.add(DELETED);
        const { cursor } = await other.revocations.changesSince(0, 10);
        await store.revocations.add({ ...DELETED, sid: "s2" });
        await redis.ask("DEL", "{signet-test:revoked}:log");
        const changes = await other.revocations.changesSince(cursor, 10);
        assert.deepEqual(changes, { revocations: [], cursor, more: false, missed: true });
        assert.equal((await other.revocations.changesSince(cursor, 10)).missed, undefined, "and not again and again");
        await store.revocations.add({ ...DELETED, sid: "s3" });
        const next = await other.revocations.changesSince(cursor, 10);
        assert.equal(next.revocations.length, 1);
        assert.equal((await other.revocations.changesSince(next.cursor, 10)).missed, undefined, "nor then");
      } finally {
        await until(() => isWhole(other), "both connections");
        await other.close();
      }
    },
  );
}

test("L6 R6: numbers go on where a full store has evicted the last one alone", async (redis, store) => {
  await redis.ask("SET", "{signet-test:revoked}:last", String((Date.now() + 600_000) * 1000));
  await store.revocations.add(DELETED);
  const { cursor } = await store.revocations.changesSince(0, 10);
  await redis.ask("DEL", "{signet-test:revoked}:last");
  assert.deepEqual(await store.revocations.changesSince(cursor, 10), { revocations: [], cursor, more: false });
  await store.revocations.add({ ...DELETED, sid: "s2" });
  assert.equal((await store.revocations.changesSince(cursor, 10)).revocations.length, 1);
});

test("T3: an agent's tokens are revoked although a full store has evicted the list of them", async (redis, store) => {
  const records = [["t1", "a"], ["t2", "a"], ["t3", "b"]].map(([sid = "", agent = ""]) => ({
    ...tokenRecord(sid),
    agent,
  }));
  for (const record of records) await store.tokens.insertBelowLimit(record, { limit: 5, nowMs: NOW_MS });
  await redis.ask("DEL", `{signet-test:tokens}:agent:${digestOf("a")}`);
  assert.equal(await store.tokens.removeAgent("a", NOW_MS), 2);
  const left = await Promise.all(records.map(({ sid }) => store.tokens.get(sid)));
  assert.deepEqual(left.map((record) => record?.sid), [undefined, undefined, "t3"]);
  assert.deepEqual((await store.tokens.list({ nowMs: NOW_MS, limit: 10 })).map(({ sid }) => sid), ["t3"]);
});

type Decide = (send: () => Promise<unknown>) => Promise<unknown>;

/** A client whose answers are decided by the test. @param isMeant of its words; default: all */
function answered(
  decide: Decide,
  isMeant: (args: readonly string[]) => boolean = () => true,
): (options: RedisClientOptions) => RedisClient {
  return (options) => {
    const client = createRedisClient(options);
    const send: RedisClient["send"] = (key, args) =>
      isMeant(args) ? decide(() => client.send(key, args)) : client.send(key, args);
    return { ...client, send };
  };
}

/** A client whose scripts that write a revocation, and tell of it, are decided by the test. */
function scripted(decide: Decide): (options: RedisClientOptions) => RedisClient {
  return answered(decide, (args) => args[0] === "EVALSHA" && args[1] === ADD.sha1);
}

/** What a store has been left with by somebody, and what is asked of it then. */
const TOO_LONG: Readonly<Record<string, (redis: RedisServer, text: string) => Promise<(store: Store) => unknown>>> = {
  "a cut-off": async (redis, text) => {
    await redis.ask("HSET", `{${PREFIX}:revoked}:before`, "a", text);
    return (store) => store.revocations.find(SUBJECT);
  },
  "how far the log goes": async (redis, text) => {
    await redis.ask("SET", `{${PREFIX}:revoked}:last`, text);
    return (store) => store.revocations.changesSince(0, 10);
  },
  "where a session went": async (redis, text) => {
    await redis.ask("SET", `${PREFIX}:alias:${digestOf("sid")}`, text);
    return (store) => store.shared!.aliases.get("sid");
  },
  "a token": async (redis, text) => {
    await redis.ask("HSET", `{${PREFIX}:tokens}:records`, "sid", text);
    return (store) => store.tokens.get("sid");
  },
  "a list of tokens": async (redis, text) => {
    await redis.ask("ZADD", `{${PREFIX}:tokens}:all`, "0", text);
    return (store) => store.tokens.list({ nowMs: 0, limit: 10 });
  },
};

for (const [what, leave] of Object.entries(TOO_LONG)) {
  test(`M6 R6: ${what} that is longer than Signet writes any is not read, and its cure is told`, async (redis) => {
    const ask = await leave(redis, "9".repeat(9 * 1024 * 1024));
    let longest = 0;
    const createClient = answered(async (send) => {
      const answer = await send();
      longest = Math.max(longest, JSON.stringify(answer).length);
      return answer;
    });
    const store = await openStore(redis, { createClient, timeoutMs: 10_000 });
    try {
      await assert.rejects(async () => await ask(store), /refused: TOOLONG.*Somebody else writes under --store-prefix/);
      assert.ok(longest < 1000, `read ${longest} characters`);
      assert.equal(store.shared!.state().up, true);
    } finally {
      await store.close();
    }
  });
}

test(
  "T3: tokens of one agent are listed in pages, though there are more than one answer may hold",
  async (redis, store) => {
    const base = `{${PREFIX}:tokens}`;
    const add = "for i = 1, 250000 do redis.call('ZADD', KEYS[1], ARGV[1], string.format('%040d', i)) end";
    await redis.ask("EVAL", add, "1", `${base}:agent:${digestOf("many")}`, String(LATER_MS / 1000));
    // Those that are not recorded do not hold, and hide none behind them.
    for (const sid of ["0b", "0a", "z"]) {
      const record = tokenRecord(sid, { agent: "many", expiresAtS: LATER_MS / 1000 });
      await store.tokens.insertBelowLimit(record, { limit: 1_000_000, nowMs: NOW_MS });
    }
    const list = async (afterSid: string) =>
      (await store.tokens.list({ agent: "many", nowMs: NOW_MS, limit: 2, afterSid })).map(({ sid }) => sid);
    assert.deepEqual([await list(""), await list("0a"), await list("z")], [["0a", "0b"], ["0b", "z"], []]);
  },
);

test(
  "T3: an agent's tokens are revoked, however many, and the store answers others meanwhile",
  async (redis, store) => {
    const base = `{${PREFIX}:tokens}`;
    const keys = [`${base}:records`, `${base}:expiries`, `${base}:all`, `${base}:agent:${digestOf("many")}`];
    const add = `for i = 1, 50000 do
    local sid = string.format('%040d', i)
    redis.call('HSET', KEYS[1], sid, 'r')
    redis.call('ZADD', KEYS[2], ARGV[1], sid)
    redis.call('ZADD', KEYS[3], 0, sid)
    redis.call('ZADD', KEYS[4], ARGV[1], sid)
  end`;
    await redis.ask("EVAL", add, "4", ...keys, String(LATER_MS / 1000));
    await store.tokens.insertBelowLimit(tokenRecord("t", { agent: "other" }), { limit: 1, nowMs: NOW_MS });
    let isDone = false;
    let answered = 0;
    const removed = Promise.resolve(store.tokens.removeAgent("many", NOW_MS)).finally(() => isDone = true);
    while (!isDone) if (await store.tokens.get("t") !== undefined) answered++;
    assert.equal(await removed, 50_000);
    assert.ok(answered > 20, `${answered} answers`);
    assert.equal(await store.tokens.count("many", NOW_MS), 0);
    assert.deepEqual((await store.tokens.list({ nowMs: NOW_MS, limit: 3 })).map(({ sid }) => sid), ["t"]);
  },
);

test("M6 R4: what is too long for a revocation stops nobody from hearing the next one", async (redis, store) => {
  const { cursor } = await store.revocations.changesSince(0, 10);
  await redis.ask("XADD", `{${PREFIX}:revoked}:log`, "1-0", "r", "9".repeat(9 * 1024 * 1024));
  await store.revocations.add(DELETED);
  const { revocations, missed } = await store.revocations.changesSince(cursor, 10);
  assert.deepEqual([revocations, missed], [[DELETED], true]);
});

const STRAY = {
  "an answer that nobody asked for": "*3\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n",
  "some answers at once": ":1\r\n+OK\r\n$-1\r\n".repeat(5),
  "what is no answer": "HTTP/1.1 400 Bad Request\r\n\r\n",
  "a list that no memory holds": "*99999999999\r\n",
};

for (const [what, text] of Object.entries(STRAY)) {
  test(`L6 R6: ${what}, heard in between, clears no session, and is over by itself`, async (redis, other) => {
    await using wire = await CuttableWire.to(redis.port);
    const store = await openStore(redis, { port: wire.port, timeoutMs: 200, silenceMs: 500 });
    try {
      await until(() => store.shared!.state().up, "the store to answer");
      await other.revocations.add(DELETED);
      const lives = { ...SUBJECT, sid: "another" };
      const ask = () => Promise.allSettled([lives, SUBJECT, lives].map((each) => store.revocations.find(each)));
      const judge = (answers: Awaited<ReturnType<typeof ask>>) => {
        const dead = answers[1]!;
        if (dead.status === "fulfilled") {
          assert.equal(dead.value, "session", "it is cleared by an answer to another question");
        }
        for (const at of [0, 2]) {
          const answer = answers[at]!;
          if (answer.status === "fulfilled") {
            assert.equal(answer.value, undefined, "one that lives is refused for good");
          } else assert.ok(answer.reason instanceof StoreError);
        }
        return answers.every(({ status }) => status === "fulfilled");
      };
      for (let i = 0; i < 10; i++) {
        const asked = ask();
        wire.say(text);
        judge(await asked);
      }
      await until(async () => judge(await ask()), "the store to be asked as ever");
      for (let i = 0; i < 5; i++) assert.equal(judge(await ask()), true);
    } finally {
      await store.close();
    }
  });
}

for (const [what, text] of Object.entries(STRAY)) {
  test(`R4: ${what}, heard among messages, makes nobody deaf to the next ones`, async (redis, other) => {
    await using wire = await CuttableWire.to(redis.port);
    const store = await openStore(redis, { port: wire.port });
    let woken = 0;
    try {
      store.shared!.watchRevocations(() => woken++);
      await until(() => isWhole(store), "both connections");
      wire.say(text);
      let sid = 0;
      const isHeard = async () => {
        const before = woken;
        await other.revocations.add({ ...DELETED, sid: `s${sid++}` });
        // Behind what was said before it, on its way here.
        await redis.ask("PING");
        return await answers(store) && woken > before;
      };
      await until(isHeard, "a message to be heard");
      await until(async () => await isHeard() && await isHeard(), "the messages behind it");
    } finally {
      await until(() => isWhole(store), "both connections");
      await store.close();
    }
  });
}

const HALF = { "half an answer": "$1000000\r\n", "half a list": "*1000\r\n" };

for (const [what, text] of Object.entries(HALF)) {
  test(`R4: who takes messages for the rest of ${what} hears the next ones again`, async (redis, other) => {
    await using wire = await CuttableWire.to(redis.port);
    const store = await openStore(redis, { port: wire.port, timeoutMs: 200, silenceMs: 500 });
    let woken = 0;
    let cursor = 0;
    try {
      store.shared!.watchRevocations(() => woken++);
      await until(() => isWhole(store), "both connections");
      wire.say(text);
      let sid = 0;
      let inARow = 0;
      const isHeard = async () => {
        const before = woken;
        await other.revocations.add({ ...DELETED, sid: `s${sid++}` });
        await aMoment(100);
        inARow = woken > before ? inARow + 1 : 0;
        // Until its other connection is given up, too.
        if (await answers(store)) ({ cursor } = await store.revocations.changesSince(cursor, 10));
        return inARow === 5;
      };
      await until(isHeard, "the messages to be heard");
    } finally {
      await until(() => isWhole(store), "both connections");
      await store.close();
    }
  });
}

/** More than are written again at once, which the store has lost since they were read. */
async function loseMany(redis: RedisServer, store: Store) {
  const sids = Array.from({ length: 250 }, (_, at) => `s${at}`);
  for (const sid of sids) await store.revocations.add({ ...DELETED, sid });
  const { cursor } = await store.revocations.changesSince(0, 1000);
  await redis.ask("FLUSHALL");
  return { sids, cursor };
}

test("L6 R6: a store that has lost all, and fails while it is told again, is told the rest later", async (redis) => {
  let left = Infinity;
  const createClient = scripted((send) => left-- <= 0 ? Promise.reject(new Error("OOM no room")) : send());
  const store = await openStore(redis, { createClient });
  const other = await openStore(redis);
  try {
    const { sids, cursor } = await loseMany(redis, store);
    left = 107;
    await store.revocations.changesSince(cursor, 100);
    await until(async () => await other.revocations.size() === 107, "the store to be told of what it takes");
    left = Infinity;
    await until(async () => {
      await store.revocations.changesSince(cursor, 100);
      return await other.revocations.size() === sids.length;
    }, "the store to be told of the rest");
    for (const sid of sids) assert.equal(await other.revocations.find({ ...SUBJECT, sid }), "session", sid);
  } finally {
    await other.close();
    await store.close();
  }
});

test("R4 R6: what others have revoked is told at once, however much is to be written again", async (redis) => {
  let [held, most] = [0, 0];
  let mayGo = Promise.withResolvers<void>();
  mayGo.resolve();
  const createClient = scripted(async (send) => {
    most = Math.max(most, ++held);
    await mayGo.promise;
    held--;
    return await send();
  });
  const store = await openStore(redis, { createClient, timeoutMs: 20_000 });
  const other = await openStore(redis);
  try {
    const { sids, cursor } = await loseMany(redis, store);
    await other.revocations.add({ ...DELETED, sid: "theirs" });
    mayGo = Promise.withResolvers();
    assert.deepEqual((await store.revocations.changesSince(cursor, 10)).revocations, [{ ...DELETED, sid: "theirs" }]);
    let woken = 0;
    store.shared?.watchRevocations(() => woken++);
    await until(() => woken > 0, "whoever begins to listen to be told to read");
    await until(() => held > 0, "the store to be told");
    assert.equal(store.shared?.state().failures, 0, "nothing was waited for in vain");
    mayGo.resolve();
    await until(async () => await other.revocations.size() === sids.length + 1, "the store to be told of all");
    assert.ok(most > 1 && most <= 100, `${most} at once`);
  } finally {
    mayGo.resolve();
    await other.close();
    await store.close();
  }
});

for (
  const [what, of] of [["moves", (store: Store) => shared(store).aliases], [
    "pools",
    (store: Store) => store.pools!,
  ]] as const
) {
  testAliasContract(`redis store, ${what}`, async () => {
    const redis = await RedisServer.start();
    const [store, other] = [await openStore(redis), await openStore(redis)];
    return {
      ...{ aliases: of(store), others: of(other), tells: true },
      // By the store's own clock.
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 20)),
      dispose: async () => {
        await until(async () => await isWhole(store) && await isWhole(other), "all connections");
        await Promise.all([store.close(), other.close()]);
        await redis[Symbol.asyncDispose]();
      },
    };
  }, HERE);
}

test("keeps nothing readable, and nothing for ever", async (redis, store) => {
  await store.revocations.add({ ...DELETED, sid: "a-secret-sid" });
  await store.revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: LATER_MS });
  await store.tokens.insertBelowLimit(tokenRecord("t1"), { limit: 1, nowMs: NOW_MS });
  const { places, aliases } = shared(store);
  await places.take({ principal: "a-person", session: "a-secret-sid" }, BOUNDS);
  for (const texts of [aliases, store.pools!]) {
    await texts.replace("a-secret-sid", { before: undefined, text: "sealed elsewhere", ttlMs: 60_000 });
    await texts.takeTurn("a-secret-sid", "me", 60_000);
  }
  const keys = (await redis.ask("KEYS", "*")).split("\r\n").filter((line) => /^[{a-z]/.test(line));
  assert.ok(keys.length >= 10, keys.join());
  const dump = new Map<string, string>();
  for (const key of keys) {
    assert.match(key, /^\{?signet-test:/);
    const ttl = await redis.ask("PTTL", key);
    assert.match(ttl, /^:[1-9]/, `${key} stays for ever`);
    dump.set(key, await redis.ask("DUMP", key));
  }
  for (const [key, value] of dump) {
    assert.doesNotMatch(key + value, /a-secret-sid|a-person/, key);
  }
});

const BOUNDS = { limit: 3, yieldAfterMs: 60_000, idleMs: 120_000 };

test("M1: of 100 that ask at once for 3 places exactly 3 get one", async (redis, store) => {
  const other = await openStore(redis);
  try {
    const asked = Array.from(
      { length: 100 },
      (_, i) => shared(i % 2 === 0 ? store : other).places.take({ principal: "p", session: `s${i}` }, BOUNDS),
    );
    const outcomes = await Promise.all(asked);
    assert.equal(outcomes.filter(({ taken }) => taken).length, 3);
    assert.equal(await shared(store).places.count("p", BOUNDS.idleMs), 3);
    const refused = outcomes.find((outcome) => !outcome.taken);
    assert.ok(refused !== undefined && !refused.taken && refused.freeInMs > 50_000);
    assert.deepEqual(await shared(other).places.take({ principal: "q", session: "s" }, BOUNDS), { taken: true });
  } finally {
    await other.close();
  }
});

test(
  "M5 R5: what nobody uses gives way to its principal's next session, and no more often than there are places",
  async (_redis, store) => {
    const { places } = shared(store);
    const at = { ...BOUNDS, yieldAfterMs: 0 };
    for (let i = 0; i < 3; i++) await places.take({ principal: "p", session: `s${i}` }, at);
    assert.deepEqual(await places.take({ principal: "p", session: "s1" }, BOUNDS), { taken: true }, "it has a place");
    for (let i = 3; i < 6; i++) {
      assert.deepEqual(await places.take({ principal: "p", session: `s${i}` }, at), {
        taken: true,
      });
    }
    assert.equal((await places.take({ principal: "p", session: "s6" }, at)).taken, false);
    assert.equal(await places.count("p", BOUNDS.idleMs), 3);
  },
);

test("M5: a session that comes back is refused nothing, and the longest unused gives way", async (_redis, store) => {
  const { places } = shared(store);
  for (let i = 0; i < 3; i++) await places.take({ principal: "p", session: `s${i}` }, BOUNDS);
  await places.touch([{ principal: "p", session: "back" }, { principal: "other", session: "o" }], BOUNDS);
  assert.equal(await places.count("p", BOUNDS.idleMs), 3);
  assert.equal((await places.take({ principal: "p", session: "back" }, BOUNDS)).taken, true);
  await places.release({ principal: "p", session: "back" });
  await places.release({ principal: "p", session: "back" });
  assert.equal(await places.count("p", BOUNDS.idleMs), 2);
});

const HOUR_MS = 3_600_000;

/** The store's clock is set back by an hour: what it dated, and when keys end, is as much later then. */
async function setBack(redis: RedisServer): Promise<void> {
  const script = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  redis.call('PEXPIRE', key, redis.call('PTTL', key) + ${HOUR_MS})
  local kind = redis.call('TYPE', key).ok
  if kind == 'zset' then
    for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, ${HOUR_MS}, name) end
  elseif kind == 'string' then
    local at, taken = string.match(redis.call('GET', key), '^(%d+):(%d+)$')
    if at then redis.call('SET', key, string.format('%.0f:%s', at + ${HOUR_MS}, taken), 'KEEPTTL') end
  end
end
return 1`;
  assert.equal((await redis.ask("EVAL", script, "0")).trim(), ":1");
}

test("P8: places of a store's clock that was ahead hold nobody up once it has been set back", async (redis, store) => {
  const { places } = shared(store);
  const bounds = { ...BOUNDS, idleMs: 600_000 };
  const take = (session: string) => places.take({ principal: "p", session }, bounds);
  for (let i = 0; i < 3; i++) await take(`s${i}`);
  await setBack(redis);
  await places.touch([{ principal: "p", session: "s2" }], bounds);
  assert.deepEqual(await take("s3"), { taken: true }, "in place of one that nobody uses");
  await setBack(redis);
  assert.deepEqual(await take("s4"), { taken: true });
  for (const session of ["s2", "s3", "s4"]) assert.deepEqual(await take(session), { taken: true }, "in use");
  await setBack(redis);
  assert.deepEqual(await take("s5"), { taken: true });
  await setBack(redis);
  const refused = await take("s6");
  assert.ok(
    !refused.taken && refused.freeInMs <= bounds.idleMs,
    "as many have given way as there may be, and no longer",
  );
});

test(
  "P8: a turn whose holder has died lasts as long again, and no longer, if the store's clock is set back",
  async (redis, store) => {
    const { aliases } = shared(store);
    assert.equal(await aliases.takeTurn("s", "dead", 50), true);
    await setBack(redis);
    assert.equal(await aliases.takeTurn("s", "me", 50), false);
    await until(() => aliases.takeTurn("s", "me", 50), "the turn");
  },
);

test("P8: a rate comes back although the store's clock was set back", async (redis, store) => {
  const take: RateTake = { rate: { id: "r", amount: 1, windowMs: 100, burst: 1 }, key: "k", cost: 1 };
  const isAllowed = async () => (await store.rates!.take([take], NOW_MS)).allowed;
  assert.equal(await isAllowed(), true);
  await setBack(redis);
  await until(isAllowed, "what was taken to come back");
});

Deno.test(
  "redis store asks as a user of the store's own, and says what is wrong with it",
  { ...STRICT, ...HERE },
  async () => {
    await using redis = await RedisServer.start([
      ...["--user", "default", "on", "nopass", "-@all", "+acl", "+ping"],
      ...["--user", "sig", "on", ">pw", "~*signet-test:*", "&*signet-test:*", "+@all"],
    ]);
    const store = await openStore(redis, { username: "sig", password: "pw" });
    await store.revocations.add(DELETED);
    await store.close();
    const wrong = await openStore(redis, { username: "sig", password: "other", timeoutMs: 200 });
    try {
      await assert.rejects(async () => await wrong.tokens.get("s"), isIo);
      assert.match(wrong.shared?.state().cause ?? "", /WRONGPASS/);
      let woken = 0;
      wrong.shared?.watchRevocations(() => woken++);
      await redis.ask("ACL", "SETUSER", "sig", ">other");
      await until(() => woken > 0, "the user to be let in");
    } finally {
      await until(() => isWhole(wrong), "both connections");
      await wrong.close();
    }
  },
);

const ROTATING: Record<RedisTarget["kind"], (redis: RedisServer, path: string) => Promise<AsyncDisposable | void>> = {
  single: async () => {},
  cluster: async (redis) => {
    await redis.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await until(async () => /cluster_state:ok/.test(await redis.ask("CLUSTER", "INFO")), "the cluster to be complete");
  },
  sentinel: async (redis, path) => {
    const file = `${path}/sentinel.conf`;
    await Deno.writeTextFile(file, `sentinel monitor main 127.0.0.1 ${redis.port} 1\n`);
    return await RedisServer.start([], [file, "--sentinel"]);
  },
};

for (const [kind, prepare] of Object.entries(ROTATING) as [RedisTarget["kind"], typeof ROTATING["single"]][]) {
  Deno.test(`redis store (${kind}) is asked with the password in force when a connection comes up`, {
    ...STRICT,
    ...HERE,
  }, async () => {
    await using folder = await TempFolder.create();
    const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(freePort()), "--dir", folder.path];
    await using redis = await RedisServer.start(kind === "cluster" ? cluster : []);
    await redis.ask("ACL", "SETUSER", "sig", "on", ">old", "~*", "&*", "+@all");
    await using sentinel = await prepare(redis, folder.path) ?? null;
    let current = "old";
    const { port } = sentinel instanceof RedisServer ? sentinel : redis;
    const store = await openStore(redis, { kind, port, username: "sig", password: () => current });
    try {
      store.shared!.watchRevocations(() => {});
      await until(() => isWhole(store), "both connections");
      await redis.ask("ACL", "SETUSER", "sig", "resetpass", ">new");
      await store.revocations.add(DELETED);
      current = "new";
      const before = await redis.connectionsOf("sig");
      await redis.ask("CLIENT", "KILL", "USER", "sig");
      await until(async () => {
        const now = await redis.connectionsOf("sig");
        return now.length >= 2 && now.every((id) => !before.includes(id)) && await isWhole(store);
      }, "both connections to be let in with the new password");
      await store.revocations.add(DELETED);
    } finally {
      await store.close();
    }
  });
}

Deno.test("redis store is a cluster", { ...STRICT, ...HERE }, async () => {
  await using folder = await TempFolder.create();
  // Else the port for the cluster itself is 10,000 beyond the other: in use perhaps, or none at all.
  const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(freePort())];
  await using redis = await RedisServer.start([...cluster, "--dir", folder.path]);
  await redis.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await until(async () => /cluster_state:ok/.test(await redis.ask("CLUSTER", "INFO")), "the cluster to be complete");
  await exercise(await openStore(redis, { kind: "cluster" }));
});

Deno.test("redis store is found by sentinels", { ...STRICT, ...HERE }, async () => {
  await using folder = await TempFolder.create();
  await using redis = await RedisServer.start();
  const file = `${folder.path}/sentinel.conf`;
  await Deno.writeTextFile(file, `sentinel monitor main 127.0.0.1 ${redis.port} 1\n`);
  await using sentinel = await RedisServer.start([], [file, "--sentinel"]);
  await exercise(await openStore(redis, { kind: "sentinel", port: sentinel.port }));
});

/** Each of its uses, once. */
async function exercise(store: Store): Promise<void> {
  try {
    let woken = 0;
    store.shared?.watchRevocations(() => woken++);
    await until(() => woken > 0, "the channel to be open");
    await until(() => answers(store), () => `the store to answer: ${store.shared?.state().cause}`);
    const before = woken;
    await store.revocations.add(DELETED);
    await until(() => woken > before, "word of the revocation");
    assert.deepEqual((await store.revocations.changesSince(0, 10)).revocations, [DELETED]);
    assert.equal((await store.tokens.insertBelowLimit(tokenRecord("t"), { limit: 1, nowMs: NOW_MS })).inserted, true);
    const { places, aliases } = shared(store);
    assert.deepEqual(await places.take({ principal: "p", session: "s" }, BOUNDS), { taken: true });
    assert.equal(await aliases.takeTurn("s", "me", 60_000), true);
    await aliases.replace("s", { before: undefined, text: "there", ttlMs: 60_000 });
    assert.equal(await aliases.get("s"), "there");
    assert.equal(await store.purge(LATER_MS), 2);
  } finally {
    await store.close();
  }
}

function isIo(fault: unknown): boolean {
  return fault instanceof StoreError && fault.code === "io";
}

function shared(store: Store): SharedState {
  assert.ok(store.shared !== undefined);
  return store.shared;
}

test("G5: what only has to be there is judged with the others, and nothing is taken from it", async (_, store) => {
  const own = { id: "own 5/3600000ms burst 5", amount: 5, windowMs: 3_600_000, burst: 5 };
  const all = { id: "all 1/3600000ms burst 1", amount: 1, windowMs: 3_600_000, burst: 1 };
  const ahead = () =>
    store.rates!.take([{ rate: own, key: "a", cost: 1 }, { rate: all, key: "b", cost: 1, stays: true }], 0);
  assert.deepEqual([(await ahead()).allowed, (await ahead()).allowed], [true, true]);
  assert.equal((await store.rates!.take([{ rate: all, key: "b", cost: 1 }], 0)).allowed, true);
  const refused = await ahead();
  assert.deepEqual([refused.allowed, refused.at], [false, 1]);
  assert.equal((await store.rates!.take([{ rate: own, key: "a", cost: 1 }], 0)).remaining, 2);
});

test("G5: of 100 takes at once over two replicas exactly the burst is allowed", async (redis, store) => {
  const other = await openStore(redis);
  try {
    const rate = { id: "r 1/3600000ms burst 10", amount: 1, windowMs: 3_600_000, burst: 10 };
    const takes = [{ rate, key: "a", cost: 1 }];
    const asked = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? store : other).rates!.take(takes, 0));
    const outcomes = await Promise.all(asked);
    assert.equal(outcomes.filter(({ allowed }) => allowed).length, 10);
    const refused = outcomes.find(({ allowed }) => !allowed)!;
    assert.equal(refused.remaining, 0);
    assert.ok(refused.retryAfterMs > 3_500_000 && refused.retryAfterMs <= 3_600_000, String(refused.retryAfterMs));
    assert.equal((await store.rates!.take([{ rate, key: "b", cost: 10 }], 0)).allowed, true);
    const never = await store.rates!.take([{ rate, key: "c", cost: 11 }], 0);
    assert.deepEqual([never.allowed, never.retryAfterMs], [false, Infinity]);
    assert.match(await redis.ask("PTTL", (await redis.ask("KEYS", "*rates*")).split("\r\n")[2]!), /^:[1-9]/);
  } finally {
    await other.close();
  }
});

test("G5: takes from all buckets or from none, and names the one that decides", async (_redis, store) => {
  const few = { id: "few", amount: 1, windowMs: 3_600_000, burst: 1 };
  const many = { id: "many", amount: 1, windowMs: 3_600_000, burst: 5 };
  const take = (cost = 1) => store.rates!.take([{ rate: many, key: "a", cost }, { rate: few, key: "a", cost: 1 }], 0);
  assert.deepEqual((({ allowed, at, remaining }) => ({ allowed, at, remaining }))(await take()), {
    ...{ allowed: true, at: 1, remaining: 0 },
  });
  for (let i = 0; i < 3; i++) assert.equal((await take()).at, 1);
  const left = await store.rates!.take([{ rate: many, key: "a", cost: 1 }], 0);
  assert.deepEqual([left.allowed, left.remaining], [true, 3]);
});

test("G5: what was taken comes back with time", async (_redis, store) => {
  const fast = { id: "fast", amount: 1000, windowMs: 1000, burst: 1 };
  await store.rates!.take([{ rate: fast, key: "a", cost: 1 }], 0);
  await until(
    async () => (await store.rates!.take([{ rate: fast, key: "a", cost: 1 }], 0)).allowed,
    "a millisecond to be over",
  );
});

Deno.test(
  "redis store takes what is no record of a token for none, and lists the others",
  { ...STRICT, ...HERE },
  async () => {
    await using redis = await RedisServer.start();
    const store = await openStore(redis);
    try {
      const record = tokenRecord("b");
      await store.tokens.insertBelowLimit(record, { limit: 5, nowMs: NOW_MS });
      for (const [sid, text] of [["a", "x"], ["c", `${"y".repeat(22)}{"sid":"c"}`], ["d", `${"y".repeat(22)}null`]]) {
        await redis.ask("HSET", "{signet-test:tokens}:records", sid!, text!);
        await redis.ask("ZADD", "{signet-test:tokens}:all", "0", sid!);
        assert.equal(await store.tokens.get(sid!), undefined);
      }
      assert.deepEqual((await store.tokens.list({ nowMs: NOW_MS, limit: 10 })).map(({ sid }) => sid), ["b"]);
    } finally {
      store.close();
    }
  },
);

test(
  "T3: a token whose agent's count is somebody else's key is revoked, and holds up no other",
  async (redis, store) => {
    const nowMs = Date.now();
    const expiresAtS = Math.floor(nowMs / 1000) + 1;
    for (const sid of ["a", "b"]) {
      await store.tokens.insertBelowLimit({ ...tokenRecord(sid), expiresAtS }, { limit: 5, nowMs });
    }
    const key = /\{signet-test:tokens\}:agent:\S+/.exec(await redis.ask("KEYS", "*"))![0];
    await redis.ask("DEL", key);
    await redis.ask("SET", key, "x");
    assert.equal(await store.tokens.remove("a"), true);
    assert.equal(await store.tokens.get("a"), undefined);
    await until(async () => await store.purge(Date.now() + 5000) === 1, "the other one to be over, and purged");
    const other = { ...tokenRecord("c"), agent: "another" };
    assert.equal((await store.tokens.insertBelowLimit(other, { limit: 5, nowMs: NOW_MS })).inserted, true);
  },
);
