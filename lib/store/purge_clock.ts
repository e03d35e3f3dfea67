// As of when what has ended is let go of. A revocation that is forgotten too early is a session that lives again, so the time
// of day is believed only as far as time has passed: a clock that is set forward, and back again, purges nothing that has not
// ended (docs/behaviour.md L6, P8). What is kept a little longer refuses nothing that lives.

/** The clocks of those that share a store differ by minutes: what has ended by one may live by another. */
export const BEHIND_MS = 10 * 60_000;

export class PurgeClock {
  readonly #elapsed: () => number;
  #reachedMs: number | undefined;
  #lookedAt = 0;

  /** @param elapsed a clock that nobody sets, in ms */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** @returns up to when to purge, in ms since the epoch */
  until(nowMs: number): number {
    const elapsed = this.#elapsed();
    // Twice as fast as time passes: a clock that was behind at the start, or a machine that slept, is caught up with.
    const reached = this.#reachedMs === undefined ? nowMs : this.#reachedMs + 2 * (elapsed - this.#lookedAt);
    this.#lookedAt = elapsed;
    this.#reachedMs = Math.min(nowMs, reached);
    return this.#reachedMs - BEHIND_MS;
  }
}
