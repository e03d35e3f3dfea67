// What a shared store does when it is full: one that may evict keys may forget revocations, and revoked sessions live again
// (docs/guides/replicas.md). Each key of Signet's ends by itself, so that the policies for those (volatile-*) do so, too.
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { StoreError } from "../store.ts";

/** The only one under which nothing is forgotten. */
const KEEPS_ALL = "noeviction";

export class EvictionPolicy {
  readonly #ask: () => Promise<string | undefined>;
  readonly #onEvicting: ((policy: string) => void) | undefined;
  /** What was found last. */
  #found: string | undefined;
  #isAsking = false;

  /** @param ask as a store answers it @param onEvicting told of one that may evict, once per change. Must not throw */
  constructor(ask: () => Promise<string | undefined>, onEvicting: ((policy: string) => void) | undefined) {
    this.#ask = ask;
    this.#onEvicting = onEvicting;
  }

  /** It may be another store by now, or have been told otherwise. Nobody waits for it. */
  look(): void {
    if (this.#onEvicting === undefined || this.#isAsking) return;
    this.#isAsking = true;
    this.#look().catch(tellIfOwn).finally(() => this.#isAsking = false);
  }

  async #look(): Promise<void> {
    try {
      const policy = await this.#ask();
      if (policy === undefined || policy === this.#found) return;
      this.#found = policy;
      if (policy !== KEEPS_ALL) this.#onEvicting?.(policy);
    } catch (fault) {
      // Away again: it is asked when it is back.
      if (!(fault instanceof StoreError)) throw fault;
    }
  }
}
