// Session tokens that were revoked here, as far as they are remembered: a store may lose that they were removed, with a master
// that it has lost, and has them again. Here they hold no more, and are removed again (docs/behaviour.md T3, R6).
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { ignoreStoreError } from "../fail_closed.ts";

const MOST_REMEMBERED = 10_000;
const REMOVED_AT_ONCE = 1000;
/** Not every loss is told of: a connection may have outlived the master at its other end, as in a cluster. */
const AGAIN_AFTER_MS = 60_000;

export class RemovedTokens {
  /** The newest last. */
  readonly #sids = new Set<string>();
  readonly #remove: (sids: readonly string[]) => Promise<unknown>;
  /** The store may have some of them again. */
  #isOwed = false;
  #isRemoving = false;
  readonly #nowMs: () => number;
  /** When it took all of them last. */
  #takenAtMs: number;

  /**
   * @param remove rejects with StoreError where the store does not take it
   * @param nowMs as `performance.now`
   */
  constructor(remove: (sids: readonly string[]) => Promise<unknown>, nowMs: () => number = () => performance.now()) {
    this.#remove = remove;
    this.#nowMs = nowMs;
    this.#takenAtMs = nowMs();
  }

  has(sid: string): boolean {
    return this.#sids.has(sid);
  }

  add(sids: readonly string[]): void {
    for (const sid of sids) {
      this.#sids.delete(sid);
      this.#sids.add(sid);
    }
    for (const sid of this.#sids) {
      if (this.#sids.size <= MOST_REMEMBERED) return;
      this.#sids.delete(sid);
    }
  }

  /** All of them: the store may have them again. Nobody waits for it. */
  removeAgain(): void {
    this.#isOwed = true;
    this.removeOwed();
  }

  /**
   * The same where the store has not taken it yet, as it may have been away, or taken no writes; and now and then. To be called
   * every few seconds.
   */
  removeOwed(): void {
    this.#isOwed ||= this.#nowMs() - this.#takenAtMs >= AGAIN_AFTER_MS;
    if (this.#isRemoving || !this.#isOwed) return;
    this.#isRemoving = true;
    // Where it is away again: the next time.
    this.#removeAll().catch(ignoreStoreError).catch(tellIfOwn).finally(() => this.#isRemoving = false);
  }

  /** Once more where it may have been lost meanwhile. */
  async #removeAll(): Promise<void> {
    while (this.#isOwed) {
      this.#isOwed = false;
      try {
        await this.#removeEach([...this.#sids]);
        this.#takenAtMs = this.#nowMs();
      } catch (fault) {
        this.#isOwed = true;
        throw fault;
      }
    }
  }

  async #removeEach(sids: readonly string[]): Promise<void> {
    for (let at = 0; at < sids.length; at += REMOVED_AT_ONCE) await this.#remove(sids.slice(at, at + REMOVED_AT_ONCE));
  }
}
