// Owners of session ids that Signet never issued, for a roll-out in front of live sessions (docs/behaviour.md O5,
// `--adopt`). Trust on first use: the first caller an upstream knows an id of owns it, every other is refused. Weaker
// than a sealed owner by nature: nothing survives a restart, and an owner pushed out of the LRU is open to a new claim.
// Ids are kept as digests: an id of any length costs the same, and memory holds nothing to steal.
import { LruMap } from "../platform/memory/lru_map.ts";
import { hash } from "../platform/runtime/builtin.ts";
import type { OwnerKey } from "./caller.ts";

/** O5. */
const MAX_ADOPTED = 10_000;
const MAX_PENDING = 1_000;
/** MCP 2025-11-25, "Session management": visible ASCII. */
const RAW_ID = /^[\x21-\x7e]{1,4096}$/;

/**
 * What a caller may do with a raw id.
 * - `owner`: it is theirs, since then (ms since the epoch)
 * - `claiming`: nobody's so far. It is theirs from now on, for good once the upstream has answered for the session.
 *   Until then others are refused, and nobody is pushed out.
 * - `refused`: another's (`other`), not to be claimed (`blank`), or too many claims are undecided (`busy`)
 */
export type Adoption =
  | { readonly kind: "owner"; readonly sinceMs: number }
  | { readonly kind: "claiming"; readonly claim: PendingClaim }
  | { readonly kind: "refused"; readonly reason: "other" | "blank" | "busy" };

/**
 * A claim that the upstream has not decided. Exactly one of the two must be called; after the first call they do
 * nothing.
 */
export interface PendingClaim {
  /** When the id was claimed first, in ms since the epoch. */
  readonly sinceMs: number;
  confirm(): void;
  release(): void;
}

export interface AdoptionOptions {
  /** Owners kept; the least recently seen gives way. Default {@link MAX_ADOPTED}. */
  readonly maxOwners?: number;
  /** Claims the upstream has not answered yet. Default 1,000. */
  readonly maxPending?: number;
}

/** Counts since the start; `owners` and `pending` are sizes now. */
export interface AdoptionStats {
  readonly owners: number;
  readonly pending: number;
  readonly claimed: number;
  readonly released: number;
  readonly refused: number;
  readonly evicted: number;
  readonly forgotten: number;
}

/**
 * Whose an id is, and since when: what is revoked or too old by then is dead, however often it is asked for (L6, L8).
 */
interface Owner {
  readonly owner: OwnerKey;
  readonly sinceMs: number;
}

/** A claim the upstream has not decided: several requests of the same caller may share it. */
interface Pending extends Owner {
  holders: number;
}

const OTHER: Adoption = { kind: "refused", reason: "other" };
const BLANK: Adoption = { kind: "refused", reason: "blank" };
const BUSY: Adoption = { kind: "refused", reason: "busy" };

export class AdoptionRegistry {
  /** Whether raw ids are taken in (`--adopt`), also by requests that came before a reload took that back. */
  isOpen = true;
  /** Digest of the raw id → owner. */
  readonly #owners: LruMap<Owner>;
  readonly #pending = new Map<string, Pending>();
  readonly #maxPending: number;
  #claimed = 0;
  #released = 0;
  #refused = 0;
  #evicted = 0;
  #forgotten = 0;

  constructor(options: AdoptionOptions = {}) {
    this.#maxPending = options.maxPending ?? MAX_PENDING;
    this.#owners = new LruMap({ max: options.maxOwners ?? MAX_ADOPTED, onEvicted: () => this.#evicted++ });
  }

  /**
   * Asks for a raw id before it is sent upstream: one synchronous step, so that of two callers only one can be first.
   */
  claim(rawId: string, owner: OwnerKey, nowMs: number): Adoption {
    if (isBlank(owner) || !RAW_ID.test(rawId)) return this.#refuse(BLANK);
    const key = digestOf(rawId);
    const known = this.#owners.get(key);
    if (known !== undefined) {
      return known.owner === owner ? { kind: "owner", sinceMs: known.sinceMs } : this.#refuse(OTHER);
    }
    const pending = this.#pending.get(key);
    if (pending) {
      if (pending.owner !== owner) return this.#refuse(OTHER);
      return this.#hold(key, pending);
    }
    if (this.#pending.size >= this.#maxPending) return this.#refuse(BUSY);
    const fresh: Pending = { owner, sinceMs: nowMs, holders: 0 };
    this.#pending.set(key, fresh);
    return this.#hold(key, fresh);
  }

  /** Whose it is, without claiming anything: for what must not bring a session to life, such as a cancel. */
  check(rawId: string, owner: OwnerKey): "owner" | "other" | "unclaimed" {
    if (isBlank(owner) || !RAW_ID.test(rawId)) return "other";
    const known = this.#owners.get(digestOf(rawId));
    if (known === undefined) return "unclaimed";
    return known.owner === owner ? "owner" : "other";
  }

  /**
   * DELETE (O4): the owner alone can forget; closing a stream does not. Returns whether there was a claim of theirs.
   */
  forget(rawId: string, owner: OwnerKey): boolean {
    if (this.check(rawId, owner) !== "owner") return false;
    this.#owners.delete(digestOf(rawId));
    this.#forgotten++;
    return true;
  }

  stats(): AdoptionStats {
    return {
      owners: this.#owners.size,
      pending: this.#pending.size,
      claimed: this.#claimed,
      released: this.#released,
      refused: this.#refused,
      evicted: this.#evicted,
      forgotten: this.#forgotten,
    };
  }

  /**
   * One request's share in a claim. The first confirmation decides; without any, the last release opens the id again.
   */
  #hold(key: string, pending: Pending): Adoption {
    pending.holders++;
    let settled = false;
    const settle = (confirmed: boolean) => {
      if (settled) return;
      settled = true;
      pending.holders--;
      // Confirmed already by another request that shares it: this one decides nothing any more.
      if (this.#pending.get(key) !== pending) return;
      if (confirmed) this.#confirm(key, pending);
      else if (pending.holders === 0) {
        this.#pending.delete(key);
        this.#released++;
      }
    };
    const { sinceMs } = pending;
    return { kind: "claiming", claim: { sinceMs, confirm: () => settle(true), release: () => settle(false) } };
  }

  #confirm(key: string, pending: Pending): void {
    this.#pending.delete(key);
    this.#owners.set(key, { owner: pending.owner, sinceMs: pending.sinceMs });
    this.#claimed++;
  }

  #refuse(refusal: Adoption): Adoption {
    this.#refused++;
    return refusal;
  }
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}

function digestOf(rawId: string): string {
  return hash("sha256", rawId, "base64url");
}
