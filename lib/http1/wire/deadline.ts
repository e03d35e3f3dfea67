// Deadlines without a timer each: one coarse timer looks at everything that is due. A deadline is a field write;
// it is met late by up to one interval, and early by no more than one event lasts (`platform/time/event_time.ts`).

/** Something with deadlines of its own. */
export interface Timed {
  /** @param nowMs the sweep's clock */
  onSweep(nowMs: number): void;
}

/** What a sender must keep up at least, in bytes a ms: a body that comes more slowly for longer than its time-out is late. */
export const LEAST_RATE = 2;

/**
 * How long one body is waited for. Time counts only while somebody waits for its bytes. A pause may be as long as the
 * time-out; all pauses together as long as that and what has come at the least rate: a byte now and then buys nothing.
 */
export class Patience {
  #waitedMs = 0;
  #sinceMs = 0;

  /** Somebody begins to wait. @returns the deadline, ms */
  begin(nowMs: number, timeoutMs: number, received: number): number {
    this.#sinceMs = nowMs;
    const left = timeoutMs + received / LEAST_RATE - this.#waitedMs;
    return nowMs + Math.max(0, Math.min(timeoutMs, left));
  }

  /** Bytes have come. */
  end(nowMs: number): void {
    this.#waitedMs += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}

export interface SweepOptions {
  /** A monotonic clock in ms. */
  readonly now: () => number;
  /** Time between two looks, in ms. */
  readonly intervalMs: number;
}

/** Looks at its members at a fixed interval, as long as there are any. */
export class Sweep {
  readonly now: () => number;
  readonly #intervalMs: number;
  readonly #members = new Set<Timed>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: SweepOptions) {
    this.now = options.now;
    this.#intervalMs = options.intervalMs;
  }

  add(member: Timed): void {
    this.#members.add(member);
    this.#timer ??= setInterval(this.#look, this.#intervalMs);
  }

  delete(member: Timed): void {
    this.#members.delete(member);
    if (this.#members.size > 0 || this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    const nowMs = this.now();
    for (const member of this.#members) member.onSweep(nowMs);
  };
}

/**
 * An interval fit for these time-outs (ms; 0 and Infinity mean none): an eighth of the shortest, from 10 to 500 ms. Each look
 * brings all that is known of a silent connection into the processor's cache: with thousands of streams that costs as much
 * as their events do.
 */
export function sweepInterval(timeoutsMs: readonly number[]): number {
  const shortest = Math.min(...timeoutsMs.filter((ms) => ms > 0), 4000);
  return Math.max(10, Math.min(500, shortest / 8));
}
