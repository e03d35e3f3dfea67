// Waiting that can be ended before its time.
import type { Timers } from "../../platform/timers.ts";

export class Pause {
  readonly #timers: Timers;
  #end: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves `ms` from now, or with `end`. One at a time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Ends the wait under way, if there is one. */
  end(): void {
    this.#end?.();
    this.#end = undefined;
  }
}
