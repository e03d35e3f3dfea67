// What every store must do, whatever holds it. Each implementation's test file runs this suite over itself.
import assert from "node:assert/strict";
import { ENDED_KEPT_MS } from "../../../lib/store/purge_clock.ts";
import { type Store, StoreError, type TokenRecord } from "../../../lib/store/store.ts";
import { STRICT } from "../../support/strict.ts";

const NOW_MS = 1_700_000_000_000;
const NOW_S = NOW_MS / 1000;
const LATER_MS = NOW_MS + 3_600_000;

export function tokenRecord(sid: string, overrides: Partial<TokenRecord> = {}): TokenRecord {
  return {
    sid,
    agent: "did:example:a",
    expiresAtS: NOW_S + 60,
    digest: `digest-${sid}`,
    issuedAtMs: NOW_MS,
    ...overrides,
  };
}

export interface ContractOptions {
  /** What the store needs is not here. Default: false. */
  readonly ignore?: boolean;
  /** It is reached over a network, and so answers later. Default: it answers at once. */
  readonly waits?: boolean;
}

/** Registers the suite. `open` makes an empty store and its cleanup. */
export function testStoreContract(
  name: string,
  open: () => Promise<{ readonly store: Store; readonly dispose: () => Promise<void> }>,
  { ignore = false, waits = false }: ContractOptions = {},
): void {
  const test = (title: string, body: (store: Store) => Promise<void>) =>
    Deno.test(`${name} ${title}`, { ...STRICT, ignore }, async () => {
      const { store, dispose } = await open();
      try {
        await body(store);
      } finally {
        await store.close();
        await dispose();
      }
    });
  testTokens(test);
  testRevocations(test);
  testLifecycle(test);
  if (!waits) testAnswersAtOnce(test);
}

type Register = (title: string, body: (store: Store) => Promise<void>) => void;

function testTokens(test: Register): void {
  test("T1: keeps a record as it was inserted", async ({ tokens }) => {
    const record = tokenRecord("s1", { agent: "did:example:ünïcode '\"; --" });
    assert.deepEqual(await tokens.insertBelowLimit(record, { limit: 1, nowMs: NOW_MS }), { inserted: true, live: 1 });
    assert.deepEqual({ ...await tokens.get("s1") }, record);
    assert.equal(await tokens.get("s2"), undefined);
  });

  test("T1: refuses at the limit and counts each agent by itself", async ({ tokens }) => {
    const insert = (sid: string, agent: string) =>
      tokens.insertBelowLimit(tokenRecord(sid, { agent }), { limit: 2, nowMs: NOW_MS });
    await insert("a1", "a");
    await insert("a2", "a");
    assert.deepEqual(await insert("a3", "a"), { inserted: false, reason: "agent_limit", live: 2 });
    assert.equal(await tokens.get("a3"), undefined);
    assert.deepEqual(await insert("b1", "b"), { inserted: true, live: 1 });
    assert.equal(await tokens.count("a", NOW_MS), 2);
    assert.equal(await tokens.count("nobody", NOW_MS), 0);
  });

  test("T1: counts no expired ones; exp == now is expired; they are kept a while, and then purged", async ({ tokens }) => {
    const first = tokenRecord("s1");
    await tokens.insertBelowLimit(first, { limit: 1, nowMs: NOW_MS });
    const other = tokenRecord("b1", { agent: "b" });
    await tokens.insertBelowLimit(other, { limit: 1, nowMs: NOW_MS });
    const second = tokenRecord("s2", { expiresAtS: NOW_S + 120 });
    const justBefore = first.expiresAtS * 1000 - 1;
    assert.equal((await tokens.insertBelowLimit(second, { limit: 1, nowMs: justBefore })).inserted, false);
    assert.deepEqual(await tokens.insertBelowLimit(second, { limit: 1, nowMs: justBefore + 1 }), {
      inserted: true,
      live: 1,
    });
    // What they have let in may be finished, and nobody is told that they were revoked.
    const nowMs = justBefore + 60_000;
    assert.equal(await tokens.count("b", nowMs), 0);
    assert.deepEqual((await tokens.list({ nowMs: justBefore + 1, limit: 9 })).map(({ sid }) => sid), ["s2"]);
    const third = tokenRecord("c1", { agent: "c", expiresAtS: NOW_S + 600 });
    assert.equal((await tokens.insertBelowLimit(third, { limit: 1, nowMs })).inserted, true);
    for (const record of [first, other]) assert.deepEqual({ ...await tokens.get(record.sid) }, record);
    const fourth = tokenRecord("d1", { agent: "d", expiresAtS: NOW_S + 600 });
    await tokens.insertBelowLimit(fourth, { limit: 1, nowMs: justBefore + 1 + ENDED_KEPT_MS });
    for (const record of [first, other]) assert.equal(await tokens.get(record.sid), undefined);
  });

  test("T1: inserts exactly 5 when 100 are inserted in parallel at a limit of 5", async ({ tokens }) => {
    const outcomes = await Promise.all(
      Array.from(
        { length: 100 },
        (_, i) => Promise.resolve(tokens.insertBelowLimit(tokenRecord(`s${i}`), { limit: 5, nowMs: NOW_MS })),
      ),
    );
    assert.equal(outcomes.filter((outcome) => outcome.inserted).length, 5);
    assert.equal(await tokens.count("did:example:a", NOW_MS), 5);
  });

  test("T1: refuses a second record with the same id and keeps the first", async ({ tokens }) => {
    await tokens.insertBelowLimit(tokenRecord("s1"), { limit: 5, nowMs: NOW_MS });
    const twin = tokenRecord("s1", { agent: "b" });
    await assert.rejects(
      async () => await tokens.insertBelowLimit(twin, { limit: 5, nowMs: NOW_MS }),
      (fault: unknown) => fault instanceof StoreError && fault.code === "conflict",
    );
    assert.equal((await tokens.get("s1"))?.agent, "did:example:a");
    assert.equal(await tokens.count("b", NOW_MS), 0);
    assert.deepEqual(await tokens.insertBelowLimit(tokenRecord("s2"), { limit: 5, nowMs: NOW_MS }), {
      inserted: true,
      live: 2,
    });
  });

  test("T3: removes one record once, and makes room for another", async ({ tokens }) => {
    await tokens.insertBelowLimit(tokenRecord("s1"), { limit: 1, nowMs: NOW_MS });
    assert.equal(await tokens.remove("s1"), true);
    assert.equal(await tokens.remove("s1"), false);
    assert.equal((await tokens.insertBelowLimit(tokenRecord("s2"), { limit: 1, nowMs: NOW_MS })).inserted, true);
  });

  test("T3: removes all records of one agent and no other's, counting the live ones", async ({ tokens }) => {
    for (const [sid, agent, ttlS] of [["s1", "a", 60], ["s2", "a", 60], ["s3", "a", 1], ["s4", "b", 60]] as const) {
      const record = tokenRecord(sid, { agent, expiresAtS: NOW_S + ttlS });
      await tokens.insertBelowLimit(record, { limit: 9, nowMs: NOW_MS });
    }
    assert.equal(await tokens.removeAgent("a", NOW_MS + 1_000), 2);
    assert.equal(await tokens.removeAgent("a", NOW_MS + 1_000), 0);
    assert.equal(await tokens.get("s3"), undefined);
    assert.equal(await tokens.count("b", NOW_MS), 1);
  });

  test("T3: lists unexpired records in pages ordered by sid", async ({ tokens }) => {
    for (const sid of ["c", "a", "e", "b", "d"]) {
      const record = tokenRecord(sid, {
        agent: sid === "d" ? "other" : "a",
        expiresAtS: NOW_S + (sid === "b" ? 1 : 60),
      });
      await tokens.insertBelowLimit(record, { limit: 9, nowMs: NOW_MS });
    }
    const nowMs = NOW_MS + 1_000;
    const sids = async (query: { agent?: string; afterSid?: string; limit: number }) =>
      (await tokens.list({ nowMs, ...query })).map((record) => record.sid);
    assert.deepEqual(await sids({ limit: 2 }), ["a", "c"]);
    assert.deepEqual(await sids({ limit: 2, afterSid: "c" }), ["d", "e"]);
    assert.deepEqual(await sids({ limit: 2, afterSid: "e" }), []);
    assert.deepEqual(await sids({ limit: 9, agent: "a" }), ["a", "c", "e"]);
  });
}

function testRevocations(test: Register): void {
  const subject = { sid: "s1", owner: "o1", issuedAtMs: NOW_MS };

  test("L6: finds a revoked session and no other", async ({ revocations }) => {
    await revocations.add({ kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" });
    assert.equal(await revocations.find(subject), "session");
    assert.equal(await revocations.find({ ...subject, sid: "s2" }), undefined);
    // An owner named like a session, and a session named like the wildcard, are neither.
    assert.equal(await revocations.find({ ...subject, sid: "x", owner: "s1" }), undefined);
    assert.equal(await revocations.find({ ...subject, sid: "*", owner: "*" }), undefined);
  });

  test("L6: a principal's cut-off takes what was issued up to its moment and nothing later", async ({ revocations }) => {
    await revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: LATER_MS });
    assert.equal(await revocations.find(subject), "principal");
    assert.equal(await revocations.find({ ...subject, issuedAtMs: NOW_MS + 1 }), undefined);
    assert.equal(await revocations.find({ ...subject, owner: "o2" }), undefined);
  });

  test("L6: a global cut-off takes every owner's sessions up to its moment", async ({ revocations }) => {
    await revocations.add({ kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS });
    assert.equal(await revocations.find({ ...subject, owner: "anybody" }), "all");
    assert.equal(await revocations.find({ ...subject, issuedAtMs: NOW_MS + 1 }), undefined);
  });

  test("L6: of several reasons the widest is named", async ({ revocations }) => {
    await revocations.add({ kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" });
    assert.equal(await revocations.find(subject), "session");
    await revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: LATER_MS });
    assert.equal(await revocations.find(subject), "principal");
    await revocations.add({ kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS });
    assert.equal(await revocations.find(subject), "all");
  });

  test("L6: adding again only ever extends", async (store) => {
    const { revocations } = store;
    await revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: LATER_MS });
    await revocations.add({ kind: "principal", owner: "o1", beforeMs: NOW_MS - 5_000, untilMs: NOW_MS });
    await revocations.add({ kind: "session", sid: "s9", untilMs: LATER_MS, by: "operator" });
    await revocations.add({ kind: "session", sid: "s9", untilMs: NOW_MS, by: "client" });
    await store.purge(NOW_MS + 1);
    assert.equal(await revocations.find(subject), "principal");
    assert.equal(await revocations.find({ ...subject, sid: "s9", owner: "o2" }), "session");
    await revocations.add({ kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS });
    await revocations.add({ kind: "all", beforeMs: 1, untilMs: LATER_MS });
    assert.equal(await revocations.find({ ...subject, owner: "o2" }), "all");
  });

  test("L6: a revocation stays until its end and is purged then", async (store) => {
    await store.revocations.add({ kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" });
    await store.revocations.add({ kind: "principal", owner: "o2", beforeMs: NOW_MS, untilMs: LATER_MS });
    await store.revocations.add({ kind: "all", beforeMs: 1, untilMs: LATER_MS });
    await store.tokens.insertBelowLimit(tokenRecord("t"), { limit: 1, nowMs: NOW_MS });
    assert.equal(await store.purge(LATER_MS - 1), 1);
    assert.equal(await store.revocations.size(), 3);
    assert.equal(await store.revocations.find(subject), "session");
    assert.equal(await store.purge(LATER_MS), 3);
    assert.equal(await store.revocations.size(), 0);
    assert.equal(await store.revocations.find(subject), undefined);
  });

  test("changes come once each, in order, in pages; repeating one is no change", async ({ revocations }) => {
    const first = { kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" } as const;
    const second = { kind: "principal", owner: "o1", beforeMs: NOW_MS, untilMs: LATER_MS } as const;
    const third = { kind: "all", beforeMs: NOW_MS, untilMs: LATER_MS } as const;
    for (const revocation of [first, second, first, third, second]) await revocations.add(revocation);
    const page = await revocations.changesSince(0, 2);
    assert.deepEqual(page.revocations, [first, second]);
    assert.equal(page.more, true);
    const rest = await revocations.changesSince(page.cursor, 2);
    assert.deepEqual(rest.revocations, [third]);
    assert.equal(rest.more, false);
    const none = await revocations.changesSince(rest.cursor, 2);
    assert.deepEqual(none, { revocations: [], cursor: rest.cursor, more: false });
    const longer = { ...first, untilMs: LATER_MS + 1 };
    await revocations.add(longer);
    assert.deepEqual((await revocations.changesSince(none.cursor, 2)).revocations, [longer]);
  });

  test("changes from the head on are those added after it", async (store) => {
    const { revocations } = store;
    assert.equal(await revocations.head(), 0);
    await revocations.add({ kind: "session", sid: "s1", untilMs: LATER_MS, by: "client" });
    const head = await revocations.head();
    assert.deepEqual((await revocations.changesSince(head, 10)).revocations, []);
    const added = { kind: "session", sid: "s2", untilMs: LATER_MS, by: "client" } as const;
    await revocations.add(added);
    assert.deepEqual((await revocations.changesSince(head, 10)).revocations, [added]);
    assert.equal(await revocations.head(), (await revocations.changesSince(0, 10)).cursor);
  });

  test("changes after a purge are still seen from the cursor before it", async (store) => {
    await store.revocations.add({ kind: "session", sid: "s1", untilMs: NOW_MS, by: "client" });
    const { cursor } = await store.revocations.changesSince(0, 10);
    await store.purge(NOW_MS);
    const added = { kind: "session", sid: "s2", untilMs: LATER_MS, by: "operator" } as const;
    await store.revocations.add(added);
    assert.deepEqual((await store.revocations.changesSince(cursor, 10)).revocations, [added]);
  });
}

function testAnswersAtOnce(test: Register): void {
  test("answers without a promise", (store) => {
    for (
      const answer of [
        store.tokens.get("s"),
        store.revocations.find({ sid: "s", owner: "o", issuedAtMs: 0 }),
        store.revocations.changesSince(0, 1),
        store.purge(NOW_MS),
      ]
    ) assert.equal(answer instanceof Promise, false);
    return Promise.resolve();
  });
}

function testLifecycle(test: Register): void {
  test("closes twice, and refuses everything afterwards", async (store) => {
    await store.close();
    await store.close();
    const uses: (() => unknown)[] = [
      () => store.tokens.get("s"),
      () => store.tokens.insertBelowLimit(tokenRecord("s"), { limit: 1, nowMs: NOW_MS }),
      () => store.revocations.find({ sid: "s", owner: "o", issuedAtMs: 0 }),
      () => store.revocations.add({ kind: "all", beforeMs: 0, untilMs: 1 }),
    ];
    for (const use of uses) {
      await assert.rejects(
        async () => await use(),
        (fault: unknown) => fault instanceof StoreError && fault.code === "closed",
      );
    }
  });
}
