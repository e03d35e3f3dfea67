// As of when what has ended is let go of. A revocation that is forgotten too early is a session that lives again, so a clock
// that jumps ahead is believed once it has kept to it: one that is set forward, and back again, purges nothing that has not
// ended (docs/behaviour.md L6, P8). What is kept a little longer refuses nothing that lives.

/** The clocks of those that share a store differ by minutes: what has ended by one may live by another. */
export const BEHIND_MS = 10 * 60_000;
/** What has been let in by a token may be finished after its end, and whoever asks wants to know that it was not revoked. */
export const ENDED_KEPT_MS = 90_000;
/** How long a clock has to be ahead of the time that has passed, to be right about it. */
const KEPT_TO_MS = 60 * 60_000;
/** Between two looks; a clock that runs a little faster is no jump. */
const NO_JUMP_MS = 1000;

export class PurgeClock {
  readonly #steady: () => number;
  /** By how much the time of day is believed to be ahead of the steady clock, and since when it says more than that. */
  #aheadMs = 0;
  #moreSinceMs: number | undefined;

  /** @param steady milliseconds since the epoch, as of the start of the process; a clock that nobody sets */
  constructor(steady: () => number = () => performance.timeOrigin + performance.now()) {
    this.#steady = steady;
  }

  /** @returns up to when to purge, in ms since the epoch */
  until(nowMs: number): number {
    const steadyMs = this.#steady();
    const aheadMs = nowMs - steadyMs;
    if (aheadMs > this.#aheadMs + NO_JUMP_MS) {
      this.#moreSinceMs ??= steadyMs;
      if (steadyMs - this.#moreSinceMs < KEPT_TO_MS) return steadyMs + this.#aheadMs - BEHIND_MS;
    }
    this.#moreSinceMs = undefined;
    this.#aheadMs = aheadMs;
    return nowMs - BEHIND_MS;
  }
}
