// Rates counted by one process, exactly: whole numbers, one synchronous step for all buckets of a request. Bounded: a
// bucket that is full is forgotten, one that is not never is, so nobody comes free by crowds of others; those for whom
// there is no room share one bucket a rate (M3).
import { decidesOver, exactly, type ExactRate, fullAfter, judgeTake, type Rate, type RateOutcome } from "./rates.ts";
import type { RateStore, RateTake } from "./rates.ts";

/** Looking for full buckets takes a moment: at most this often, in ms. */
const PRUNE_EVERY_MS = 1000;

export interface MemoryRatesOptions {
  /** Buckets of one rate. Default 50,000. */
  readonly maxBuckets?: number;
}

/** The buckets of one rate. */
class Buckets {
  readonly exact: ExactRate;
  readonly #fullAt = new Map<string, number>();
  readonly #max: number;
  /** Of everybody who came when there was no room for another. */
  #sharedFullAt = -Infinity;
  #prunedAtMs = -Infinity;

  constructor(rate: Rate, max: number) {
    this.exact = exactly(rate);
    this.#max = max;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  fullAt(key: string, nowMs: number): number {
    const own = this.#fullAt.get(key);
    if (own !== undefined) return own;
    return this.#hasRoom(nowMs) ? -Infinity : this.#sharedFullAt;
  }

  set(key: string, fullAt: number): void {
    if (this.#fullAt.size < this.#max || this.#fullAt.has(key)) this.#fullAt.set(key, fullAt);
    else this.#sharedFullAt = fullAt;
  }

  prune(nowMs: number): void {
    const now = nowMs * this.exact.scale;
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key);
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#fullAt.size < this.#max) return true;
    // A clock that was set back must not put it off.
    if (nowMs - this.#prunedAtMs < PRUNE_EVERY_MS && nowMs >= this.#prunedAtMs) return false;
    this.#prunedAtMs = nowMs;
    this.prune(nowMs);
    return this.#fullAt.size < this.#max;
  }
}

export class MemoryRates implements RateStore {
  readonly #rates = new Map<string, Buckets>();
  readonly #maxBuckets: number;
  /** Times are counted from here, so that they stay exact. */
  #epochMs: number | undefined;

  constructor({ maxBuckets = 50_000 }: MemoryRatesOptions = {}) {
    this.#maxBuckets = maxBuckets;
  }

  /** Buckets held, for metrics. */
  get size(): number {
    let size = 0;
    for (const buckets of this.#rates.values()) size += buckets.size;
    return size;
  }

  take(takes: readonly RateTake[], nowMs: number): RateOutcome {
    this.#epochMs ??= nowMs;
    const atMs = nowMs - this.#epochMs;
    let decided: RateOutcome | undefined;
    for (let at = 0; at < takes.length; at++) {
      const outcome = this.#judge(takes[at]!, atMs);
      if (decided === undefined || decidesOver(outcome, decided)) decided = { ...outcome, at };
    }
    if (decided === undefined) throw new RangeError("taking from rates: found none, want at least one");
    if (decided.allowed) { for (const take of takes) this.#commit(take, atMs); }
    return decided;
  }

  /** Forgets rates that are no longer asked about, and buckets that are full. */
  keepOnly(rates: readonly Rate[], nowMs: number): void {
    const ids = new Set(rates.map(({ id }) => id));
    for (const [id, buckets] of this.#rates) {
      if (ids.has(id)) buckets.prune(nowMs - (this.#epochMs ?? nowMs));
      else this.#rates.delete(id);
    }
  }

  #of(rate: Rate): Buckets {
    let buckets = this.#rates.get(rate.id);
    if (buckets === undefined) this.#rates.set(rate.id, buckets = new Buckets(rate, this.#maxBuckets));
    return buckets;
  }

  #judge({ rate, key, cost }: RateTake, atMs: number): Omit<RateOutcome, "at"> {
    const buckets = this.#of(rate);
    const now = atMs * buckets.exact.scale;
    const fullest = now + buckets.exact.burst;
    // Only a clock that was set back leads there: kept, or everybody would wait for it all the same.
    if (buckets.fullAt(key, atMs) > fullest) buckets.set(key, fullest);
    return judgeTake(buckets.exact, { fullAt: buckets.fullAt(key, atMs), now, cost });
  }

  #commit({ rate, key, cost }: RateTake, atMs: number): void {
    const buckets = this.#of(rate);
    const now = atMs * buckets.exact.scale;
    buckets.set(key, fullAfter(buckets.exact, { fullAt: buckets.fullAt(key, atMs), now, cost }));
  }
}
