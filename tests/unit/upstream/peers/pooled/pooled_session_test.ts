// Sessions that stateless clients share, as two processes with one store see them (docs/behaviour.md S3, L4, R1, M6).
import assert from "node:assert/strict";
import type { PoolKey } from "../../../../../lib/bridge/request.ts";
import type { UpstreamSessionId } from "../../../../../lib/envelope/session_id.ts";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import type { OwnerKey } from "../../../../../lib/session/caller.ts";
import type { Greeted } from "../../../../../lib/upstream/peers/peer_session.ts";
import type { PooledSession } from "../../../../../lib/upstream/peers/pooled/pooled_session.ts";
import { PooledSessions } from "../../../../../lib/upstream/peers/pooled/pooled_sessions.ts";
import { FakeAliases } from "../../../../support/fake_aliases.ts";
import { FakeTimers, settle } from "../../../../support/fake_timers.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";
import { testAliasContract } from "../../../store/alias_contract.ts";

const POOL = "owner and kind" as PoolKey;
const OWNER = "1:ia" as OwnerKey;
const SERVER = { url: "http://mcp:3000/mcp", isLocal: false, initializeTimeoutMs: 1000 };
const IDLE_MS = 10_000;

testAliasContract("fake aliases", () => {
  let nowMs = 0;
  const aliases = new FakeAliases(() => nowMs);
  const pass = (ms: number) => void (nowMs += ms);
  return Promise.resolve({ aliases, others: aliases, tells: true, pass, dispose: () => Promise.resolve() });
});

function scene(
  homes: readonly ("machine" | { self: string | undefined })[] = [{ self: "http://a" }, { self: "http://b" }],
) {
  const timers = new FakeTimers();
  const store = new FakeAliases(() => timers.now());
  const ring = freshRing();
  const pools = homes.map((home, i) =>
    new PooledSessions({
      ...{ store, timers, home, idleMs: IDLE_MS, holder: `process ${i}` },
      seal: new StoreSeal(() => ring, "pool"),
      judge: () => "good" as const,
    })
  );
  let opened = 0;
  const open = (more: Partial<Greeted> & { instructions?: string } = {}) => {
    const id = `session-${++opened}` as UpstreamSessionId;
    const result = { protocolVersion: "2025-11-25", capabilities: {}, instructions: more.instructions };
    const value = { jsonrpc: "2.0", id: 0, result };
    const line = new TextEncoder().encode(JSON.stringify(value));
    return Promise.resolve({ reply: { value, line }, session: { id, version: "2025-11-25" }, ...more });
  };
  const at = (i: number, place = {}) =>
    pools[i]!.at({ pool: POOL, owner: OWNER, member: "", upstream: SERVER, ...place });
  return { timers, store, pools, open, at, opened: () => opened };
}

async function idOf(session: PooledSession | undefined, open: () => Promise<Greeted>, lost?: string) {
  return (await session!.openOnce(lost, open)).session?.id;
}

Deno.test(
  "S3: processes that ask at once share one session, each owner, member and server its own",
  STRICT,
  async () => {
    const { at, open, opened, timers } = scene();
    const [here, there] = [at(0), at(1)];
    const asked = Promise.all([idOf(here, open), idOf(there, open)]);
    // Who waits looks now and then.
    for (let i = 0; i < 20; i++) await timers.advance(50);
    assert.deepEqual(await asked, ["session-1", "session-1"]);
    assert.equal(await idOf(at(1, { pool: "another" }), open), "session-2");
    assert.equal(await idOf(at(1, { member: "left" }), open), "session-3");
    assert.equal(await idOf(at(1, { upstream: { ...SERVER, url: "http://other/mcp" } }), open), "session-4");
    assert.equal(opened(), 4);
    for (const session of [here, there]) await session!.leave();
  },
);

Deno.test(
  "R1 S3: a local server's session is found by its own replica only, and by none without a name",
  STRICT,
  async () => {
    const { at, open } = scene([{ self: "http://a" }, { self: "http://b" }, { self: undefined }, "machine", "machine"]);
    const local = { upstream: { ...SERVER, isLocal: true } };
    assert.equal(await idOf(at(0, local), open), "session-1");
    assert.equal(await idOf(at(1, local), open), "session-2");
    assert.equal(await idOf(at(0, local), open), "session-1");
    assert.equal(at(2, local), undefined);
    assert.equal(await idOf(at(3, local), open), "session-3");
    assert.equal(await idOf(at(4, local), open), "session-3", "on one machine it is one server");
  },
);

Deno.test(
  "L4 S3: what one process has opened in place of a lost one the other hears of, and follows",
  STRICT,
  async () => {
    const { at, open, pools } = scene();
    const [here, there] = [at(0)!, at(1)!];
    await idOf(here, open);
    await idOf(there, open);
    assert.equal(await idOf(here, open, "session-1"), "session-2");
    assert.equal(there.isMoved, true);
    assert.equal((await there.follow())?.session?.id, "session-2");
    assert.deepEqual([there.isMoved, await there.follow()], [false, undefined]);
    assert.equal(await idOf(there, open, "session-1"), "session-2", "who finds the loss later opens no other");
    assert.equal(pools[1]!.taken, 3);
  },
);

Deno.test("S3: a session in use lives on, and ends with who used it last", STRICT, async () => {
  const { at, open, timers, store } = scene();
  const [here, there] = [at(0)!, at(1)!];
  await idOf(here, open);
  await idOf(there, open);
  for (let i = 0; i < 30; i++) {
    await timers.advance(IDLE_MS / 10);
    there.use();
    await settle();
  }
  assert.equal(await here.end(), false, "the other uses it");
  assert.equal(await here.end(), false);
  await timers.advance(IDLE_MS);
  assert.equal(store.texts.size, 1);
  assert.equal(await there.end(), true);
  assert.equal(store.texts.size, 0);
  const later = at(0)!;
  assert.equal(await idOf(later, open), "session-2");
  await timers.advance(2 * IDLE_MS);
  assert.equal(await idOf(at(1), open), "session-3", "unused, it is forgotten by itself");
});

Deno.test(
  "R6 S3: without its store each process opens its own, which is counted, and told when it is back",
  STRICT,
  async () => {
    const { at, open, timers, store, pools } = scene();
    store.isUp = false;
    const [here, there] = [at(0)!, at(1)!];
    assert.equal(await idOf(here, open), "session-1");
    assert.equal(here.isKept("session-1"), false);
    assert.ok(pools[0]!.unshared > 0);
    store.isUp = true;
    here.use();
    assert.equal(store.texts.size, 0, "not at once");
    await timers.advance(5000);
    here.use();
    assert.equal(await here.leave(), true);
    assert.equal(await idOf(there, open), "session-1");
  },
);

Deno.test("R6 S3: of two that were opened apart one is used when the store is back", STRICT, async () => {
  const { at, open, timers, store } = scene();
  const [here, there] = [at(0)!, at(1)!];
  await idOf(here, open);
  store.isUp = false;
  assert.equal(await idOf(there, open), "session-2");
  store.isUp = true;
  await timers.advance(5000);
  there.use();
  await settle();
  assert.equal(there.isMoved, true);
  assert.equal((await there.follow())?.session?.id, "session-1");
});

Deno.test(
  "M6 S3: what is too long to be kept stays this process's own; instructions are left out first",
  STRICT,
  async () => {
    const { at, open, store } = scene();
    const long = "x".repeat(70_000);
    const told = at(0)!;
    await told.openOnce(undefined, () => open({ instructions: long }));
    assert.equal(told.isKept("session-1"), true);
    const { reply } = await at(1)!.openOnce(undefined, open);
    assert.deepEqual(reply.value.result, { protocolVersion: "2025-11-25", capabilities: {} });
    const huge = at(0, { member: "huge" })!;
    const id = `huge${long}` as UpstreamSessionId;
    await huge.openOnce(undefined, () => open({ session: { id, version: "2025-11-25" } }));
    assert.equal(huge.isKept(id), false);
    assert.equal(await huge.end(), true, "it is this process's to end");
    const none = at(0, { member: "none" })!;
    await none.openOnce(undefined, () => open({ session: { id: undefined, version: "2025-11-25" } }));
    assert.equal(store.texts.size, 1, "a server without ids has nothing to lead back to");
  },
);
