import assert from "node:assert/strict";
import { KeyRing, MasterKey } from "../../../lib/envelope/key_ring.ts";
import { SignetError } from "../../../lib/errors.ts";
import { STRICT } from "../../support/strict.ts";
import {
  ALICE,
  Bench,
  BOB,
  factsOf,
  FakeActive,
  IDLE_MS,
  KEY_A,
  KEY_B,
  NOW_MS,
  principal,
  refusalOf,
  TTL_MS,
} from "./fakes.ts";

const ZERO = { sessions: 0, streams: 0, requests: 0, principals: 0 };

Deno.test("L3: a session that was initialized is found by its id, and by its sid", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  assert.equal(bench.registry.get(session.id, NOW_MS), session);
  assert.equal(bench.registry.bySid(session.sid), session);
  assert.equal(bench.registry.size, 1);
});

Deno.test("L3: an id not known here opens for its owner, once, whatever string carries it", STRICT, () => {
  const bench = new Bench();
  const id = bench.seal();
  const head = `mcp-session-id: ${id}\r\n`;
  const session = bench.open(head.slice(16, -2));
  assert.equal(session.id, id);
  assert.equal(session.lastOwner, bench.caller(ALICE));
  assert.equal(bench.open(id), session);
  assert.equal(bench.registry.get(id, NOW_MS), session);
  assert.equal(bench.registry.opens.get("opened"), 1);
  assert.deepEqual(bench.limits.counts(), { ...ZERO, sessions: 1, principals: 1 });
});

Deno.test("O1: somebody else's id is 403, cold and live, and leaves nothing behind", STRICT, () => {
  const bench = new Bench();
  const id = bench.seal(ALICE);
  assert.equal(refusalOf(() => bench.open(id, BOB)), "owner_mismatch");
  assert.equal(bench.registry.size, 0);
  assert.deepEqual(bench.limits.counts(), ZERO);
  const session = bench.open(id, ALICE);
  assert.equal(refusalOf(() => bench.open(id, BOB)), "owner_mismatch");
  assert.equal(bench.registry.get(id, NOW_MS), session);
  assert.equal(bench.registry.opens.get("owner_mismatch"), 2);
});

Deno.test("L8: an id opens until its expiry and not at it", STRICT, () => {
  const bench = new Bench();
  const id = bench.seal();
  assert.equal(refusalOf(() => bench.open(id, ALICE, NOW_MS + TTL_MS)), "session_not_found");
  assert.equal(bench.registry.opens.get("expired"), 1);
  bench.open(id, ALICE, NOW_MS + TTL_MS - 1);
});

Deno.test("L8: a live session ends when it is looked for at its expiry, and what is in flight is cut", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  const active = new FakeActive("stream");
  session.enter(active, NOW_MS);
  assert.equal(bench.registry.get(session.id, NOW_MS + TTL_MS - 1), session);
  assert.equal(bench.registry.get(session.id, NOW_MS + TTL_MS), undefined);
  assert.deepEqual(active.aborts, ["expired"]);
  assert.deepEqual(bench.limits.counts(), ZERO);
});

const UNOPENABLE: readonly [string, (id: string) => string, Parameters<Bench["registry"]["opens"]["get"]>[0]][] = [
  ["another alphabet", (id) => `${id.slice(0, -1)}!`, "alphabet"],
  ["too short", (id) => id.slice(0, 20), "length"],
  ["too long", (id) => id.padEnd(4_097, "0"), "length"],
  ["tampered with", (id) => id.slice(0, 80) + (id[80] === "0" ? "1" : "0") + id.slice(81), "tag"],
];

for (const [what, change, outcome] of UNOPENABLE) {
  Deno.test(`E8: an id ${what} is session_not_found, told apart in the counters only`, STRICT, () => {
    const bench = new Bench();
    assert.equal(refusalOf(() => bench.open(change(bench.seal()))), "session_not_found");
    assert.equal(bench.registry.opens.get(outcome), 1);
    assert.equal(bench.registry.opens.samples().reduce((sum, [, count]) => sum + count, 0), 1);
  });
}

Deno.test("E5: an id under a key that is not in the ring is session_not_found", STRICT, () => {
  const bench = new Bench();
  assert.equal(refusalOf(() => bench.open(bench.seal(ALICE, { key: KEY_B }))), "session_not_found");
  assert.equal(bench.registry.opens.get("key"), 1);
});

Deno.test("E5: a new ring keeps sessions whose key is still there and ends the others", STRICT, () => {
  const bench = new Bench({ ring: new KeyRing([KEY_A, KEY_B]) });
  const [kept, lost] = [bench.initialize(ALICE, { key: KEY_A }), bench.initialize(ALICE, { key: KEY_B })];
  const [stream, call] = [new FakeActive("stream"), new FakeActive()];
  lost.enter(stream, NOW_MS);
  const token = lost.enter(call, NOW_MS);
  const reloaded = new MasterKey(new Uint8Array(32).fill(1));
  bench.registry.setRing(new KeyRing([new MasterKey(new Uint8Array(32).fill(3)), reloaded]), NOW_MS);
  assert.equal(bench.registry.get(kept.id, NOW_MS), kept);
  assert.equal(kept.key, reloaded);
  kept.lastOwner = undefined;
  assert.equal(bench.owners.owns(bench.caller(ALICE), kept), true);
  assert.equal(bench.registry.get(lost.id, NOW_MS), undefined);
  assert.deepEqual([stream.aborts, call.aborts], [["key_removed"], []], "an answer under way may finish (23)");
  assert.equal(bench.registry.bySid(lost.sid), lost, "and a revocation still reaches it");
  bench.registry.remove(lost, "revoked", NOW_MS);
  assert.deepEqual(call.aborts, ["revoked"]);
  lost.leave(token, NOW_MS);
  assert.equal(bench.registry.bySid(lost.sid), undefined);
  assert.equal(refusalOf(() => bench.open(lost.id)), "session_not_found");
});

Deno.test("L6: a deleted session is dead from that moment on, for its owner too", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  const active = new FakeActive();
  session.enter(active, NOW_MS);
  bench.registry.revoke(session, "deleted", NOW_MS);
  assert.deepEqual(active.aborts, ["deleted"]);
  assert.equal(bench.registry.get(session.id, NOW_MS), undefined);
  assert.equal(refusalOf(() => bench.open(session.id)), "session_not_found");
  assert.equal(refusalOf(() => bench.open(session.id, BOB)), "session_not_found");
  assert.equal(bench.registry.opens.get("revoked"), 2);
  bench.registry.sweep(NOW_MS + TTL_MS - 1);
  assert.equal(refusalOf(() => bench.open(session.id, ALICE, NOW_MS + TTL_MS - 1)), "session_not_found");
  assert.equal(bench.registry.opens.get("revoked"), 3);
});

Deno.test("L6: a session is revoked, live or not", STRICT, () => {
  const bench = new Bench();
  const [live, cold] = [bench.initialize(), bench.initialize()];
  bench.registry.remove(cold, "idle", NOW_MS);
  for (const session of [live, cold]) bench.registry.revoke(session, "revoked", NOW_MS);
  assert.equal(bench.registry.size, 0);
  for (const { id } of [live, cold]) assert.equal(refusalOf(() => bench.open(id)), "session_not_found");
});

Deno.test("L7: an idle session leaves memory after the idle time, and its id stays good", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  bench.registry.sweep(NOW_MS + IDLE_MS - 1);
  assert.equal(bench.registry.size, 1);
  bench.registry.sweep(NOW_MS + IDLE_MS);
  assert.deepEqual(bench.ended, [[session.id, "idle"]]);
  assert.deepEqual(bench.limits.counts(), ZERO);
  assert.notEqual(bench.open(session.id, ALICE, NOW_MS + IDLE_MS), session);
});

Deno.test("L7: a session is idle only when the last of what was in flight has left", STRICT, () => {
  const bench = new Bench({ caps: { maxSessions: 1 } });
  const session = bench.initialize();
  const [first, last] = [session.enter(new FakeActive(), NOW_MS), session.enter(new FakeActive(), NOW_MS)];
  session.leave(first, NOW_MS);
  bench.registry.sweep(NOW_MS + IDLE_MS);
  assert.equal(refusalOf(() => bench.open(bench.seal())), "session_limit");
  session.leave(last, NOW_MS);
  bench.open(bench.seal());
  assert.deepEqual(bench.ended, [[session.id, "evicted"]]);
});

for (const kind of ["call", "stream"] as const) {
  Deno.test(`L7: a ${kind} in flight keeps its session, and idling begins when it ends`, STRICT, () => {
    const bench = new Bench();
    const session = bench.initialize();
    const token = session.enter(new FakeActive(kind), NOW_MS);
    bench.registry.sweep(NOW_MS + 10 * IDLE_MS);
    assert.equal(bench.registry.size, 1);
    session.leave(token, NOW_MS + 10 * IDLE_MS);
    bench.registry.sweep(NOW_MS + 11 * IDLE_MS - 1);
    assert.equal(bench.registry.size, 1);
    bench.registry.sweep(NOW_MS + 11 * IDLE_MS);
    assert.equal(bench.registry.size, 0);
  });
}

Deno.test("L7: only what is idle long enough goes, however sessions were used in between", STRICT, () => {
  const bench = new Bench();
  const [a, b, c] = [bench.initialize(), bench.initialize(), bench.initialize()];
  a.leave(a.enter(new FakeActive(), NOW_MS + 500), NOW_MS + 600);
  b.enter(new FakeActive(), NOW_MS + 10);
  bench.registry.sweep(NOW_MS + IDLE_MS + 599);
  assert.deepEqual(bench.ended.map(([id]) => id), [c.id]);
  bench.registry.sweep(NOW_MS + IDLE_MS + 600);
  assert.deepEqual(bench.ended.map(([id]) => id), [c.id, a.id]);
  assert.equal(bench.registry.get(b.id, NOW_MS), b);
});

Deno.test("P8: a session that was in use before the clock was set back is idle as any other", STRICT, () => {
  const bench = new Bench();
  bench.initialize(ALICE, { nowMs: NOW_MS + IDLE_MS, ttlMs: 10 * IDLE_MS });
  bench.registry.sweep(NOW_MS);
  bench.registry.sweep(NOW_MS + IDLE_MS);
  assert.equal(bench.registry.size, 0);
});

Deno.test("L8: the sweep cuts what has expired although it is busy", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(ALICE, { ttlMs: 1_000 });
  const active = new FakeActive("stream");
  session.enter(active, NOW_MS);
  bench.registry.sweep(NOW_MS + 1_000);
  assert.deepEqual(active.aborts, ["expired"]);
  assert.equal(bench.registry.size, 0);
});

Deno.test("M2: a full registry refuses an initialize, and evicts nobody for it", STRICT, () => {
  const bench = new Bench({ caps: { maxSessions: 2 } });
  const sessions = [bench.initialize(ALICE), bench.initialize(BOB)];
  assert.equal(refusalOf(() => bench.registry.reserve(bench.caller(principal("carol")), NOW_MS)), "session_limit");
  for (const session of sessions) assert.equal(bench.registry.get(session.id, NOW_MS), session);
});

Deno.test(
  "M1 M5: at a full registry a cold open evicts its owner's own that is idle longest, whose id stays good",
  STRICT,
  () => {
    const bench = new Bench({ caps: { maxSessions: 4 } });
    bench.initialize(BOB, { nowMs: NOW_MS - 1_000_000 });
    const [busy, used, idle] = [bench.initialize(ALICE), bench.initialize(ALICE), bench.initialize(ALICE)];
    busy.enter(new FakeActive(), NOW_MS);
    used.leave(used.enter(new FakeActive(), NOW_MS + 1), NOW_MS + 2);
    const opened = bench.open(bench.seal(ALICE), ALICE, NOW_MS + 3);
    assert.deepEqual(bench.ended, [[idle.id, "evicted"]]);
    assert.equal(bench.registry.get(opened.id, NOW_MS), opened);
    assert.deepEqual(bench.limits.counts(), { ...ZERO, sessions: 4, principals: 2 });
    bench.open(idle.id, ALICE, NOW_MS + 4);
    assert.deepEqual(bench.ended.slice(1), [[used.id, "evicted"]]);
    assert.equal(bench.registry.ends.get("evicted"), 2);
    const carols = bench.seal(principal("carol"));
    assert.equal(refusalOf(() => bench.open(carols, principal("carol"), NOW_MS + 5)), "session_limit");
    assert.equal(bench.ended.length, 2, "nobody else's gives way");
  },
);

Deno.test(
  "M5: a new session takes the place of its principal's own that is unused longest, if for long enough",
  STRICT,
  () => {
    const bench = new Bench({ caps: { maxSessionsPerPrincipal: 2, yieldAfterMs: 30_000 } });
    const bobs = bench.initialize(BOB, { nowMs: NOW_MS - 1_000_000 });
    const [first, second] = [bench.initialize(ALICE), bench.initialize(ALICE, { nowMs: NOW_MS + 10_000 })];
    const retryAfter = (nowMs: number) => {
      try {
        bench.registry.reserve(bench.caller(ALICE), nowMs).release();
        return undefined;
      } catch (fault) {
        assert.ok(fault instanceof SignetError && fault.code === "principal_limit");
        return fault.detail.retryAfterS;
      }
    };
    assert.equal(retryAfter(NOW_MS + 29_500), 1, "when a place can be free");
    assert.equal(retryAfter(NOW_MS + 12_000), 18);
    const third = bench.initialize(ALICE, { nowMs: NOW_MS + 30_000 });
    assert.deepEqual(bench.ended, [[first.id, "evicted"]]);
    for (const session of [second, third]) session.enter(new FakeActive("stream"), NOW_MS + 40_000);
    assert.equal(retryAfter(NOW_MS + 900_000), 30, "all are in use");
    assert.equal(bench.registry.get(bobs.id, NOW_MS), bobs);
    assert.equal(refusalOf(() => bench.open(first.id, ALICE, NOW_MS + 900_000)), "principal_limit");
    second.abortAll("drain", NOW_MS + 900_001);
    assert.equal(bench.open(first.id, ALICE, NOW_MS + 900_002).id, first.id, "its id is as good as before");
  },
);

Deno.test(
  "M5: no more of a caller's sessions give way to new ones within the idle time than it may have, and ids come back",
  STRICT,
  () => {
    const bench = new Bench({ caps: { maxSessionsPerPrincipal: 2, yieldAfterMs: 1000 } });
    const opened = [bench.initialize(ALICE), bench.initialize(ALICE)];
    let nowMs = NOW_MS;
    for (let n = 0; n < 2; n++) opened.push(bench.initialize(ALICE, { nowMs: nowMs += 2000 }));
    const firstMs = NOW_MS + 2000;
    const refused = () => {
      try {
        bench.registry.reserve(bench.caller(ALICE), nowMs).release();
        return undefined;
      } catch (fault) {
        assert.ok(fault instanceof SignetError && fault.code === "principal_limit");
        return fault.detail.retryAfterS;
      }
    };
    nowMs += 2000;
    assert.equal(refused(), (firstMs + IDLE_MS / 2 - nowMs) / 1000, "when the next may give way");
    assert.equal(bench.registry.sizes().yields, 1);
    bench.open(opened[0]!.id, ALICE, nowMs); // what exists is not counted
    bench.open(opened[1]!.id, ALICE, nowMs);
    bench.initialize(BOB, { nowMs });
    nowMs = firstMs + IDLE_MS / 2;
    bench.initialize(ALICE, { nowMs });
    nowMs += 2000;
    assert.ok(refused() !== undefined, "one has come back, not two");
    bench.registry.sweep(nowMs + 2 * IDLE_MS);
    assert.equal(bench.registry.sizes().yields, 0);
  },
);

Deno.test(
  "M5 O2: where sessions are bound to clients, a new one of another client's makes nobody's session give way",
  STRICT,
  () => {
    const bench = new Bench({
      owner: { bindClientId: true },
      caps: { maxSessionsPerPrincipal: 2, yieldAfterMs: 1000 },
    });
    const [one, other] = ["one", "other"].map((clientId) => ({ ...ALICE, clientId }));
    const theirs = bench.initialize(one);
    const ours = bench.initialize(other, { nowMs: NOW_MS + 1 });
    bench.initialize(other, { nowMs: NOW_MS + 5000 });
    assert.deepEqual(bench.ended, [[ours.id, "evicted"]], "its own, though another's is unused for longer");
    bench.open(ours.id, other, NOW_MS + 6000);
    bench.open(ours.id, other, NOW_MS + 6001);
    assert.equal(bench.registry.get(theirs.id, NOW_MS + 6002), theirs);
    const busy = bench.registry.get(ours.id, NOW_MS + 6002)!;
    busy.enter(new FakeActive("stream"), NOW_MS + 6002);
    assert.equal(
      refusalOf(() => bench.registry.reserve(bench.caller(other), NOW_MS + 90_000)),
      "principal_limit",
      "the cap is the principal's",
    );
    const existing = bench.seal(other, { nowMs: NOW_MS });
    bench.open(existing, other, NOW_MS + 90_001);
    assert.deepEqual(bench.ended.at(-1), [theirs.id, "evicted"], "an id that exists is not refused for a cap");
  },
);

Deno.test("M2: with everybody busy, or being initialized, a cold open is refused", STRICT, () => {
  const bench = new Bench({ caps: { maxSessions: 2 } });
  bench.initialize(ALICE).enter(new FakeActive(), NOW_MS);
  const reservation = bench.registry.reserve(bench.caller(BOB), NOW_MS);
  const id = bench.seal(ALICE);
  assert.equal(refusalOf(() => bench.open(id)), "session_limit");
  assert.equal(bench.registry.opens.get("limit"), 1);
  reservation.release();
  bench.open(id);
});

Deno.test("M2: a principal at its cap gives up its own idle session, never another's", STRICT, () => {
  const bench = new Bench({ caps: { maxSessions: 3, maxSessionsPerPrincipal: 2 } });
  bench.initialize(BOB, { nowMs: NOW_MS - 1_000 });
  const [first, second] = [bench.initialize(ALICE), bench.initialize(ALICE)];
  second.leave(second.enter(new FakeActive(), NOW_MS), NOW_MS + 1);
  const third = bench.seal(ALICE);
  bench.open(third, ALICE, NOW_MS + 2);
  assert.deepEqual(bench.ended, [[first.id, "evicted"]]);
  second.enter(new FakeActive(), NOW_MS + 3);
  bench.registry.get(third, NOW_MS)!.enter(new FakeActive(), NOW_MS + 3);
  assert.equal(refusalOf(() => bench.open(first.id, ALICE, NOW_MS + 4)), "principal_limit");
  assert.equal(bench.ended.length, 1);
});

Deno.test("M1: caps lowered by a reload are met by the next cold open, as far as sessions are idle", STRICT, () => {
  const bench = new Bench();
  const sessions = Array.from({ length: 5 }, () => bench.initialize(ALICE));
  sessions[0]!.enter(new FakeActive(), NOW_MS);
  bench.limits.setCaps({ maxSessionsPerPrincipal: 2 });
  bench.open(bench.seal(ALICE));
  assert.equal(bench.registry.size, 2);
  assert.equal(bench.registry.get(sessions[0]!.id, NOW_MS), sessions[0]);
});

Deno.test("M1: what leaves twice gives back once, and a late removal does not touch a reopened session", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  bench.registry.remove(session, "idle", NOW_MS);
  bench.registry.remove(session, "evicted", NOW_MS);
  assert.equal(bench.ended.length, 1);
  assert.equal(bench.registry.bySid(session.sid), undefined);
  const reopened = bench.open(session.id);
  bench.registry.remove(session, "upstream_gone", NOW_MS);
  assert.equal(bench.registry.get(session.id, NOW_MS), reopened);
  assert.equal(bench.registry.bySid(session.sid), reopened);
  assert.deepEqual(bench.limits.counts(), { ...ZERO, sessions: 1, principals: 1 });
});

Deno.test("M1: a session is taken in only fresh and with a place of its own", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  const place = bench.registry.reserve(bench.caller(ALICE), NOW_MS);
  assert.throws(() => bench.registry.add(factsOf(session.id), place, NOW_MS), /fresh id/);
  const released = bench.registry.reserve(bench.caller(ALICE), NOW_MS);
  released.release();
  assert.throws(() => bench.registry.add(factsOf(bench.seal()), released, NOW_MS), /fresh id/);
  assert.equal(bench.registry.size, 1);
});

Deno.test("P2: draining cuts what is in flight everywhere and ends no session", STRICT, () => {
  const bench = new Bench();
  const actives = [ALICE, BOB].map((owner) => {
    const active = new FakeActive("stream");
    bench.initialize(owner).enter(active, NOW_MS);
    return active;
  });
  bench.registry.abortAll("drain", NOW_MS);
  assert.deepEqual(actives.map((active) => active.aborts), [["drain"], ["drain"]]);
  assert.equal(bench.registry.size, 2);
});

Deno.test("L5: callbacks that throw are reported, and the session is gone all the same", STRICT, () => {
  const fault = new Error("broken");
  const fail = () => {
    throw fault;
  };
  const faults: unknown[] = [];
  const bench = new Bench({ onEnd: fail, onFault: (found) => faults.push(found) });
  const session = bench.initialize();
  session.enter(new FakeActive("call", fail), NOW_MS);
  bench.registry.revoke(session, "deleted", NOW_MS);
  assert.deepEqual(faults, [fault, fault]);
  assert.equal(bench.registry.size, 0);
  assert.deepEqual(bench.limits.counts(), ZERO);
});

Deno.test("L5: a callback that looks for the session while it ends does not find it", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize();
  const found: unknown[] = [];
  session.enter(new FakeActive("call", () => found.push(bench.registry.get(session.id, NOW_MS))), NOW_MS);
  bench.registry.revoke(session, "deleted", NOW_MS);
  assert.deepEqual(found, [undefined]);
});

Deno.test("M3: every map of the registry tells its size", STRICT, () => {
  const bench = new Bench();
  bench.initialize(ALICE);
  bench.initialize(BOB);
  bench.registry.revoke(bench.initialize(BOB), "revoked", NOW_MS);
  assert.deepEqual(bench.registry.sizes(), {
    sessions: 2,
    finishing: 0,
    principals: 2,
    opening: 0,
    revocations: 1,
    yields: 0,
  });
});
