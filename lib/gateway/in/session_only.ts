// Requests that carry a session and no credential (I2, `--session-only`): they take the identity that was cached when the
// session was opened. Only while that entry lives, only for a session in memory, never where a credential was sent (I3).
import { openSession } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import { detachText } from "../../http1/wire/fields/fields.ts";
import type { Principal } from "../../identity/principal.ts";
import { Credential } from "../../identity/remembered/credential.ts";
import type { CachedIdentity, IdentityCache } from "../../identity/remembered/identity_cache.ts";
import type { Caller } from "../../session/caller.ts";
import type { OwnerBook } from "../../session/owner.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { Session } from "../../session/session.ts";
import { type MaybePromise, whenReady } from "../../store/store.ts";
import type { Inbound } from "../inbound.ts";

export interface SessionOnlyOptions {
  readonly cache: IdentityCache;
  readonly registry: SessionRegistry;
  readonly owners: OwnerBook;
  readonly upstreamUrl: string;
  readonly maxIdLength: number;
  /** Whether the cached credential is sent upstream for requests that carry none. */
  readonly forwardCredential: boolean;
  /** Whether what the cached identity was proven by holds still, where that is looked at on every request. */
  readonly holds: (principal: Principal) => MaybePromise<boolean>;
}

export class SessionOnly {
  readonly #options: SessionOnlyOptions;
  /** Whoever was proven under the settings in force: the cache outlives a reload, what it is based on may not. */
  readonly #proven = new WeakSet<Principal>();

  constructor(options: SessionOnlyOptions) {
    this.#options = options;
  }

  /**
   * The owner of a live session, for a request without a credential; undefined means 401.
   * @throws SignetError `session_not_found` for an id nobody issued; `identity_unavailable`, also as a rejection
   */
  callerOf(inbound: Inbound, nowMs: number): MaybePromise<Caller | undefined> {
    const { cache, registry, upstreamUrl, maxIdLength, holds } = this.#options;
    const id = inbound.sessionId;
    if (id === undefined) return undefined;
    const session = registry.get(id, nowMs);
    if (session === undefined) {
      // Issued here and not in memory: its owner has to show who he is again. Anything else never was a session.
      if (openSession(registry.ring, id, { maxLength: maxIdLength }).ok) return undefined;
      // Where ids mean nothing, it is no credential, and nothing else (docs/protocol.md 26).
      if (inbound.facts.claimsModernEra) return undefined;
      throw new SignetError("session_not_found", { facts: { outcome: "forged" } });
    }
    const identity = cache.find({ sid: session.sid, upstream: upstreamUrl }, nowMs);
    if (identity === undefined || !this.#proven.has(identity.principal)) return undefined;
    return whenReady(holds(identity.principal), (isHeld) => {
      if (isHeld) return this.#lend(identity, inbound);
      this.forget(session);
    });
  }

  #lend({ principal, credential }: CachedIdentity, inbound: Inbound): Caller {
    const { owners, forwardCredential } = this.#options;
    inbound.lend(forwardCredential ? credential?.reveal() : undefined);
    return owners.callerOf(principal);
  }

  /** After a successful initialize: writes the identity of the caller who owns the new session. */
  remember(session: Session, inbound: Inbound, { principal }: Caller): void {
    const { cache, owners, upstreamUrl, forwardCredential } = this.#options;
    const credential = forwardCredential ? inbound.authorization : undefined;
    const { credentialExpiresAtMs } = principal;
    this.#proven.add(principal);
    cache.rememberVerifiedOwner({ sid: session.sid, upstream: upstreamUrl }, {
      sealedOwner: session.owner,
      callerOwner: owners.fingerprint(principal, session.key),
      principal,
      ...(credential === undefined ? {} : { credential: new Credential(detachText(credential)) }),
      ...(credentialExpiresAtMs === undefined ? {} : { credentialExpiresAtMs }),
    }, inbound.receivedAtMs);
  }

  /**
   * What was cached for it is worth nothing any more: the upstream says that it does not know the session (I2), or it was
   * proven by a token that has been revoked since (T3).
   */
  forget(session: Session): void {
    this.#options.cache.evict({ sid: session.sid, upstream: this.#options.upstreamUrl });
  }
}
