import assert from "node:assert/strict";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { testStoreContract, tokenRecord } from "../store_contract.ts";

const NOW_MS = 1_700_000_000_000;

testStoreContract(
  "memory store",
  () => Promise.resolve({ store: createMemoryStore(), dispose: () => Promise.resolve() }),
);

Deno.test("M3: memory store refuses records beyond its cap until some expire", STRICT, () => {
  const { tokens } = createMemoryStore({ maxTokens: 3 });
  const insert = (i: number, nowMs = NOW_MS) =>
    tokens.insertBelowLimit(tokenRecord(`s${i}`, { agent: `a${i}` }), { limit: 1, nowMs });
  for (let i = 0; i < 3; i++) insert(i);
  assert.deepEqual(insert(3), { inserted: false, reason: "store_full", live: 0 });
  assert.deepEqual(insert(4, NOW_MS + 60_000), { inserted: true, live: 1 });
});

Deno.test(
  "M3: memory store forgets the oldest deleted session when full, counts it, and keeps every revoked one",
  STRICT,
  () => {
    const store = createMemoryStore({ maxSessions: 2 });
    const { revocations } = store;
    const untilMs = NOW_MS + 1_000;
    for (const sid of ["r1", "r2"]) revocations.add({ kind: "session", sid, untilMs, by: "operator" });
    for (let i = 0; i < 1_000; i++) revocations.add({ kind: "session", sid: `d${i}`, untilMs, by: "client" });
    const found = (sid: string) => revocations.find({ sid, owner: "o", issuedAtMs: NOW_MS });
    assert.deepEqual([found("d0"), found("d997"), found("d998"), found("d999")], [
      undefined,
      undefined,
      "session",
      "session",
    ]);
    assert.deepEqual([found("r1"), found("r2")], ["session", "session"]);
    assert.deepEqual(store.stats(), { revocationsHeld: 4, revocationsForgotten: 998 });
  },
);

Deno.test("M3: memory store refuses an operator's revocation it has no room for", STRICT, () => {
  const { revocations } = createMemoryStore({ maxSessions: 1, maxPrincipals: 1 });
  const full = (fault: unknown) => fault instanceof StoreError && fault.code === "full";
  revocations.add({ kind: "session", sid: "r1", untilMs: NOW_MS, by: "operator" });
  assert.throws(() => revocations.add({ kind: "session", sid: "r2", untilMs: NOW_MS, by: "operator" }), full);
  revocations.add({ kind: "principal", owner: "o1", beforeMs: 1, untilMs: NOW_MS });
  revocations.add({ kind: "principal", owner: "o1", beforeMs: 2, untilMs: NOW_MS });
  assert.throws(() => revocations.add({ kind: "principal", owner: "o2", beforeMs: 1, untilMs: NOW_MS }), full);
});

Deno.test(
  "M3: memory store keeps a bounded history of changes, and tells a cursor that fell behind that some are missing",
  STRICT,
  () => {
    const { revocations } = createMemoryStore({ maxChanges: 10, maxSessions: 1_000 });
    for (let i = 0; i < 100; i++) {
      revocations.add({ kind: "session", sid: `s${i}`, untilMs: NOW_MS, by: "client" });
    }
    const all = [];
    const missed = [];
    let cursor = 0;
    for (let more = true; more;) {
      const page = revocations.changesSince(cursor, 4);
      assert.ok(!(page instanceof Promise));
      all.push(...page.revocations);
      missed.push(page.missed === true);
      ({ cursor, more } = page);
    }
    assert.ok(all.length >= 10 && all.length < 20, `kept ${all.length}`);
    assert.equal(cursor, 100);
    assert.deepEqual(missed, missed.map((_, page) => page === 0), "said once");
    assert.deepEqual(all.at(-1), { kind: "session", sid: "s99", untilMs: NOW_MS, by: "client" });
  },
);
