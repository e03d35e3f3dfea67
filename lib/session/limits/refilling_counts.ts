// Counts under names that come back to zero evenly within a window, in bounded memory: what bounds how often something
// may be done. Nothing evicts one that is not back at zero: those beyond the bound share one, so that they fail closed.
import { isWithin } from "../../platform/time/time_of_day.ts";

/** How many names have a count of their own. */
const MOST_ENTRIES = 50_000;
/** Looking for entries that hold nothing takes a moment: at most this often, in ms. */
const PRUNE_EVERY_MS = 1000;

export interface RefillingCountsOptions {
  /** Within which what was taken comes back, in ms. */
  readonly windowMs: number;
  /** Default 50,000. */
  readonly maxEntries?: number;
}

/** One count. */
export interface Count {
  taken: number;
  /** From when on what was taken comes back, in ms since the epoch. */
  sinceMs: number;
}

export class RefillingCounts {
  readonly #windowMs: number;
  readonly #maxEntries: number;
  readonly #counts = new Map<string, Count>();
  /** Of everybody who came when there was no room for another count. */
  readonly #shared: Count = { taken: 0, sinceMs: 0 };
  #prunedAtMs = -Infinity;

  constructor({ windowMs, maxEntries }: RefillingCountsOptions) {
    this.#windowMs = windowMs;
    this.#maxEntries = maxEntries ?? MOST_ENTRIES;
  }

  /** Entries held, for metrics. */
  get size(): number {
    return this.#counts.size;
  }

  /** As it stands at `nowMs`. @param most how much of it comes back within the window */
  of(name: string, most: number, nowMs: number): Count {
    const count = this.#counts.get(name) ?? this.#create(name, nowMs);
    redate(count, nowMs);
    const back = (nowMs - count.sinceMs) / this.#windowMs * most;
    if (back >= 1) {
      count.taken = Math.max(0, count.taken - Math.floor(back));
      count.sinceMs = nowMs;
    }
    return count;
  }

  /** A count of nothing is none: what takes nothing leaves nothing here. */
  dropIfNothing(name: string, count: Count): void {
    if (count.taken === 0 && this.#counts.get(name) === count) this.#counts.delete(name);
  }

  /** Lets go of counts that are back at zero. */
  prune(nowMs: number): void {
    for (const [name, count] of this.#counts) {
      redate(count, nowMs);
      if (nowMs - count.sinceMs >= this.#windowMs) this.#counts.delete(name);
    }
  }

  #create(name: string, nowMs: number): Count {
    if (this.#counts.size >= this.#maxEntries && !isWithin(nowMs, this.#prunedAtMs, PRUNE_EVERY_MS)) {
      this.#prunedAtMs = nowMs;
      this.prune(nowMs);
    }
    if (this.#counts.size >= this.#maxEntries) return this.#shared;
    const count = { taken: 0, sinceMs: nowMs };
    this.#counts.set(name, count);
    return count;
  }
}

/** Of a clock that has been set back since: nothing would come back until it is there again. What was taken stays taken. */
function redate(count: Count, nowMs: number): void {
  if (count.sinceMs > nowMs) count.sinceMs = nowMs;
}
