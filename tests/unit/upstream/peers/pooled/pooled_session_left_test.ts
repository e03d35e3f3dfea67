// A shared session whose user has gone while the store or the server had not answered yet: nothing of it stays here, and
// what others can find is usable (docs/behaviour.md S3, L4, M6).
import assert from "node:assert/strict";
import type { PoolKey } from "../../../../../lib/bridge/request.ts";
import type { UpstreamSessionId } from "../../../../../lib/envelope/session_id.ts";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import type { OwnerKey } from "../../../../../lib/session/caller.ts";
import type { Replacement } from "../../../../../lib/store/shared.ts";
import type { PooledSession } from "../../../../../lib/upstream/peers/pooled/pooled_session.ts";
import { PooledSessions } from "../../../../../lib/upstream/peers/pooled/pooled_sessions.ts";
import { FakeAliases } from "../../../../support/fake_aliases.ts";
import { FakeMcp } from "../../../../support/fake_mcp.ts";
import { FakeTimers, settle } from "../../../../support/fake_timers.ts";
import { ANNA, HttpPeerScene, initializeText } from "../../../../support/http_peer.ts";
import { FakeMember } from "../../../../support/several.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

const OWNER = "1:ia" as OwnerKey;
const IDLE_MS = 10_000;

type Question = "get" | "replace" | "touch";

/** Answers when a test lets it. */
class SlowAliases extends FakeAliases {
  /** What it is that is not answered; `done`: it is done all the same. */
  slow: Question | "touch done" | undefined;
  /** How many wait for an answer. */
  waiting = 0;
  #gate = Promise.withResolvers<void>();

  answer(): Promise<void> {
    this.slow = undefined;
    this.#gate.resolve();
    this.#gate = Promise.withResolvers();
    return settle();
  }

  override async get(sid: string): Promise<string | undefined> {
    await this.#wait("get");
    return await super.get(sid);
  }

  override async replace(sid: string, replacement: Replacement): Promise<boolean> {
    await this.#wait("replace");
    return await super.replace(sid, replacement);
  }

  override async touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    await this.#wait("touch");
    const isThere = await super.touch(sid, text, ttlMs);
    await this.#wait("touch done");
    return isThere;
  }

  async #wait(what: Question | "touch done"): Promise<void> {
    if (this.slow !== what) return;
    this.waiting++;
    await this.#gate.promise;
    this.waiting--;
  }
}

function scene() {
  const timers = new FakeTimers();
  const store = new SlowAliases(() => timers.now());
  const ring = freshRing();
  const upstream = { url: "http://mcp:3000/mcp", isLocal: false, initializeTimeoutMs: 1000 };
  const pools = [0, 1].map((i) =>
    new PooledSessions({
      ...{ store, timers, home: "machine", idleMs: IDLE_MS, holder: `process ${i}` },
      seal: new StoreSeal(() => ring, "pool"),
      judge: () => "good" as const,
    })
  );
  let opened = 0;
  const open = () => {
    const id = `session-${++opened}` as UpstreamSessionId;
    const value = { jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } };
    const reply = { value, line: new TextEncoder().encode(JSON.stringify(value)) };
    return Promise.resolve({ reply, session: { id, version: "2025-11-25" } });
  };
  const at = (i: number) => pools[i]!.at({ pool: "a pool" as PoolKey, owner: OWNER, member: "", upstream })!;
  const idAt = async (session: PooledSession) => (await session.openOnce(undefined, open)).session?.id;
  const held = () => pools.map((each) => [each.size, each.oldestOf(OWNER)]);
  return { timers, store, pools, at, open, idAt, held };
}

const NOTHING = [[0, undefined], [0, undefined]];

for (const slow of ["get", "touch"] as const) {
  Deno.test(
    `M6 S3: left while the store is slow to ${slow}, it is held by nobody, and others use it`,
    STRICT,
    async () => {
      const { at, idAt, store, held, timers } = scene();
      const first = at(0);
      assert.equal(await idAt(first), "session-1");
      assert.equal(await first.leave(), true);
      store.slow = slow;
      const late = at(0);
      const finding = idAt(late);
      finding.catch(() => {});
      await settle();
      assert.equal(store.waiting, 1);
      late.letGo();
      await store.answer();
      await finding.catch(() => {});
      assert.deepEqual(held(), NOTHING);
      assert.equal(timers.pending, 0, "it waits for no turn");
      const other = at(1);
      assert.equal(await idAt(other), "session-1", "what is kept is there for others");
      assert.equal(await other.leave(), true);
      assert.deepEqual(held(), NOTHING);
    },
  );
}

Deno.test("M6 S3: one that nobody wants any more waits for nobody's turn", STRICT, async () => {
  const { at, idAt, open, store, held, timers } = scene();
  const greeting = Promise.withResolvers<void>();
  const opening = at(0);
  const opened = opening.openOnce(undefined, () => greeting.promise.then(open));
  await settle();
  const late = at(1);
  const waiting = assert.rejects(idAt(late));
  await settle();
  late.letGo();
  await timers.advance(50);
  await waiting;
  greeting.resolve();
  assert.equal((await opened).session?.id, "session-1");
  assert.equal(store.texts.size, 1);
  await opening.leave();
  assert.deepEqual(held(), NOTHING);
});

for (const how of ["end", "letGo"] as const) {
  Deno.test(
    `M6 S3: ${how} while the store is being told of a new one: nobody finds it from then on`,
    STRICT,
    async () => {
      const { at, idAt, store, held } = scene();
      store.slow = "replace";
      const session = at(0);
      const opening = idAt(session);
      await settle();
      assert.equal(store.waiting, 1);
      await session[how]();
      await store.answer();
      const id = await opening;
      assert.equal(session.isKept(id), false, "it is its opener's to end");
      assert.equal(store.texts.size, 0);
      assert.deepEqual(held(), NOTHING);
    },
  );
}

for (const slow of ["touch", "touch done"] as const) {
  Deno.test(`M6 S3: ended while the store is told that it is in use, nobody has it (${slow})`, STRICT, async () => {
    const { at, idAt, store, held, timers } = scene();
    const session = at(0);
    await idAt(session);
    await timers.advance(IDLE_MS / 2);
    store.slow = slow;
    session.use();
    await settle();
    assert.equal(store.waiting, 1);
    assert.equal(await session.end(), true, "its own word is nobody else's: it is to end at the server");
    await store.answer();
    assert.deepEqual([held(), store.texts.size], [NOTHING, 0]);
  });
}

Deno.test(
  "M6 S3: one whose user has gone before the store answers is left at the server, and by its peer",
  STRICT,
  async () => {
    await using server = new FakeMcp({ sessionsOnly: true });
    const { at, store, held } = scene();
    const first = new HttpPeerScene(server.url, { pooled: () => at(0) });
    await first.life.initialize(initializeText(), ANNA);
    await first.life.stop("leave", ANNA).gone;
    await first[Symbol.asyncDispose]();
    store.slow = "get";
    await using late = new HttpPeerScene(server.url, { pooled: () => at(0) });
    const opening = assert.rejects(late.life.initialize(initializeText(), ANNA));
    await settle();
    assert.equal(store.waiting, 1);
    await late.life.stop("leave", ANNA).gone;
    await store.answer();
    await opening;
    assert.deepEqual(held(), NOTHING);
    assert.deepEqual([server.received("POST", "initialize").length, server.received("DELETE").length], [1, 0]);
    await using other = new HttpPeerScene(server.url, { pooled: () => at(1) });
    await other.life.initialize(initializeText(), ANNA);
    await other.life.stop("leave", ANNA).gone;
    assert.equal(server.received("POST", "initialize").length, 1);
    assert.deepEqual(held(), NOTHING);
  },
);

for (
  const [what, refuse] of [
    ["refuses", () => new Response("not now", { status: 503 })],
    ["wants a credential for", () => new Response(null, { status: 401 })],
    ["has lost its session at", () => new Response(null, { status: 404 })],
  ] as const
) {
  Deno.test(`S3: where the server ${what} the confirmation, others do not find the session`, STRICT, async () => {
    await using server = new FakeMember();
    let isRefused = true;
    server.before = ({ method }) => method === "notifications/initialized" && isRefused ? refuse() : undefined;
    const { at, store } = scene();
    await using first = new HttpPeerScene(server.url, { pooled: () => at(0) });
    await first.life.initialize(initializeText(), ANNA);
    assert.equal(store.texts.size, 0);
    isRefused = false;
    await using other = new HttpPeerScene(server.url, { pooled: () => at(1) });
    await other.life.initialize(initializeText(), ANNA);
    assert.equal(store.texts.size, 1);
    assert.equal(server.asked("initialize").length, 2);
    assert.equal(server.asked("notifications/initialized").length, 2);
    await first.life.stop("leave", ANNA).gone;
    assert.equal(server.fake.received("DELETE").length, 1, "nobody could go on with it");
    await other.life.stop("leave", ANNA).gone;
    assert.equal(server.fake.received("DELETE").length, 1);
  });
}
