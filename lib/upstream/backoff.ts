// Restarts held back after failures (docs/behaviour.md B5): the first few at once, then ever later, so that a server
// that cannot live does not eat the machine. Time without a failure forgives.
import { isWithin, leftOf } from "../platform/time/time_of_day.ts";

export interface BackoffOptions {
  /** Failures within {@link windowMs} that cost nothing. */
  readonly free: number;
  /** The delay after the first failure beyond those, in ms; it doubles with each. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** Failures longer ago than this are forgotten, in ms. */
  readonly windowMs: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { free: 3, firstMs: 1000, maxMs: 60_000, windowMs: 5 * 60_000 };

export class Backoff {
  readonly #options: BackoffOptions;
  #failures: number[] = [];

  constructor(options: BackoffOptions = DEFAULT_BACKOFF) {
    this.#options = options;
  }

  /** Failures that still count. */
  get failures(): number {
    return this.#failures.length;
  }

  fail(nowMs: number): void {
    this.#forget(nowMs);
    this.#failures.push(nowMs);
    // More could change nothing: the delay is at its longest by then.
    if (this.#failures.length > 64) this.#failures.shift();
  }

  /** How long the next start has to wait, in ms; 0 for now. */
  delayMs(nowMs: number): number {
    this.#forget(nowMs);
    const { free, firstMs, maxMs } = this.#options;
    const costly = this.#failures.length - free;
    if (costly <= 0) return 0;
    const delay = Math.min(maxMs, firstMs * 2 ** (costly - 1));
    return leftOf(delay, this.#failures.at(-1)! + delay, nowMs);
  }

  #forget(nowMs: number): void {
    const { windowMs } = this.#options;
    while (this.#failures.length > 0 && !isWithin(nowMs, this.#failures[0]!, windowMs)) this.#failures.shift();
  }
}
