import assert from "node:assert/strict";
import { KeyRing } from "../../../../lib/envelope/key_ring.ts";
import { SignetError } from "../../../../lib/errors.ts";
import type { RevocationList } from "../../../../lib/session/revocations/revocation_list.ts";
import type { Session } from "../../../../lib/session/session.ts";
import type { Revocation, RevocationSubject } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, Bench, BOB, codeOf, KEY_B, NOW_MS } from "../fakes.ts";

/** A list that is somewhere else: it answers when told to. */
class RemoteList implements RevocationList {
  readonly asked: RevocationSubject[] = [];
  readonly size = 0;
  answer = Promise.withResolvers<boolean>();
  saved = Promise.withResolvers<void>();
  isRevoked(session: RevocationSubject): Promise<boolean> {
    this.asked.push(session);
    return this.answer.promise;
  }
  revoke(): Promise<void> {
    return this.saved.promise;
  }
  sweep(): void {}
}

const setUp = () => {
  const list = new RemoteList();
  return { list, bench: new Bench({ revocations: list }) };
};

const opening = async (bench: Bench, id: string, owner = ALICE): Promise<Session> =>
  await bench.registry.openCold(id, { caller: bench.caller(owner), nowMs: NOW_MS }, (session) => session);

Deno.test("L3: parallel opens of one id ask the list once and give one session", STRICT, async () => {
  const { list, bench } = setUp();
  const id = bench.seal();
  const opens = Array.from({ length: 100 }, () => opening(bench, id));
  assert.equal(bench.registry.sizes().opening, 1);
  list.answer.resolve(false);
  assert.equal(new Set(await Promise.all(opens)).size, 1);
  assert.equal(list.asked.length, 1);
  assert.equal(bench.registry.opens.get("opened"), 1);
  assert.deepEqual(bench.registry.sizes(), {
    sessions: 1,
    finishing: 0,
    principals: 1,
    opening: 0,
    revocations: 0,
    yields: 0,
  });
  assert.equal(bench.limits.counts().sessions, 1);
});

Deno.test("O1: a stranger who joins the owner's open gets 403, the owner the session", STRICT, async () => {
  const { list, bench } = setUp();
  const id = bench.seal(ALICE);
  const attempts = [BOB, ALICE, BOB].map((caller) => opening(bench, id, caller));
  list.answer.resolve(false);
  const [before, owner, after] = await Promise.allSettled(attempts);
  assert.equal(owner!.status === "fulfilled" && owner!.value.id, id);
  for (const stranger of [before!, after!]) {
    assert.ok(stranger.status === "rejected" && codeOf("owner_mismatch")(stranger.reason));
  }
});

Deno.test("L6: what the list calls revoked does not open", STRICT, async () => {
  const { list, bench } = setUp();
  list.answer.resolve(true);
  await assert.rejects(opening(bench, bench.seal()), codeOf("session_not_found"));
  assert.equal(bench.registry.opens.get("revoked"), 1);
  assert.equal(bench.registry.sizes().opening, 0);
});

Deno.test("L6: a list that cannot tell fails the open, and the next one asks again", STRICT, async () => {
  const { list, bench } = setUp();
  const id = bench.seal();
  list.answer.reject(new SignetError("identity_unavailable"));
  await assert.rejects(opening(bench, id), codeOf("identity_unavailable"));
  assert.equal(bench.registry.opens.get("unavailable"), 1);
  assert.deepEqual(bench.limits.counts().sessions, 0);
  list.answer = Promise.withResolvers();
  list.answer.resolve(false);
  assert.equal((await opening(bench, id)).id, id);
});

Deno.test("L6: a revocation that comes while the list is being asked wins", STRICT, async () => {
  const { list, bench } = setUp();
  // Its DELETE is still being told upstream when it leaves memory and somebody opens it anew.
  const session = bench.initialize();
  bench.registry.remove(session, "idle", NOW_MS);
  const waiting = opening(bench, session.id);
  list.saved.resolve();
  await bench.registry.revoke(session, "deleted", NOW_MS);
  const refused = assert.rejects(waiting, codeOf("session_not_found"));
  list.answer.resolve(false);
  await refused;
  assert.equal(bench.registry.size, 0);
});

for (const kind of ["session", "principal", "all"] as const) {
  Deno.test(`L6 R4: a revocation (${kind}) that is heard of while the list is being asked wins`, STRICT, async () => {
    const { list, bench } = setUp();
    // The list was asked before another process has written it, and is slow to answer.
    const [session, other] = [bench.initialize(ALICE), bench.initialize(BOB)];
    for (const held of [session, other]) bench.registry.remove(held, "idle", NOW_MS);
    const waiting = [opening(bench, session.id), opening(bench, session.id)];
    const spared = opening(bench, other.id, BOB);
    const untilMs = NOW_MS + 1000;
    const about = {
      session: { kind: "session", sid: session.sid, untilMs, by: "operator" },
      principal: { kind: "principal", owner: session.owner, beforeMs: NOW_MS, untilMs },
      all: { kind: "all", beforeMs: NOW_MS, untilMs },
    } satisfies Record<typeof kind, Revocation>;
    bench.registry.endRevoked(about[kind], NOW_MS);
    // Or in the very turn in which the answer is there, before anybody has gone on with it.
    list.answer.resolve(false);
    for (const one of waiting) await assert.rejects(one, codeOf("session_not_found"));
    if (kind === "all") await assert.rejects(spared, codeOf("session_not_found"));
    else assert.equal((await spared).id, other.id);
    assert.equal(bench.registry.sizes().opening, 0);
    assert.equal(bench.limits.counts().sessions, kind === "all" ? 0 : 1);
  });
}

Deno.test("L6 R4: a revocation that is heard of in any turn of an open wins", STRICT, async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { list, bench } = setUp();
    const session = bench.initialize();
    bench.registry.remove(session, "idle", NOW_MS);
    const waiting = [opening(bench, session.id), opening(bench, session.id)];
    const settled = Promise.allSettled(waiting);
    list.answer.resolve(false);
    for (let turn = 0; turn < turns; turn++) await undefined;
    bench.registry.endRevoked({ kind: "all", beforeMs: NOW_MS, untilMs: NOW_MS + 1000 }, NOW_MS);
    await settled;
    assert.equal(bench.registry.size, 0, `heard of ${turns} turns on`);
    assert.equal(bench.registry.sizes().opening, 0);
  }
});

Deno.test("L6: a session is dead here while the list still writes its revocation", STRICT, async () => {
  const { list, bench } = setUp();
  const session = bench.initialize();
  list.answer.resolve(false);
  const saving = bench.registry.revoke(session, "deleted", NOW_MS);
  assert.equal(bench.registry.get(session.id, NOW_MS), undefined);
  await assert.rejects(opening(bench, session.id), codeOf("session_not_found"));
  assert.equal(list.asked.length, 0);
  list.saved.resolve();
  await saving;
});

Deno.test("L6: a revocation that could not be written is told to who asked for it", STRICT, async () => {
  const { list, bench } = setUp();
  const session = bench.initialize();
  list.saved.reject(new Error("store down"));
  await assert.rejects(async () => await bench.registry.revoke(session, "deleted", NOW_MS), /store down/);
  assert.equal(bench.registry.get(session.id, NOW_MS), undefined);
});

Deno.test("E5: an id whose key leaves the ring while the list is being asked does not open", STRICT, async () => {
  const { list, bench } = setUp();
  const waiting = opening(bench, bench.seal());
  bench.registry.setRing(new KeyRing([KEY_B]), NOW_MS);
  const refused = assert.rejects(waiting, codeOf("session_not_found"));
  list.answer.resolve(false);
  await refused;
});

Deno.test(
  "L6: what the list has said before some revocations may have been missed is not the last word",
  STRICT,
  async () => {
    for (const isRevoked of [true, false]) {
      const { list, bench } = setUp();
      const opens = [opening(bench, bench.seal()), opening(bench, bench.seal())];
      const asking = Promise.resolve(bench.registry.askRevoked(list.asked[0]!, { use: (revoked) => revoked }));
      list.answer.resolve(false);
      list.answer = Promise.withResolvers();
      bench.registry.doubt();
      assert.equal(list.asked.length, 6, "each is asked about again");
      list.answer.resolve(isRevoked);
      const outcomes = await Promise.allSettled(opens);
      assert.deepEqual(outcomes.map(({ status }) => status), Array(2).fill(isRevoked ? "rejected" : "fulfilled"));
      assert.equal(await asking, isRevoked);
      assert.equal(bench.registry.sizes().opening, 0);
    }
  },
);

Deno.test(
  "L6: where the list cannot tell once it is doubted, an open fails and one that may go on unasked does",
  STRICT,
  async () => {
    const { list, bench } = setUp();
    const open = opening(bench, bench.seal());
    const untold = () => false;
    const asking = bench.registry.askRevoked(list.asked[0]!, { use: (revoked) => revoked, untold });
    list.answer.resolve(false);
    list.answer = Promise.withResolvers();
    bench.registry.doubt();
    list.answer.reject(new SignetError("identity_unavailable"));
    await assert.rejects(open, codeOf("identity_unavailable"));
    assert.equal(await asking, false);
  },
);
