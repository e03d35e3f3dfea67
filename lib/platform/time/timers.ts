// Time as a parameter: what waits for a process, a slow reader or a credential's end takes its clock from here, so that
// tests neither sleep nor patch globals (docs/behaviour.md P4).

export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once, `ms` from now, unless the function it answers is called before. */
  after(ms: number, run: () => void): () => void;
}

/** The longest delay a timer of the platform can hold, in ms: beyond it would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const SYSTEM_TIMERS: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};

/** What has come until a deadline, and lies unread because this process was held up, has so long to be read, in ms. */
export const LAST_LOOK_MS = 20;

/**
 * Runs `run` when `ms` have passed and whatever had come by then has been looked at: a stall of our own is nobody else's
 * silence. @returns what takes it back
 */
export function atDeadline(ms: number, run: () => void): () => void {
  let timer = setTimeout(() => {
    timer = setTimeout(run, LAST_LOOK_MS);
  }, Math.min(ms, MAX_DELAY_MS));
  return () => clearTimeout(timer);
}

/**
 * The timer of somebody who ends: one at a time, and none from `close` on, whoever still asks for one then. Who keeps what
 * takes a timer back keeps it so (tests/contract/parameters_test.ts): a timer set behind its owner's end is nobody's, and
 * keeps a process from ending.
 */
export class OwnedTimer {
  readonly #timers: Timers;
  #takeBack: (() => void) | undefined;
  #isClosed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get isSet(): boolean {
    return this.#takeBack !== undefined;
  }

  /**
   * Runs `run` once, `ms` from now, in place of what was to run before.
   * @returns false where its owner has ended: it never runs
   */
  set(ms: number, run: () => void): boolean {
    this.clear();
    if (this.#isClosed) return false;
    this.#takeBack = this.#timers.after(ms, () => {
      this.#takeBack = undefined;
      run();
    });
    return true;
  }

  /** Nothing runs, until it is set anew. */
  clear(): void {
    this.#takeBack?.();
    this.#takeBack = undefined;
  }

  /** Nothing runs any more. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }
}

/**
 * What somebody who ends waits for, one wait at a time: it can be ended before its time, and ends with its owner, and with
 * the next one that begins.
 */
export class Pause {
  readonly #timer: OwnedTimer;
  #end: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timer = new OwnedTimer(timers);
  }

  /** Resolves `ms` from now, or with `end`; at once behind `close`. */
  wait(ms: number): Promise<void> {
    this.end();
    return new Promise((resolve) => {
      if (this.#timer.set(ms, resolve)) this.#end = resolve;
      else resolve();
    });
  }

  /** Ends the wait under way, if there is one. */
  end(): void {
    this.#timer.clear();
    this.#end?.();
    this.#end = undefined;
  }

  /** There is no wait any more. */
  close(): void {
    this.#timer.close();
    this.end();
  }
}

/** How long somebody is waited for, in all of several waits. If the clock is set back: as long again, and no longer (P8). */
export class Patience {
  readonly #ms: number;
  readonly #timers: Pick<Timers, "now">;
  #untilMs: number;

  constructor(ms: number, timers: Pick<Timers, "now">) {
    this.#ms = ms;
    this.#timers = timers;
    this.#untilMs = timers.now() + ms;
  }

  /** What is left of it, in ms; 0: it is over. */
  get leftMs(): number {
    const nowMs = this.#timers.now();
    this.#untilMs = Math.min(this.#untilMs, nowMs + this.#ms);
    return Math.max(0, this.#untilMs - nowMs);
  }
}

/**
 * Many waits of one length that mostly end before their time, on one timer: setting one and cancelling it costs next to
 * nothing. Each runs no sooner than after its time.
 */
export class SameDelay {
  readonly #timers: Timers;
  readonly #ms: number;
  /** In the order in which they are due: each was added later than the one before. */
  readonly #waits = new Set<Wait>();
  readonly #timer: OwnedTimer;
  #isClosed = false;

  constructor(timers: Timers, ms: number) {
    this.#timers = timers;
    this.#ms = ms;
    this.#timer = new OwnedTimer(timers);
  }

  /** As {@link Timers.after}. @returns undefined behind `close`: it never runs, and whoever counts on it has to know */
  after(run: () => void): (() => void) | undefined {
    if (this.#isClosed) return undefined;
    const wait = { atMs: this.#timers.now() + this.#ms, run };
    this.#waits.add(wait);
    if (!this.#timer.isSet) this.#timer.set(this.#ms, this.#look);
    return () => void this.#waits.delete(wait);
  }

  /** None of them runs any more, and none begins. */
  close(): void {
    this.#isClosed = true;
    this.#waits.clear();
    this.#timer.close();
  }

  readonly #look = (): void => {
    const nowMs = this.#timers.now();
    for (const wait of this.#waits) {
      // A clock that was set back makes nobody wait twice as long.
      const leftMs = Math.min(this.#ms, wait.atMs - nowMs);
      if (leftMs > 0) return void this.#timer.set(leftMs, this.#look);
      this.#waits.delete(wait);
      wait.run();
    }
  };
}

interface Wait {
  readonly atMs: number;
  readonly run: () => void;
}

/** Resolves to true when `promise` settles within `ms`, else to false. Never rejects. */
export function settlesWithin(promise: Promise<unknown>, ms: number, timers: Timers): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = timers.after(ms, () => resolve(false));
    const settled = () => {
      cancel();
      resolve(true);
    };
    promise.then(settled, settled);
  });
}

/** Resolves `ms` from now. */
export function pause(ms: number, timers: Timers): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}
