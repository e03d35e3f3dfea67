// What a shared store refuses while it answers other questions, which nobody would hear of otherwise: a cap that holds for each
// replica by itself, revocations that come late. Counted, and told of each kind once a minute (docs/behaviour.md R6, V1).
import { refusedError, wordsOf } from "./redis_refusal.ts";
import { ToldLately } from "./told_lately.ts";

export interface StoreRefusal {
  /** The store's own words. Holds no address, no key and no secret. */
  readonly cause: string;
  readonly remedy: string;
}

export class ToldRefusals {
  count = 0;
  readonly #onRefusal: ((refusal: StoreRefusal) => void) | undefined;
  /** By the store's words. */
  readonly #told = new ToldLately();

  /** @param onRefusal must not throw */
  constructor(onRefusal: ((refusal: StoreRefusal) => void) | undefined) {
    this.#onRefusal = onRefusal;
  }

  /** Of one question, while others are answered. */
  tell(fault: Error): void {
    this.count++;
    this.say(fault);
  }

  /** Of all of them: nothing is counted. */
  say(fault: Error): void {
    const cause = wordsOf(fault);
    if (!this.#told.isNews(cause)) return;
    this.#onRefusal?.({ cause, remedy: refusedError(fault).remedy });
  }
}
