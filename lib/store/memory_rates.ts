// Rates counted by one process, exactly: whole numbers, one synchronous step for all buckets of a request. Bounded: a
// bucket that is full is forgotten, one that is not never is, so nobody comes free by crowds of others; those for whom
// there is no room, and all keys beyond what one chooser may choose, share one bucket a rate (M3).
import { decidesOver, exactly, type ExactRate, fullAfter, judgeTake, type Rate, type RateOutcome } from "./rates.ts";
import type { RateStore, RateTake } from "./rates.ts";

/** Looking for full buckets takes a moment: at most this often, in ms. */
const PRUNE_EVERY_MS = 1000;

export interface MemoryRatesOptions {
  /** Buckets of one rate. Default 50,000. */
  readonly maxBuckets?: number;
  /** Those of them whose keys one chooser has chosen. Default 1,000. */
  readonly maxOfChooser?: number;
}

interface Bucket {
  fullAt: number;
  readonly chooser: string | undefined;
}

/** The buckets of one rate. */
class Buckets {
  readonly exact: ExactRate;
  readonly #buckets = new Map<string, Bucket>();
  readonly #chosen = new Map<string, number>();
  readonly #max: number;
  readonly #maxOfChooser: number;
  /**
   * Of everybody who came when there was no room for another, and of all who have chosen their share of keys: one of
   * each of those would be a burst more for whoever fills its share.
   */
  readonly #shared: Bucket = { fullAt: -Infinity, chooser: undefined };
  #prunedAtMs = -Infinity;

  constructor(rate: Rate, { maxBuckets, maxOfChooser }: Required<MemoryRatesOptions>) {
    this.exact = exactly(rate);
    this.#max = maxBuckets;
    this.#maxOfChooser = maxOfChooser;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of a key; one that is full is not kept before something is taken from it. */
  of({ key, chooser }: RateTake, atMs: number): Bucket {
    const own = this.#buckets.get(key);
    if (own !== undefined) return own;
    if (!this.#hasRoom(chooser)) this.#pruneIfLate(atMs);
    return this.#hasRoom(chooser) ? { fullAt: -Infinity, chooser } : this.#shared;
  }

  keep({ key, chooser }: RateTake, bucket: Bucket): void {
    if (bucket === this.#shared || this.#buckets.get(key) === bucket) return;
    this.#buckets.set(key, bucket);
    if (chooser !== undefined) this.#chosen.set(chooser, (this.#chosen.get(chooser) ?? 0) + 1);
  }

  prune(atMs: number): void {
    const now = atMs * this.exact.scale;
    for (const [key, { fullAt, chooser }] of this.#buckets) {
      if (fullAt > now) continue;
      this.#buckets.delete(key);
      if (chooser === undefined) continue;
      const left = this.#chosen.get(chooser)! - 1;
      if (left === 0) this.#chosen.delete(chooser);
      else this.#chosen.set(chooser, left);
    }
  }

  #hasRoom(chooser: string | undefined): boolean {
    const isChosen = chooser !== undefined && (this.#chosen.get(chooser) ?? 0) >= this.#maxOfChooser;
    return !isChosen && this.#buckets.size < this.#max;
  }

  #pruneIfLate(atMs: number): void {
    // A clock that was set back must not put it off.
    const isLate = atMs - this.#prunedAtMs >= PRUNE_EVERY_MS || atMs < this.#prunedAtMs;
    if (!isLate) return;
    this.#prunedAtMs = atMs;
    this.prune(atMs);
  }
}

export class MemoryRates implements RateStore {
  readonly #rates = new Map<string, Buckets>();
  readonly #options: Required<MemoryRatesOptions>;
  /** Times are counted from here, so that they stay exact. */
  #epochMs: number | undefined;

  constructor({ maxBuckets = 50_000, maxOfChooser = 1000 }: MemoryRatesOptions = {}) {
    this.#options = { maxBuckets, maxOfChooser };
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
    if (decided.allowed) { for (const take of takes) if (take.stays === undefined) this.#commit(take, atMs); }
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
    if (buckets === undefined) this.#rates.set(rate.id, buckets = new Buckets(rate, this.#options));
    return buckets;
  }

  #judge(take: RateTake, atMs: number): Omit<RateOutcome, "at"> {
    const buckets = this.#of(take.rate);
    const { scale, burst } = buckets.exact;
    const now = atMs * scale;
    const bucket = buckets.of(take, atMs);
    // Only a clock that was set back leads beyond it: cut for good, or everybody would wait for it all the same.
    bucket.fullAt = Math.min(bucket.fullAt, now + burst);
    return judgeTake(buckets.exact, { fullAt: bucket.fullAt, now, cost: take.cost });
  }

  #commit(take: RateTake, atMs: number): void {
    const buckets = this.#of(take.rate);
    const bucket = buckets.of(take, atMs);
    bucket.fullAt = fullAfter(buckets.exact, {
      fullAt: bucket.fullAt,
      now: atMs * buckets.exact.scale,
      cost: take.cost,
    });
    buckets.keep(take, bucket);
  }
}
