// Whose session it is (docs/behaviour.md O1, O2): the sealed fingerprint against the caller's, on every request.
// Hashing happens once for a principal and a key; comparing is constant in time; a hit on the memo is one comparison.
import type { MasterKey } from "../envelope/key_ring.ts";
import { fingerprintOwner, type OwnerFingerprint } from "../envelope/owner_fingerprint.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import type { Principal } from "../identity/principal.ts";
import { type Caller, type OwnerKey, principalKey } from "./caller.ts";
import type { Session } from "./session.ts";

export interface OwnerOptions {
  /**
   * Whether the OAuth client id is part of the owner (O2): the same person through another client is then another
   * owner.
   */
  readonly bindClientId?: boolean;
}

export class OwnerBook {
  readonly #bindClientId: boolean;
  /** Weak on both sides: a key that leaves the ring and a principal nobody holds take their fingerprints with them. */
  readonly #fingerprints = new WeakMap<MasterKey, WeakMap<Principal, OwnerFingerprint>>();
  readonly #callers = new WeakMap<Principal, Caller>();

  constructor(options: OwnerOptions = {}) {
    this.#bindClientId = options.bindClientId ?? false;
  }

  /** What `initialize` seals as the owner. */
  fingerprint(principal: Principal, key: MasterKey): OwnerFingerprint {
    let known = this.#fingerprints.get(key);
    if (known === undefined) this.#fingerprints.set(key, known = new WeakMap());
    let fingerprint = known.get(principal);
    if (fingerprint === undefined) {
      const { issuer, subject, clientId } = principal;
      const bound = this.#bindClientId && clientId !== undefined;
      fingerprint = fingerprintOwner(key, bound ? { issuer, subject, clientId } : { issuer, subject });
      known.set(principal, fingerprint);
    }
    return fingerprint;
  }

  /** The principal with the names that this process knows it by: the same object every time. */
  callerOf(principal: Principal): Caller {
    let caller = this.#callers.get(principal);
    if (caller === undefined) {
      const key = principalKey(principal); // starts with a digit
      const { clientId } = principal;
      const bound = this.#bindClientId && clientId !== undefined;
      const owner = (bound ? `c${clientId.length}:${clientId}${key}` : key) as string as OwnerKey;
      const { keyedName } = principal;
      caller = { principal, principalKey: key, owner, ...(keyedName === undefined ? {} : { keyedName }) };
      this.#callers.set(principal, caller);
    }
    return caller;
  }

  /** Whether a live session is the caller's. */
  owns(caller: Caller, session: Session): boolean {
    // Every request carries the same object as long as its credential is cached.
    if (session.lastOwner === caller) return true;
    if (!this.ownsSealed(caller, session, session.key)) return false;
    session.lastOwner = caller;
    return true;
  }

  /** The same for one just opened with `key`. */
  ownsSealed({ principal }: Caller, sealed: Pick<SealedSession, "owner">, key: MasterKey): boolean {
    const wanted = sealed.owner;
    const found = this.fingerprint(principal, key);
    if (wanted.length !== found.length) return false;
    // Looks at every character. No `timingSafeEqual`: it wants bytes, of which every cold open would make two arrays.
    let difference = 0;
    for (let i = 0; i < wanted.length; i++) difference |= wanted.charCodeAt(i) ^ found.charCodeAt(i);
    return difference === 0;
  }
}
