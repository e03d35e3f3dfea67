// Whose the sessions are that are shared here: told for one owner without looking at any other's (docs/behaviour.md L6, S3).
import assert from "node:assert/strict";
import type { PoolKey } from "../../../../../lib/bridge/request.ts";
import type { UpstreamSessionId } from "../../../../../lib/envelope/session_id.ts";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import type { OwnerKey } from "../../../../../lib/session/caller.ts";
import { PooledSession } from "../../../../../lib/upstream/peers/pooled/pooled_session.ts";
import { PooledSessions } from "../../../../../lib/upstream/peers/pooled/pooled_sessions.ts";
import { FakeAliases } from "../../../../support/fake_aliases.ts";
import { FakeTimers } from "../../../../support/fake_timers.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

const UPSTREAM = { url: "http://mcp:3000/mcp", isLocal: false, initializeTimeoutMs: 1000 };

function open() {
  const value = { jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } };
  const reply = { value, line: new TextEncoder().encode(JSON.stringify(value)) };
  return Promise.resolve({ reply, session: { id: "s" as UpstreamSessionId, version: "2025-11-25" } });
}

/** How often somebody looks at a session while `run` does. */
function looksDuring(run: () => void): number {
  const openedAtMs = Object.getOwnPropertyDescriptor(PooledSession.prototype, "openedAtMs")!;
  let looks = 0;
  Object.defineProperty(PooledSession.prototype, "openedAtMs", {
    configurable: true,
    get() {
      looks++;
      return openedAtMs.get!.call(this);
    },
  });
  try {
    run();
  } finally {
    Object.defineProperty(PooledSession.prototype, "openedAtMs", openedAtMs);
  }
  return looks;
}

Deno.test("L6 S3: the oldest of an owner's is found among its own alone, while they are used", STRICT, async () => {
  const timers = new FakeTimers(0);
  const ring = freshRing();
  const pools = new PooledSessions({
    ...{ store: new FakeAliases(() => timers.now()), timers, home: "machine", idleMs: 1e9, holder: "here" },
    seal: new StoreSeal(() => ring, "pool"),
    judge: () => "good" as const,
  });
  const sessions: { readonly owner: OwnerKey; readonly session: PooledSession }[] = [];
  for (let n = 0; n < 100; n++) {
    await timers.advance(1);
    for (const kind of ["a", "b"]) {
      const owner = `1:i${n}` as OwnerKey;
      const session = pools.at({ pool: `${kind}${n}` as PoolKey, owner, member: "", upstream: UPSTREAM })!;
      await session.openOnce(undefined, open);
      sessions.push({ owner, session });
      await timers.advance(1);
    }
  }
  const { owner } = sessions[100]!;
  const looks = looksDuring(() => assert.equal(pools.oldestOf(owner), 50 * 3 + 1));
  assert.ok(looks <= 2, `${looks} looks for an owner's two sessions`);
  await sessions[100]!.session.end();
  assert.equal(pools.oldestOf(owner), 50 * 3 + 2, "the younger one is left");
  for (const { session } of sessions) await session.end();
  assert.deepEqual([pools.size, pools.oldestOf(owner)], [0, undefined]);
});
