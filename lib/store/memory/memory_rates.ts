// Rates counted by one process, exactly: whole numbers, one synchronous step for all buckets of a request. Bounded: a
// bucket that is full is forgotten, one that is not never is, so nobody comes free by crowds of others; those for whom
// there is no room, and all keys beyond what one chooser may choose, share one bucket a rate (M3).
import {
  decidesOver,
  exactly,
  type ExactRate,
  fullAfter,
  judgeInto,
  type Level,
  type Rate,
  type RateOutcome,
  type RateStore,
  type RateTake,
  type Writable,
} from "../rates.ts";

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
  /** Whether it is found under its key: whoever has it need not look for it again. */
  isKept: boolean;
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
  readonly #shared: Bucket = { fullAt: -Infinity, chooser: undefined, isKept: false };
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
    return this.#hasRoom(chooser) ? { fullAt: -Infinity, chooser, isKept: false } : this.#shared;
  }

  keep({ key, chooser }: RateTake, bucket: Bucket): void {
    if (bucket === this.#shared || bucket.isKept) return;
    this.#buckets.set(key, bucket);
    bucket.isKept = true;
    if (chooser !== undefined) this.#chosen.set(chooser, (this.#chosen.get(chooser) ?? 0) + 1);
  }

  prune(atMs: number): void {
    const now = atMs * this.exact.scale;
    for (const [key, bucket] of this.#buckets) {
      const { fullAt, chooser } = bucket;
      if (fullAt > now) continue;
      this.#buckets.delete(key);
      bucket.isKept = false;
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

/** A take's, as it was judged. */
interface Found {
  buckets: Buckets;
  bucket: Bucket;
}

function decideAnew(decided: Writable<RateOutcome>, at: number, judged: Omit<RateOutcome, "at">): void {
  decided.allowed = judged.allowed;
  decided.at = at;
  decided.retryAfterMs = judged.retryAfterMs;
  decided.remaining = judged.remaining;
  decided.fullInMs = judged.fullInMs;
}

export class MemoryRates implements RateStore {
  readonly #rates = new Map<string, Buckets>();
  readonly #options: Required<MemoryRatesOptions>;
  /** Times are counted from here, so that they stay exact. */
  #epochMs: number | undefined;
  // Used again and again: there is a take for every request, and what it is about is of no use after it.
  readonly #found: Found[] = [];
  readonly #level: Writable<Level> = { fullAt: 0, now: 0, cost: 0 };
  readonly #judged: Writable<Omit<RateOutcome, "at">> = { allowed: false, retryAfterMs: 0, remaining: 0, fullInMs: 0 };

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
    if (takes.length === 0) throw new RangeError("taking from rates: found none, want at least one");
    this.#epochMs ??= nowMs;
    const atMs = nowMs - this.#epochMs;
    this.#judge(0, takes[0]!, atMs);
    const { allowed, retryAfterMs, remaining, fullInMs } = this.#judged;
    const decided = { allowed, at: 0, retryAfterMs, remaining, fullInMs };
    for (let at = 1; at < takes.length; at++) {
      this.#judge(at, takes[at]!, atMs);
      if (decidesOver(this.#judged, decided)) decideAnew(decided, at, this.#judged);
    }
    if (decided.allowed) this.#commit(takes, atMs);
    return decided;
  }

  /** Forgets rates that are no longer asked about, and buckets that are full. */
  keepOnly(rates: readonly Rate[], nowMs: number): void {
    const ids = new Set(rates.map(({ id }) => id));
    this.#found.length = 0;
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

  #judge(at: number, take: RateTake, atMs: number): void {
    const found = this.#found[at] ??= { buckets: undefined!, bucket: undefined! };
    const buckets = found.buckets = this.#of(take.rate);
    const bucket = found.bucket = buckets.of(take, atMs);
    const { exact } = buckets;
    const now = atMs * exact.scale;
    // Only a clock that was set back leads beyond it: cut for good, or everybody would wait for it all the same.
    bucket.fullAt = Math.min(bucket.fullAt, now + exact.burst);
    judgeInto(this.#judged, exact, this.#levelOf(take, bucket, now));
  }

  #commit(takes: readonly RateTake[], atMs: number): void {
    for (let at = 0; at < takes.length; at++) {
      const take = takes[at]!;
      if (take.stays !== undefined) continue;
      const { buckets, bucket: found } = this.#found[at]!;
      // One that was new may have been kept meanwhile for another of these takes, or forgotten.
      const bucket = found.isKept ? found : buckets.of(take, atMs);
      const { exact } = buckets;
      bucket.fullAt = fullAfter(exact, this.#levelOf(take, bucket, atMs * exact.scale));
      buckets.keep(take, bucket);
    }
  }

  #levelOf({ cost }: RateTake, { fullAt }: Bucket, now: number): Level {
    const level = this.#level;
    level.fullAt = fullAt;
    level.now = now;
    level.cost = cost;
    return level;
  }
}
