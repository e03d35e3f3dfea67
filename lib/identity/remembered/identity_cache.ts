// Identities of session owners, for requests that carry a session and no credential (docs/behaviour.md I2,
// `--session-only`). One entry for a session and an upstream; it is written for the proven owner only, whatever a
// response says, and an entry of one upstream is never found for another. Bounded; an entry ends with the credential it
// came from.
import { LruMap } from "../../platform/memory/lru_map.ts";
import { believedFrom, isInTerm, type Principal, type Term } from "../principal.ts";
import type { Credential } from "./credential.ts";

/** Whom a session's requests are made for. */
export interface CachedIdentity {
  readonly principal: Principal;
  /** The credential itself, if it is configured to be sent upstream; never logged. */
  readonly credential?: Credential;
}

/** Which entry: a session's own id (`sid`, not the text the client holds) and the upstream's URL. */
export interface IdentityKey {
  readonly sid: string;
  readonly upstream: string;
}

/** A caller proven, on this very request, to own the session: both fingerprints under the key that sealed it. */
export interface VerifiedOwner {
  /** As sealed in the session's id. */
  readonly sealedOwner: string;
  /** Of the caller. */
  readonly callerOwner: string;
  readonly principal: Principal;
  readonly credential?: Credential;
  /** When the credential ends, in ms since the epoch, if that is not `principal.expiresAtMs`. */
  readonly credentialExpiresAtMs?: number;
}

export interface IdentityCacheOptions {
  /** Longest life of an entry, in ms, counted from when its principal was proven. */
  readonly ttlMs: number;
  /** Entries, over all sessions and upstreams. Default 10,000. */
  readonly maxEntries?: number;
  /** Characters a cached credential may have. Default 8,192. */
  readonly maxCredentialLength?: number;
  /** The same of all together: the longest unused make room. Default 32 Mi. */
  readonly maxCredentialLengths?: number;
}

/** Counts since the start; `entries` is the size now. Bounded names, fit for metric labels. */
export interface IdentityCacheStats {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly written: number;
  /** Writes by somebody else than the owner: a fault of Signet, and kept from doing harm. */
  readonly refusedWrites: number;
  readonly expired: number;
  readonly evictedForRoom: number;
  readonly evictedByCause: number;
}

interface Entry extends Term {
  readonly sid: string;
  readonly identity: CachedIdentity;
}

export class IdentityCache {
  readonly #options: IdentityCacheOptions;
  readonly #maxCredentialLength: number;
  readonly #entries: LruMap<Entry>;
  /** The entries of a session, so that all go with it. Holds nothing that `#entries` does not. */
  readonly #bySession = new Map<string, Set<string>>();
  #hits = 0;
  #misses = 0;
  #written = 0;
  #refusedWrites = 0;
  #expired = 0;
  #evictedForRoom = 0;
  #evictedByCause = 0;

  constructor(options: IdentityCacheOptions) {
    this.#options = options;
    this.#maxCredentialLength = options.maxCredentialLength ?? 8_192;
    this.#entries = new LruMap({
      max: options.maxEntries ?? 10_000,
      maxWeight: options.maxCredentialLengths ?? 32 * 1024 * 1024,
      weigh: ({ identity: { credential } }) => credential?.reveal().length ?? 0,
      onEvicted: (name, { sid }) => {
        this.#evictedForRoom++;
        this.#unlink(sid, name);
      },
    });
  }

  /**
   * Writes the identity of a proven owner. The only way to write, and it looks for itself: another caller's, a blank or
   * an expired one is not written. Returns whether it was.
   */
  rememberVerifiedOwner(key: IdentityKey, owner: VerifiedOwner, nowMs: number): boolean {
    const { principal, credential } = owner;
    if (owner.sealedOwner.trim() === "" || owner.callerOwner !== owner.sealedOwner || principal.subject.trim() === "") {
      this.#refusedWrites++;
      return false;
    }
    const expiresAtMs = owner.credentialExpiresAtMs ?? principal.expiresAtMs;
    const untilMs = Math.min(expiresAtMs, (principal.provenAtMs ?? nowMs) + this.#options.ttlMs);
    if (!(nowMs < untilMs) || (credential && credential.reveal().length > this.#maxCredentialLength)) return false;
    const name = nameOf(key);
    const identity: CachedIdentity = credential ? { principal, credential } : { principal };
    const names = this.#bySession.get(key.sid);
    if (names) names.add(name);
    else this.#bySession.set(key.sid, new Set([name]));
    this.#entries.set(name, { sid: key.sid, identity, fromMs: believedFrom(principal, nowMs), untilMs });
    this.#written++;
    return true;
  }

  /** The identity to act for, or undefined: then the request is unauthenticated (401). */
  find(key: IdentityKey, nowMs: number): CachedIdentity | undefined {
    const name = nameOf(key);
    const entry = this.#entries.get(name);
    if (entry && isInTerm(entry, nowMs)) {
      this.#hits++;
      return entry.identity;
    }
    if (entry) {
      this.#drop(key.sid, name);
      this.#expired++;
    }
    this.#misses++;
    return undefined;
  }

  /** On DELETE and on revocation: everything of the session. Returns how many entries. */
  evictSession(sid: string): number {
    const held = this.#bySession.get(sid);
    if (held === undefined) return 0;
    const names = [...held];
    for (const name of names) this.#drop(sid, name);
    this.#evictedByCause += names.length;
    return names.length;
  }

  /** On a 404 of one upstream, to any method. Returns whether there was an entry. */
  evict(key: IdentityKey): boolean {
    const evicted = this.#drop(key.sid, nameOf(key));
    if (evicted) this.#evictedByCause++;
    return evicted;
  }

  stats(): IdentityCacheStats {
    return {
      entries: this.#entries.size,
      hits: this.#hits,
      misses: this.#misses,
      written: this.#written,
      refusedWrites: this.#refusedWrites,
      expired: this.#expired,
      evictedForRoom: this.#evictedForRoom,
      evictedByCause: this.#evictedByCause,
    };
  }

  #drop(sid: string, name: string): boolean {
    const wasThere = this.#entries.delete(name);
    if (wasThere) this.#unlink(sid, name);
    return wasThere;
  }

  #unlink(sid: string, name: string): void {
    const names = this.#bySession.get(sid);
    names?.delete(name);
    if (names?.size === 0) this.#bySession.delete(sid);
  }
}

/** No two pairs share a name, whatever either part contains. */
function nameOf(key: IdentityKey): string {
  return `${key.sid.length}:${key.sid}${key.upstream}`;
}
