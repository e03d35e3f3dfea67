// Rates that replicas share, where a store counts them: while it cannot be asked each process counts for itself, which is
// seen in a number (R6, G5). Where no store does, each always does.
import { tellIfOwn } from "../platform/faults/uncaught.ts";
import type { MemoryRates } from "./memory/memory_rates.ts";
import type { RateOutcome, RateStore, RateTake } from "./rates.ts";

export class SharedRates implements RateStore {
  readonly #shared: RateStore | undefined;
  readonly local: MemoryRates;
  /** Takes that the store was asked for and did not answer. */
  unshared = 0;

  constructor({ shared, local }: { readonly shared: RateStore | undefined; readonly local: MemoryRates }) {
    this.#shared = shared;
    this.local = local;
  }

  take(takes: readonly RateTake[], nowMs: number): RateOutcome | Promise<RateOutcome> {
    // What waits for a store needs a closure, and its scope is made whenever its function is called.
    return this.#shared === undefined ? this.local.take(takes, nowMs) : this.#take(this.#shared, takes, nowMs);
  }

  #take(shared: RateStore, takes: readonly RateTake[], nowMs: number): RateOutcome | Promise<RateOutcome> {
    const alone = (fault: unknown) => {
      tellIfOwn(fault);
      this.unshared++;
      return this.local.take(takes, nowMs);
    };
    try {
      const outcome = shared.take(takes, nowMs);
      return outcome instanceof Promise ? outcome.catch(alone) : outcome;
    } catch (fault) {
      return alone(fault);
    }
  }
}
