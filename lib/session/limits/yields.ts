// How often a caller's sessions give way to new ones of its own (docs/behaviour.md M5). What gives way stays open at the
// server, since its id leads back to it: without a bound of its own one caller could open sessions there without end.
// As many as the caller may have at once, within the time after which they would have left by themselves (L7).
import type { PrincipalKey } from "../caller.ts";
import { RefillingCounts } from "./refilling_counts.ts";

export interface YieldsOptions {
  readonly windowMs: number;
  /** Of one principal within the window. Asked each time, so that a reload is heeded. */
  readonly most: () => number;
}

export class Yields {
  readonly #options: YieldsOptions;
  readonly #counts: RefillingCounts;

  constructor(options: YieldsOptions) {
    this.#options = options;
    this.#counts = new RefillingCounts(options);
  }

  /** Entries held, for metrics. */
  get size(): number {
    return this.#counts.size;
  }

  /** How long it is until one of the principal's may give way, in ms; 0 if it may now. */
  waitMs(key: PrincipalKey, nowMs: number): number {
    const { windowMs } = this.#options;
    const most = Math.max(1, this.#options.most());
    const count = this.#counts.of(key, most, nowMs);
    if (count.taken >= most) return Math.max(1, count.sinceMs + windowMs / most - nowMs);
    this.#counts.dropIfNothing(key, count);
    return 0;
  }

  /** One has given way. */
  take(key: PrincipalKey, nowMs: number): void {
    this.#counts.of(key, Math.max(1, this.#options.most()), nowMs).taken++;
  }

  /** Lets go of counts that are back at zero. */
  sweep(nowMs: number): void {
    this.#counts.prune(nowMs);
  }
}
