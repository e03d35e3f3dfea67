// Deadlines without a timer each: one coarse timer looks at everything that is due. A deadline is a field write;
// it is met late by up to one interval, never early.

/** Something with deadlines of its own. */
export interface Timed {
  /** @param nowMs the sweep's clock */
  onSweep(nowMs: number): void;
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

/** An interval fit for these time-outs (ms; 0 and Infinity mean none): an eighth of the shortest, from 10 to 250 ms. */
export function sweepInterval(timeoutsMs: readonly number[]): number {
  const shortest = Math.min(...timeoutsMs.filter((ms) => ms > 0), 2000);
  return Math.max(10, Math.min(250, shortest / 8));
}
