// What the store does after nobody has waited for it any more: it overrides nothing that was decided meanwhile, and nobody
// is led to what has ended (docs/behaviour.md R6, S3).
import assert from "node:assert/strict";
import type { PoolKey } from "../../../../../lib/bridge/request.ts";
import type { UpstreamSessionId } from "../../../../../lib/envelope/session_id.ts";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import type { OwnerKey } from "../../../../../lib/session/caller.ts";
import type { Verdict } from "../../../../../lib/session/revocations/revocation_list.ts";
import { StoreError } from "../../../../../lib/store/store.ts";
import type { PooledSession } from "../../../../../lib/upstream/peers/pooled/pooled_session.ts";
import { PooledSessions } from "../../../../../lib/upstream/peers/pooled/pooled_sessions.ts";
import { FakeTimers, settle } from "../../../../support/fake_timers.ts";
import { LateAliases } from "../../../../support/late_aliases.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

const OWNER = "1:ia" as OwnerKey;
const IDLE_MS = 60_000;

function scene() {
  const timers = new FakeTimers();
  const store = new LateAliases(() => timers.now());
  const ring = freshRing();
  const verdict: { of: (openedAtMs: number) => Verdict } = { of: () => "good" };
  const pools = [0, 1].map((i) =>
    new PooledSessions({
      ...{ store, timers, home: "machine", idleMs: IDLE_MS, holder: `process ${i}` },
      seal: new StoreSeal(() => ring, "pool"),
      judge: (_owner, openedAtMs) => verdict.of(openedAtMs),
    })
  );
  const upstream = { url: "http://mcp:3000/mcp", isLocal: false, initializeTimeoutMs: 1000 };
  const at = (i: number) => pools[i]!.at({ pool: "a pool" as PoolKey, owner: OWNER, member: "", upstream })!;
  let opened = 0;
  const open = () => {
    const id = `session-${++opened}` as UpstreamSessionId;
    const value = { jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } };
    const line = new TextEncoder().encode(JSON.stringify(value));
    return Promise.resolve({ reply: { value, line }, session: { id, version: "2025-11-25" } });
  };
  const idAt = async (session: PooledSession, more = {}) =>
    (await session.openOnce(undefined, async () => ({ ...await open(), ...more }))).session?.id;
  return { timers, store, pools, verdict, at, idAt };
}

Deno.test("R6 S3: a turn whose answer is lost is given back as any other", STRICT, async () => {
  const { at, idAt, store } = scene();
  const { takeTurn } = store;
  let of = "";
  store.takeTurn = async (...turn) => {
    await takeTurn.apply(store, turn);
    [of] = turn;
    throw new StoreError("io", "The store does not answer", { remedy: "Start it." });
  };
  assert.equal(await idAt(at(0)), "session-1");
  await settle();
  assert.equal(await takeTurn.call(store, of, "another", 1000), true);
});

Deno.test("R6 S3: a session that another process has had kept meanwhile stays the one", STRICT, async () => {
  const { at, idAt, store, timers } = scene();
  const [late, other] = [at(0), at(1)];
  store.isLate = true;
  assert.equal(await idAt(late), "session-1");
  store.isLate = false;
  assert.equal(await idAt(other), "session-2");
  const [{ text }] = [...store.texts.values()] as [{ text: string; untilMs: number }];
  await store.land();
  assert.equal([...store.texts.values()][0]!.text, text, "what lands late changes nothing");
  await timers.advance(5000);
  late.use();
  await settle();
  assert.equal((await late.follow())?.session?.id, "session-2");
});

Deno.test("R6 S3: one that was kept in the end is known to be, and found", STRICT, async () => {
  const { at, idAt, store, timers } = scene();
  const session = at(0);
  store.isLate = true;
  assert.equal(await idAt(session), "session-1");
  assert.equal(session.isKept("session-1"), false);
  await store.land();
  await timers.advance(5000);
  session.use();
  await settle();
  assert.equal(session.isKept("session-1"), true);
  assert.equal(await session.leave(), true);
  await settle();
  assert.equal(await idAt(at(1)), "session-1");
});

for (const how of ["end", "leave"] as const) {
  Deno.test(`R6 S3: ${how} before it was kept in the end: nobody is led to what has ended`, STRICT, async () => {
    const { at, idAt, store, timers } = scene();
    const session = at(0);
    store.isLate = true;
    assert.equal(await idAt(session), "session-1");
    store.isUp = false;
    assert.equal(await session[how](), how === "end", "it is to end at the server");
    await settle();
    store.isUp = true;
    await store.land();
    assert.equal(store.texts.size, 1, "as bad as it can be");
    await timers.advance(5000);
    assert.equal(store.texts.size, 0);
    assert.equal(timers.pending, 0);
    assert.equal(await idAt(at(1)), "session-2");
  });
}

Deno.test("R6 S3: what cannot be taken back is given up in bounded time", STRICT, async () => {
  const { at, idAt, store, timers } = scene();
  store.isLate = true;
  const session = at(0);
  await idAt(session);
  store.isUp = false;
  await session.end();
  await settle();
  for (let i = 0; i < 3; i++) await timers.advance(5000);
  assert.equal(timers.pending, 0);
});

Deno.test(
  "S3: one whose server has not taken the confirmation is counted, told again, and then kept",
  STRICT,
  async () => {
    const { at, idAt, store, timers, pools } = scene();
    let asked = 0, isTaken = false;
    const confirm = () => Promise.resolve(++asked > 0 && isTaken);
    const session = at(0);
    assert.equal(await idAt(session, { confirm }), "session-1");
    assert.deepEqual([pools[0]!.size, pools[0]!.unshared, pools[0]!.oldestOf(OWNER)], [1, 1, timers.now()]);
    session.use();
    await settle();
    assert.equal(asked, 0, "not at once");
    for (const taken of [false, true]) {
      isTaken = taken;
      await timers.advance(5000);
      session.use();
      await settle();
      assert.deepEqual([session.isKept("session-1"), store.texts.size], [taken, taken ? 1 : 0]);
    }
    assert.equal(asked, 2);
    await session.end();
    assert.deepEqual([pools[0]!.size, store.texts.size], [0, 0]);
  },
);

Deno.test("S3: so is one in whose place another process has had one kept, and follows it", STRICT, async () => {
  const { at, idAt, timers } = scene();
  const own = at(0);
  await idAt(own, { confirm: () => Promise.resolve(false) });
  assert.equal(await idAt(at(1)), "session-2");
  assert.equal(own.isMoved, true, "it has heard of it");
  assert.equal((await own.follow())?.session?.id, "session-2");
  await timers.advance(IDLE_MS);
  assert.equal(await own.end(), true);
});

Deno.test("L6 R6 S3: what nobody can tell to be revoked is not gone on with, and not lost", STRICT, async () => {
  const { at, idAt, verdict, timers, pools } = scene();
  const first = at(0);
  assert.equal(await idAt(first), "session-1");
  await first.leave();
  verdict.of = () => "untold";
  const revoked: unknown[] = [];
  const second = at(1);
  second.onRevoked = (session) => revoked.push(session.id);
  assert.equal(await idAt(second), "session-2", "one of its own");
  assert.ok(pools[1]!.unshared > 0, "which is counted");
  verdict.of = () => "good";
  await timers.advance(5000);
  second.use();
  await settle();
  assert.equal((await second.follow())?.session?.id, "session-1");
  assert.deepEqual(revoked, []);
});

Deno.test("L6 S3: one that is found revoked is told of once, and makes room for the next", STRICT, async () => {
  const { at, idAt, verdict, timers } = scene();
  const first = at(0);
  assert.equal(await idAt(first), "session-1");
  await first.leave();
  await timers.advance(10);
  const untilMs = timers.now() - 1;
  verdict.of = (openedAtMs) => openedAtMs <= untilMs ? "revoked" : "good";
  const revoked: unknown[] = [];
  const second = at(1);
  second.onRevoked = (session) => revoked.push(session.id);
  assert.equal(await idAt(second), "session-2");
  assert.deepEqual(revoked, ["session-1"]);
  assert.equal(await idAt(at(0)), "session-2");
});

Deno.test("L6 S3: one that is revoked ends, whoever has used it last", STRICT, async () => {
  const { at, idAt, verdict, timers, store } = scene();
  const [here, dead] = [at(0), at(1)];
  await idAt(here);
  await timers.advance(10_000);
  assert.equal(await idAt(dead), "session-1");
  verdict.of = () => "revoked";
  assert.equal(await here.end(), true, "the other may be gone");
  assert.equal(store.texts.size, 0);
  dead.letGo();
});
