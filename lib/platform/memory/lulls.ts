// Young garbage, collected while no upstream owes an answer: JavaScriptCore collects when there is enough of it, which is in
// the middle of a request, and whoever is under way then waits for half a millisecond, and for a thread of the runtime's. It
// takes no timer, and never more than a hundredth of the time.
import { youngCollection } from "../runtime/builtin.ts";
import { eventTime } from "../time/event_time.ts";

/** Less garbage than these calls leave is not worth what a collection costs whatever there is. */
const LEAST_CALLS = 100;
/** Before there is so much that the runtime collects by itself, up to some thousand calls a second. */
const LEAST_MS = 250;
/** Of the time between two collections, what one takes: with more in memory they get rarer. */
const SHARE = 100;

export interface LullOptions {
  /** Collects young garbage; undefined where the runtime does so without a pause that matters, or cannot be asked. */
  readonly collect: (() => void) | undefined;
  /** A monotonic clock in ms, looked at once an event if that is enough. */
  readonly now: () => number;
  /** Runs `task` once all that the event in hand brings about has been done. */
  readonly later: (task: () => void) => void;
}

/** Counts calls that wait for an answer, and collects when the last of them has it. */
export class Lulls {
  readonly #collect: (() => void) | undefined;
  readonly #now: () => number;
  readonly #later: (task: () => void) => void;
  #owed = 0;
  #calls = 0;
  #notBeforeMs = 0;
  #isAsked = false;

  constructor({ collect, now, later }: LullOptions) {
    this.#collect = collect;
    this.#now = now;
    this.#later = later;
  }

  /** Calls that have not been answered. */
  get owed(): number {
    return this.#owed;
  }

  /** An upstream has been asked. */
  asked(): void {
    this.#owed++;
  }

  /** It begins to answer, or never will. Once for each {@link asked}. */
  answered(): void {
    this.#owed--;
    if (++this.#calls < LEAST_CALLS || this.#owed > 0 || this.#isAsked || this.#collect === undefined) return;
    if (this.#now() < this.#notBeforeMs) return;
    // Who is told of the answer passes it on first, though he hears of it by promises, one after the other.
    this.#isAsked = true;
    this.#later(this.#look);
  }

  readonly #look = (): void => {
    this.#isAsked = false;
    if (this.#owed > 0) return;
    const startMs = this.#now();
    this.#calls = 0;
    this.#collect?.();
    const endMs = this.#now();
    this.#notBeforeMs = endMs + Math.max(LEAST_MS, SHARE * (endMs - startMs));
  };
}

/** This process's. */
export const LULLS = new Lulls({ collect: youngCollection, now: eventTime, later: setImmediate });
