// The registry of sessions, with whoever hears of what comes and goes in it.
import type { KeyRing } from "../envelope/key_ring.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { tellOfSession } from "../gateway/observed.ts";
import { endReopened } from "../gateway/out/sessions/end.ts";
import type { IdentityCache } from "../identity/remembered/identity_cache.ts";
import type { Observers } from "../observe/observers.ts";
import type { Limits } from "../session/limits/limits.ts";
import type { SharedPlaces } from "../session/limits/shared_places.ts";
import type { OwnerBook } from "../session/owner.ts";
import { SessionRegistry } from "../session/registry.ts";
import type { StoredRevocations } from "../session/revocations/revocation_store.ts";
import type { EndReason, Session } from "../session/session.ts";
import type { Upstream } from "../upstream/upstream.ts";

interface RegistryParts {
  readonly ring: KeyRing;
  readonly limits: Limits;
  readonly owners: OwnerBook;
  readonly revocations: StoredRevocations;
  readonly idleMs: number;
  readonly maxIdLength: number;
  readonly observers: Observers;
  readonly identities: IdentityCache;
  /** Callers' caps over all replicas; undefined where they share no store. */
  readonly places: SharedPlaces | undefined;
  readonly upstream: Upstream;
  readonly onFault: (fault: unknown) => void;
  readonly now: () => number;
}

export function createRegistry(parts: RegistryParts): SessionRegistry {
  const { ring, limits, owners, revocations, idleMs, maxIdLength, onFault, now } = parts;
  const { observers, identities, places, upstream } = parts;
  const registry = new SessionRegistry({
    ...{ ring, limits, owners, revocations, idleMs, maxIdLength, onFault },
    onLeave: (session, reason) => {
      if (observers.watched) tellOfLeaving(observers, session, { reason, nowMs: now() });
    },
    onTakenIn: (session, caller) => {
      if (observers.watched) tellOfSession({ observers, now }, "session.resume", { session, caller });
    },
    onEnd: (session, reason) => {
      identities.evictSession(session.sid);
      places?.leave(session, reason);
      endReopened(upstream, session, reason);
      if (session.upstreamSessionId !== undefined) upstream.release(session.upstreamSessionId);
    },
  });
  upstream.onEnded = (id) => endLinked(registry, id, now());
  return registry;
}

/** Who lets go of a session without ending it: its id stays good. */
const STAYS_GOOD: ReadonlySet<EndReason> = new Set(["idle", "evicted"]);

function tellOfLeaving(
  observers: Observers,
  session: Session,
  { reason, nowMs }: { readonly reason: EndReason; readonly nowMs: number },
): void {
  const event = STAYS_GOOD.has(reason) ? "session.leave" : "session.end";
  observers.tellEvent({ event, atMs: nowMs, session: session.tag, actor: session.lastOwner?.principal, reason });
}

/** The upstream has ended it for good. Rare, so that no index is kept for it. */
function endLinked(registry: SessionRegistry, id: UpstreamSessionId, nowMs: number): void {
  for (const session of registry.sessions()) {
    if (session.upstreamSessionId !== id) continue;
    registry.remove(session, "upstream_gone", nowMs);
    return;
  }
}
