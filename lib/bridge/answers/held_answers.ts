// Answers in JSON that their client has not taken yet. Beyond a bound the server is held back, as it is for streams, until
// one is taken; but never for longer than a reader may stall, since an answer that is out cannot be called back.
import type { Charge } from "../../http1/byte_account.ts";
import type { OutboxOptions } from "./outbox.ts";

export class HeldAnswers {
  readonly #options: OutboxOptions;
  #bytes = 0;
  readonly #charge: Charge;
  #wait: PromiseWithResolvers<void> | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#charge = options.account.open();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts an answer; what it returns counts it off again, once. */
  hold(bytes: number): () => void {
    this.#bytes += bytes;
    this.#charge.force(this.#bytes);
    let held = true;
    return () => {
      if (held) this.#bytes -= bytes;
      held = false;
      this.#charge.force(this.#bytes);
      if (this.#bytes <= this.#options.highWaterBytes) this.#resume();
    };
  }

  /** Resolves when the server may go on; undefined if it may at once. */
  whenTaken(): Promise<void> | undefined {
    const { highWaterBytes, stallMs, timers, account } = this.#options;
    if (this.#bytes <= (account.isOverdrawn ? 0 : highWaterBytes)) return undefined;
    if (this.#wait === undefined) {
      this.#wait = Promise.withResolvers();
      this.#cancelTimer = timers.after(stallMs, () => this.#resume());
    }
    return this.#wait.promise;
  }

  #resume(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#wait?.resolve();
    this.#wait = undefined;
  }
}
