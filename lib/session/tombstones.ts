// Sessions that must stay dead although their ids still open (BEHAVIOUR.md L6): deleted or revoked, until they expire.
// In this process only; a durable or shared list takes this one's place behind the same interface.
import type { OwnerFingerprint } from "../envelope/session_id.ts";

/** What a list may judge a session by. */
export interface RevocationFacts {
  readonly sid: string;
  readonly owner: OwnerFingerprint;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * Which sessions are dead before their time. Asked on every cold open. A list that answers synchronously keeps cold
 * opens synchronous; one that cannot tell rejects with `SignetError`, and the open fails (closed).
 */
export interface RevocationList {
  isRevoked(session: RevocationFacts, nowMs: number): boolean | Promise<boolean>;
  /** Idempotent. Resolves when the list will remember. @param expiresAtMs when the id would have died anyway */
  revoke(sid: string, expiresAtMs: number, nowMs: number): void | Promise<void>;
  /** Forgets what has expired. Called about every 30 s. */
  sweep(nowMs: number): void;
  /** Entries held in this process, for a metric. */
  readonly size: number;
}

const BUCKET_MS = 60_000;

export interface TombstoneOptions {
  /** Default 200,000: some 20 MB. */
  readonly maxEntries?: number;
}

/**
 * A bounded map of sid → expiry. When full, a new one is always taken, and of the others the one that would expire soonest,
 * to the minute, gives way: its id can be opened again (by its owner only) for the shortest time. {@link lost} counts those; anything but zero deserves an alert.
 */
export class Tombstones implements RevocationList {
  readonly #maxEntries: number;
  readonly #expiries = new Map<string, number>();
  /** By the minute they expire in, so that neither purging nor giving way looks at more than it removes. */
  readonly #buckets = new Map<number, string[]>();
  #lost = 0;

  constructor(options: TombstoneOptions = {}) {
    this.#maxEntries = options.maxEntries ?? 200_000;
  }

  get size(): number {
    return this.#expiries.size;
  }

  /** Tombstones that gave way before their time. */
  get lost(): number {
    return this.#lost;
  }

  isRevoked(session: RevocationFacts): boolean {
    return this.#expiries.has(session.sid);
  }

  revoke(sid: string, expiresAtMs: number, nowMs: number): void {
    const known = this.#expiries.get(sid);
    if (expiresAtMs <= nowMs || (known !== undefined && known >= expiresAtMs)) return;
    if (known === undefined && this.#expiries.size >= this.#maxEntries) this.#makeRoom(nowMs);
    this.#expiries.set(sid, expiresAtMs);
    const minute = Math.floor(expiresAtMs / BUCKET_MS);
    const bucket = this.#buckets.get(minute);
    if (bucket === undefined) this.#buckets.set(minute, [sid]);
    else bucket.push(sid);
  }

  sweep(nowMs: number): void {
    const minute = Math.floor(nowMs / BUCKET_MS);
    for (const [ends, bucket] of this.#buckets) {
      if (ends < minute) this.#purge(ends, bucket);
    }
  }

  #purge(minute: number, bucket: readonly string[]): void {
    this.#buckets.delete(minute);
    for (const sid of bucket) {
      // Revoked again with a later expiry, it stands in a later bucket too and stays.
      if (Math.floor((this.#expiries.get(sid) ?? 0) / BUCKET_MS) <= minute) this.#expiries.delete(sid);
    }
  }

  #makeRoom(nowMs: number): void {
    this.sweep(nowMs);
    while (this.#expiries.size >= this.#maxEntries) {
      let soonest = Infinity;
      for (const minute of this.#buckets.keys()) if (minute < soonest) soonest = minute;
      const bucket = this.#buckets.get(soonest);
      const sid = bucket?.pop();
      if (bucket === undefined) return;
      if (bucket.length === 0) this.#buckets.delete(soonest);
      if (sid === undefined || Math.floor((this.#expiries.get(sid) ?? 0) / BUCKET_MS) !== soonest) continue;
      this.#expiries.delete(sid);
      this.#lost++;
    }
  }
}
