// Rates: how often something may be done, counted by GCRA (the generic cell rate algorithm, ITU-T I.371), which keeps one
// number a bucket. The interface of whatever counts, here or for all replicas, and the arithmetic that both share.
// All buckets that a request concerns are one atomic step: taken from all of them or from none (docs/behaviour.md G5).

/** So much in so long. `amount` comes back evenly within `windowMs`; `burst` is what may be taken at once. */
export interface Rate {
  /** Names it and its numbers, so that buckets of other numbers are other buckets: `caller 50/1000ms burst 100`. */
  readonly id: string;
  /** 1 to 1,000,000. */
  readonly amount: number;
  readonly windowMs: number;
  /** 1 to 1,000,000. */
  readonly burst: number;
}

/** What is to be taken from one bucket. */
export interface RateTake {
  readonly rate: Rate;
  /** Whose bucket of this rate; unique with the rate's id. At most some 2 KiB. */
  readonly key: string;
  /** 1 or more: a batch costs what its calls would cost one by one. */
  readonly cost: number;
  /** Whoever chooses the key, where somebody does: no chooser takes more than a share of the buckets there may be. */
  readonly chooser?: string;
  /** There has to be as much, and it stays: what is taken later, or never. */
  readonly stays?: true;
}

/** What came of it: of all buckets asked, the one that decided. */
export interface RateOutcome {
  readonly allowed: boolean;
  /** Position in what was asked for: the bucket that refuses the longest, or else the one with the least left. */
  readonly at: number;
  /** 0 if allowed; Infinity if it is more than the burst, and so can never be. */
  readonly retryAfterMs: number;
  /** Left in that bucket, in whole units. */
  readonly remaining: number;
  /** Until that bucket is full again, in ms. */
  readonly fullInMs: number;
}

/** Before anybody has it. */
export type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export interface RateStore {
  /** One atomic step. `takes` is never empty. May throw or reject with `StoreError`: then nothing is known. */
  take(takes: readonly RateTake[], nowMs: number): RateOutcome | Promise<RateOutcome>;
}

/**
 * A rate in whole numbers, so that counting never rounds: one unit comes back in `per / scale` ms. Times are kept in
 * units of 1/`scale` ms.
 */
export interface ExactRate {
  readonly scale: number;
  readonly per: number;
  /** `burst` units. */
  readonly burst: number;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

export function exactly({ amount, windowMs, burst }: Rate): ExactRate {
  const divisor = gcd(amount, windowMs);
  const per = windowMs / divisor;
  return { scale: amount / divisor, per, burst: burst * per };
}

/** One bucket, and what would be taken from it. Times are the bucket's own: `nowMs * scale`. */
export interface Level {
  /** Until when the bucket is not full (the theoretical arrival time); whatever has passed is full. */
  readonly fullAt: number;
  readonly now: number;
  readonly cost: number;
}

/**
 * Until when the bucket would not be full after the take. A clock that was set back makes nobody wait, if whoever keeps
 * the bucket cuts it down to `now + burst` then, even where it refuses.
 */
export function fullAfter({ per, burst }: ExactRate, { fullAt, now, cost }: Level): number {
  return Math.min(Math.max(fullAt, now), now + burst) + cost * per;
}

/** What taking `cost` comes to: {@link RateOutcome} but for its place. */
export function judgeTake(exact: ExactRate, level: Level): Omit<RateOutcome, "at"> {
  const judged = { allowed: false, retryAfterMs: 0, remaining: 0, fullInMs: 0 };
  judgeInto(judged, exact, level);
  return judged;
}

/** The same for whoever judges so often that it has an object for it. */
export function judgeInto(judged: Writable<Omit<RateOutcome, "at">>, exact: ExactRate, level: Level): void {
  const { scale, per, burst } = exact;
  const after = fullAfter(exact, level) - level.now;
  const allowed = after <= burst;
  const stands = allowed ? after : after - level.cost * per;
  judged.allowed = allowed;
  judged.retryAfterMs = allowed ? 0 : level.cost * per > burst ? Infinity : (after - burst) / scale;
  judged.remaining = Math.floor((burst - stands) / per);
  judged.fullInMs = stands / scale;
}

/** Whether `one` decides rather than `other`: a refusal does, the longer wait does, else the bucket with less in it. */
export function decidesOver(one: Omit<RateOutcome, "at">, other: Omit<RateOutcome, "at">): boolean {
  if (one.allowed !== other.allowed) return !one.allowed;
  return one.allowed ? one.remaining < other.remaining : one.retryAfterMs > other.retryAfterMs;
}
