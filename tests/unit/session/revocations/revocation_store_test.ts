import assert from "node:assert/strict";
import type { OwnerFingerprint } from "../../../../lib/envelope/owner_fingerprint.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { concerns, openRevocations, StoredRevocations } from "../../../../lib/session/revocations/revocation_store.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { openSqliteStore } from "../../../../lib/store/sqlite/sqlite.ts";
import {
  type Revocation,
  type RevocationStore,
  type RevocationSubject,
  type Store,
  StoreError,
} from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

const NOW_MS = 1_700_000_000_000;
const TTL_MS = 86_400_000;
/** How long what has ended is kept all the same. */
const KEPT_MS = 600_000;
const owner = (name: string) => name as OwnerFingerprint;
const session = (facts: Partial<RevocationSubject> = {}): RevocationSubject => ({
  sid: "s1",
  owner: owner("o1"),
  issuedAtMs: NOW_MS,
  ...facts,
});

/** A store as one behind a network answers: every call takes a turn of the event loop. */
function remote(store: Store): Store {
  const { revocations } = store;
  const later = async <T>(answer: () => T | Promise<T>): Promise<T> => {
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    return await answer();
  };
  const slow: RevocationStore = {
    add: (revocation) => later(() => revocations.add(revocation)),
    find: (subject) => later(() => revocations.find(subject)),
    head: () => later(() => revocations.head()),
    changesSince: (cursor, limit) => later(() => revocations.changesSince(cursor, limit)),
    size: () => later(() => revocations.size()),
  };
  return { ...store, revocations: slow, purge: (nowMs) => later(() => store.purge(nowMs)) };
}

const STORES: Record<string, (folder: string) => Store> = {
  memory: () => createMemoryStore(),
  sqlite: (folder) => openSqliteStore(`${folder}/state`),
  remote: () => remote(createMemoryStore()),
};

function overEachStore(
  title: string,
  body: (given: { revocations: StoredRevocations; store: Store; heard: Revocation[] }) => Promise<void>,
): void {
  for (const [name, open] of Object.entries(STORES)) {
    Deno.test(`${title} (${name})`, STRICT, async () => {
      await using folder = await TempFolder.create();
      const store = open(folder.path);
      const revocations = await openRevocations({ store, maxSessionTtlMs: TTL_MS, pageSize: 2, steady: () => NOW_MS });
      const heard: Revocation[] = [];
      revocations.watch((revocation) => heard.push(revocation));
      try {
        await body({ revocations, store, heard });
      } finally {
        await store.close();
      }
    });
  }
}

overEachStore("L6: a deleted session stays dead until its expiry, and only it", async ({ revocations }) => {
  await revocations.revoke("s1", NOW_MS + TTL_MS, NOW_MS);
  await revocations.revoke("s1", NOW_MS + TTL_MS, NOW_MS);
  assert.equal(await revocations.isRevoked(session()), true);
  assert.equal(await revocations.isRevoked(session({ sid: "s2" })), false);
  revocations.sweep(NOW_MS + TTL_MS - 1);
  assert.equal(await revocations.isRevoked(session()), true);
});

overEachStore("P8: a clock that is set forward for a while, and back, revives nobody", async ({ revocations }) => {
  await revocations.revoke("s1", NOW_MS + TTL_MS, NOW_MS);
  for (const aheadMs of [2 * TTL_MS, 365 * TTL_MS, 0, 2 * TTL_MS]) {
    revocations.sweep(NOW_MS + aheadMs);
    assert.equal(await revocations.isRevoked(session()), true);
  }
});

overEachStore("L6: a session that has expired leaves no tombstone", async ({ revocations, store }) => {
  await revocations.revoke("s1", NOW_MS, NOW_MS);
  assert.equal(await store.revocations.size(), 0);
});

overEachStore(
  "L6: an owner's sessions up to a moment are dead under each of his fingerprints",
  async ({ revocations }) => {
    await revocations.revokeOwner([owner("o1"), owner("o1-under-the-old-key")], NOW_MS);
    assert.equal(await revocations.isRevoked(session()), true);
    assert.equal(await revocations.isRevoked(session({ owner: owner("o1-under-the-old-key") })), true);
    assert.equal(await revocations.isRevoked(session({ owner: owner("o2") })), false);
    assert.equal(await revocations.isRevoked(session({ issuedAtMs: NOW_MS + 1 })), false);
  },
);

overEachStore("L6: everything up to a moment is dead", async ({ revocations }) => {
  await revocations.revokeBefore(NOW_MS);
  assert.equal(await revocations.isRevoked(session({ owner: owner("anybody") })), true);
  assert.equal(await revocations.isRevoked(session({ issuedAtMs: NOW_MS + 1 })), false);
});

overEachStore(
  "L6: an operator's revocation is told to listeners, once and in order, when it resolves",
  async (given) => {
    const { revocations, heard } = given;
    await revocations.revokeSession("s1", { nowMs: NOW_MS });
    assert.deepEqual(heard, [{ kind: "session", sid: "s1", untilMs: NOW_MS + TTL_MS, by: "operator" }]);
    await revocations.revokeSession("s1", { nowMs: NOW_MS, expiresAtMs: NOW_MS + 1 });
    await revocations.revokeOwner([owner("o1")], NOW_MS);
    await revocations.revokeBefore(NOW_MS - 5);
    await revocations.poll();
    assert.deepEqual(heard.map((revocation) => revocation.kind), ["session", "principal", "all"]);
  },
);

overEachStore("L6: listeners hear of every one of many revocations at once, whoever polls meanwhile", async (given) => {
  const { revocations, heard } = given;
  const sids = Array.from({ length: 11 }, (_, i) => `s${i}`);
  await Promise.all(sids.map(async (sid) => {
    await revocations.revokeSession(sid, { nowMs: NOW_MS });
    assert.ok(heard.some((revocation) => revocation.kind === "session" && revocation.sid === sid), sid);
  }));
  assert.deepEqual(heard.map((revocation) => revocation.kind === "session" && revocation.sid).sort(), sids.sort());
});

Deno.test(
  "L6: what is added during a poll is told before adding resolves, although that poll began too early",
  STRICT,
  async () => {
    const memory = createMemoryStore();
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    let polls = 0;
    const slow: RevocationStore = {
      add: (revocation) => memory.revocations.add(revocation),
      find: (subject) => memory.revocations.find(subject),
      head: () => memory.revocations.head(),
      size: () => memory.revocations.size(),
      changesSince: async (cursor, limit) => {
        // Reads first and answers late, as a network does.
        const changes = await memory.revocations.changesSince(cursor, limit);
        if (polls++ === 0) await held;
        return changes;
      },
    };
    const revocations = await openRevocations({ store: { ...memory, revocations: slow }, maxSessionTtlMs: TTL_MS });
    const heard: Revocation[] = [];
    revocations.watch((revocation) => heard.push(revocation));
    const early = revocations.poll();
    while (polls === 0) await Promise.resolve();
    const adding = Promise.all([revocations.revokeBefore(1), revocations.revokeSession("s1", { nowMs: NOW_MS })]);
    release();
    await early;
    await adding;
    assert.deepEqual(heard.map((revocation) => revocation.kind), ["all", "session"]);
    assert.equal(polls, 2, "those who wait share one more round");
  },
);

overEachStore("L6: another process's revocation is found at once and told at the next poll", async (given) => {
  const { revocations, store, heard } = given;
  const other = await openRevocations({ store, maxSessionTtlMs: TTL_MS });
  await other.revokeSession("s1", { nowMs: NOW_MS });
  assert.equal(await revocations.isRevoked(session()), true);
  assert.deepEqual(heard, []);
  await revocations.poll();
  assert.equal(heard.length, 1);
  await revocations.poll();
  assert.equal(heard.length, 1);
});

Deno.test(
  "L6: a listener that fails keeps no other from hearing, of that revocation and of those behind it",
  STRICT,
  async () => {
    const store = createMemoryStore();
    const faults: unknown[] = [];
    const revocations = await openRevocations({
      store,
      maxSessionTtlMs: TTL_MS,
      onFault: (fault) => faults.push(fault),
    });
    const heard: string[] = [];
    const fault = new TypeError("a fault of the program's own");
    revocations.watch(() => {
      throw fault;
    });
    revocations.watch((revocation) => heard.push(revocation.kind === "session" ? revocation.sid : revocation.kind));
    for (const sid of ["s1", "s2"]) await revocations.revoke(sid, NOW_MS + TTL_MS, NOW_MS);
    await revocations.poll();
    assert.deepEqual([heard, faults], [["s1", "s2"], [fault, fault]]);
  },
);

Deno.test("L6: a DELETE's caller ends its session before listeners hear of it", STRICT, async () => {
  const revocations = await openRevocations({ store: createMemoryStore(), maxSessionTtlMs: TTL_MS });
  let heard = 0;
  const stop = revocations.watch(() => heard++);
  await revocations.revoke("s1", NOW_MS + 1, NOW_MS);
  assert.equal(heard, 0);
  await revocations.poll();
  assert.equal(heard, 1);
  stop();
  await revocations.revokeBefore(1);
  assert.equal(heard, 1);
});

Deno.test("L6: revocations outlive a restart over a state file; what is old is not told again", STRICT, async () => {
  await using folder = await TempFolder.create();
  const first = openSqliteStore(`${folder.path}/state`);
  await (await openRevocations({ store: first, maxSessionTtlMs: TTL_MS })).revokeSession("s1", { nowMs: NOW_MS });
  first.close();
  const second = openSqliteStore(`${folder.path}/state`);
  const revocations = await openRevocations({ store: second, maxSessionTtlMs: TTL_MS });
  const heard: Revocation[] = [];
  revocations.watch((revocation) => heard.push(revocation));
  await revocations.poll();
  assert.deepEqual(heard, []);
  assert.equal(revocations.isRevoked(session()), true);
  revocations.sweep(NOW_MS + TTL_MS + KEPT_MS);
  assert.equal(revocations.isRevoked(session()), false);
  second.close();
});

for (const [name, open] of Object.entries(STORES)) {
  Deno.test(
    `L6: a store that cannot be asked clears no session, and a failed sweep is no fault (${name})`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const store = open(folder.path);
      const revocations = await openRevocations({ store, maxSessionTtlMs: TTL_MS });
      await store.close();
      const closed = (fault: unknown) => fault instanceof SignetError && fault.code === "identity_unavailable";
      await assert.rejects(async () => await revocations.isRevoked(session()), closed);
      await assert.rejects(async () => await revocations.revoke("s1", NOW_MS + 1, NOW_MS), closed);
      await assert.rejects(async () => await revocations.revokeBefore(NOW_MS), closed);
      await assert.rejects(async () => await revocations.poll(), StoreError);
      revocations.sweep(NOW_MS);
    },
  );
}

Deno.test("L6: cold opens stay synchronous over memory and a state file", STRICT, async () => {
  const revocations = await openRevocations({ store: createMemoryStore(), maxSessionTtlMs: TTL_MS });
  assert.equal(revocations.isRevoked(session()), false);
  assert.equal(revocations.revoke("s1", NOW_MS + 1, NOW_MS), undefined);
});

Deno.test("M3: a flood of deleted sessions is bounded in memory and shows in size", STRICT, async () => {
  const store = createMemoryStore({ maxSessions: 100 });
  const revocations = await openRevocations({ store, maxSessionTtlMs: TTL_MS });
  for (let i = 0; i < 5_000; i++) await revocations.revoke(`s${i}`, NOW_MS + 1, NOW_MS);
  assert.equal(revocations.size, 100);
  assert.equal(revocations.isRevoked(session({ sid: "s4999" })), true);
});

Deno.test(
  "L6 R6: whoever could not ask about all that may be revoked is told of it again until he could",
  STRICT,
  async () => {
    const store = createMemoryStore();
    let isMissed = true;
    const changesSince = (cursor: number) => ({ revocations: [], cursor, more: false, missed: isMissed });
    const revocations = await openRevocations({
      store: { ...store, revocations: { ...store.revocations, changesSince, head: () => 0 } },
      maxSessionTtlMs: TTL_MS,
    });
    const asked: PromiseWithResolvers<boolean>[] = [];
    revocations.watchGaps(() => {
      asked.push(Promise.withResolvers());
      return asked.at(-1)!.promise;
    });
    const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
    await revocations.poll();
    isMissed = false;
    await revocations.poll();
    assert.equal(asked.length, 1, "one round at a time");
    asked[0]!.resolve(false);
    await turn();
    assert.equal(asked.length, 1, "not before the next look");
    await revocations.poll();
    assert.equal(asked.length, 2);
    // Missed again, by now: whoever was asked about before may be revoked since.
    isMissed = true;
    await revocations.poll();
    isMissed = false;
    asked[1]!.resolve(true);
    await turn();
    assert.equal(asked.length, 3);
    asked[2]!.resolve(true);
    await turn();
    await revocations.poll();
    assert.equal(asked.length, 3, "all have been asked about");
  },
);

/** A store that is away, with what it was told all the same. */
function away(keepsUntaken: boolean): { readonly store: Store; readonly told: Revocation[] } {
  const store = createMemoryStore();
  const told: Revocation[] = [];
  const add = (revocation: Revocation) => {
    told.push(revocation);
    return Promise.reject(new StoreError("io", "It is away", { remedy: "Wait." }));
  };
  return { store: { ...store, revocations: { ...remote(store).revocations, add, keepsUntaken } }, told };
}

for (const keepsUntaken of [true, false]) {
  const what = keepsUntaken ? "but keeps is told, each of them" : "is told to nobody";
  Deno.test(`L6 R6: of an owner's keys, what a store does not take ${what}`, STRICT, async () => {
    const { store, told } = away(keepsUntaken);
    const revocations = await openRevocations({ store, maxSessionTtlMs: TTL_MS });
    const heard: Revocation[] = [];
    revocations.watch((revocation) => void heard.push(revocation));
    const refused = revocations.revokeOwner([owner("o1"), owner("o2")], NOW_MS);
    await assert.rejects(refused, { code: "identity_unavailable" });
    const owners = told.map((each) => each.kind === "principal" && each.owner);
    assert.deepEqual(owners, keepsUntaken ? ["o1", "o2"] : ["o1"]);
    assert.deepEqual(heard, keepsUntaken ? told : []);
    await store.close();
  });
}

Deno.test("L6: concerns tells which live sessions a revocation ends", STRICT, () => {
  const cutoff = { beforeMs: NOW_MS, untilMs: NOW_MS + 1 };
  const cases: [Revocation, RevocationSubject, boolean][] = [
    [{ kind: "session", sid: "s1", untilMs: 1, by: "client" }, session(), true],
    [{ kind: "session", sid: "s2", untilMs: 1, by: "client" }, session(), false],
    [{ kind: "principal", owner: "o1", ...cutoff }, session(), true],
    [{ kind: "principal", owner: "o2", ...cutoff }, session(), false],
    [{ kind: "principal", owner: "o1", ...cutoff }, session({ issuedAtMs: NOW_MS + 1 }), false],
    [{ kind: "all", ...cutoff }, session(), true],
    [{ kind: "all", ...cutoff }, session({ issuedAtMs: NOW_MS + 1 }), false],
  ];
  for (const [revocation, facts, expected] of cases) assert.equal(concerns(revocation, facts), expected);
});
