// What a shared store refuses while it answers other questions, which nobody would hear of otherwise: a cap that holds for each
// replica by itself, revocations that come late. Counted, and told of each kind once a minute (docs/behaviour.md R6, V1).
import { refusedError, wordsOf } from "./redis_refusal.ts";

export interface StoreRefusal {
  /** The store's own words. Holds no address, no key and no secret. */
  readonly cause: string;
  readonly remedy: string;
}

const TOLD_AGAIN_MS = 60_000;
/** There are few kinds, unless who answers is no store: of more than so many within a minute only a number is kept. */
const MOST_KINDS = 64;

export class ToldRefusals {
  count = 0;
  readonly #onRefusal: ((refusal: StoreRefusal) => void) | undefined;
  /** By the store's words, when they were told, by `performance.now()`. */
  readonly #toldAtMs = new Map<string, number>();

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
    const nowMs = performance.now();
    for (const [told, atMs] of this.#toldAtMs) if (nowMs - atMs >= TOLD_AGAIN_MS) this.#toldAtMs.delete(told);
    if (this.#toldAtMs.has(cause) || this.#toldAtMs.size >= MOST_KINDS) return;
    this.#toldAtMs.set(cause, nowMs);
    this.#onRefusal?.({ cause, remedy: refusedError(fault).remedy });
  }
}
