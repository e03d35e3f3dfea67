// What a shared store has to have of revocations, as far as this process knows: what it has taken from here, and what was read
// there. Where it has not, it has lost or evicted them, and is told again: with pauses that grow, for one that has no room for
// all of them evicts some of what it is told, for as long as it is told (docs/behaviour.md L6, R6).
import { BEHIND_MS } from "../purge_clock.ts";
import type { StoreLoss } from "../shared.ts";
import type { Revocation } from "../store.ts";
import { forgetOver, remember } from "./unwritten.ts";

/** What the store should have when it is asked. */
export interface Expected {
  /** The number of an entry of the log: the latest that was read there, or written from here. 0: none. */
  readonly number: number;
  /** Of what is kept, what it had by then. */
  readonly step: number;
}

/** What it was found to have. */
export interface Holding {
  /** The highest number that it has given. */
  readonly newest: number;
  /** Whether the entry that was expected is there, or has made room for others. */
  readonly isThere: boolean;
  readonly hasUntil: boolean;
  readonly hasCutOffs: boolean;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

interface Kept {
  readonly untilMs: number;
  readonly kind: Revocation["kind"];
  readonly step: number;
}

export class KeptRevocations {
  readonly #now: () => number;
  readonly #isWaiting: (name: string) => boolean;
  /** By what they are about, the newest last. */
  readonly #revocations = new Map<string, Revocation>();
  /** Since when the store has them. */
  readonly #steps = new Map<string, number>();
  #step = 0;
  #writtenNumber = 0;
  /** The entry that was found to be lost last. */
  #lostNumber: number | undefined;
  /** All are to be written again, once the pause is over. */
  #isOwed = false;
  /** How long the store was not to be told once more, and until when, by `performance.now()`. */
  #pauseMs = 0;
  #againAtMs = -Infinity;

  /** @param isWaiting whether one is to be written yet: the store need not have it */
  constructor({ now, isWaiting }: { readonly now: () => number; readonly isWaiting: (name: string) => boolean }) {
    this.#now = now;
    this.#isWaiting = isWaiting;
  }

  /** The store has it. @param number of the entry that was written, 0 where it had it before; undefined: it was read there */
  keep(name: string, revocation: Revocation, number = 0): void {
    const forgotten = remember(this.#revocations, name, revocation);
    if (forgotten !== undefined) this.#steps.delete(forgotten);
    this.#steps.set(name, ++this.#step);
    this.#writtenNumber = Math.max(this.#writtenNumber, number);
  }

  purge(nowMs: number): void {
    forgetOver(this.#revocations, nowMs);
    for (const name of this.#steps.keys()) if (!this.#revocations.has(name)) this.#steps.delete(name);
  }

  /** To be called before the store is asked. @param cursor how far its log was read */
  expected(cursor: number): Expected {
    return { number: Math.max(cursor, this.#writtenNumber), step: this.#step };
  }

  /** @returns what of it is new: each loss is told of once */
  judge({ number, step }: Expected, { newest, isThere, hasUntil, hasCutOffs }: Holding): StoreLoss | undefined {
    const nowMs = this.#now();
    if (number > newest || (number > 0 && !isThere)) {
      // A cursor stands still for as long as nothing new is written.
      if (number === this.#lostNumber) return undefined;
      this.#lostNumber = number;
      this.#writtenNumber = 0;
      this.#isOwed = true;
      // Or all of it has ended by itself, a while ago.
      const isKept = this.#some(({ untilMs }) => untilMs > nowMs) || nowMs - number / 1000 < BEHIND_MS;
      return isKept ? "lost" : undefined;
    }
    this.#lostNumber = undefined;
    if (this.#isOwed || (hasUntil && hasCutOffs)) return undefined;
    // One that is full may evict any key alone (maxmemory-policy).
    const isWanted = (kept: Kept, name: string) =>
      kept.step <= step && kept.untilMs > nowMs && !this.#isWaiting(name) && (!hasUntil || kept.kind !== "session");
    if (!this.#some(isWanted)) return undefined;
    this.#isOwed = true;
    return "evicted";
  }

  /** What is to be written again now. */
  takeOwed(): ReadonlyMap<string, Revocation> {
    const nowMs = performance.now();
    if (!this.#isOwed || nowMs < this.#againAtMs) return NONE;
    this.#isOwed = false;
    const hasKept = nowMs - this.#againAtMs > LONGEST_PAUSE_MS;
    this.#pauseMs = hasKept ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs);
    this.#againAtMs = nowMs + this.#pauseMs;
    return this.#revocations;
  }

  #some(isSuch: (kept: Kept, name: string) => boolean): boolean {
    for (const [name, { untilMs, kind }] of this.#revocations) {
      if (isSuch({ untilMs, kind, step: this.#steps.get(name)! }, name)) return true;
    }
    return false;
  }
}

const NONE: ReadonlyMap<string, Revocation> = new Map();
