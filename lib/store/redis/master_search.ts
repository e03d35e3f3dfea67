// The master of now, where who is asked takes no writes any more: another one may have its name by now, which only a new
// connection leads to. One is tried beside it, again and again, and takes its place if it leads to whoever takes them
// (docs/behaviour.md L6, R6).
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { OwnedTimer, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import type { RedisClient } from "./redis_client.ts";
import { isRefusal, says } from "./redis_refusal.ts";
import type { RenewedClient } from "./renewed_client.ts";

interface MasterSearchOptions {
  readonly client: RenewedClient;
  /** One that is never there: taking it away is a write that changes nothing. */
  readonly key: string;
  /** How long another connection is tried. */
  readonly withinMs: number;
  /** Between two tries. */
  readonly pauseMs: number;
  /** Another one has taken the place of the one that was asked. Must not throw. */
  readonly onFound: () => void;
  /** Who was asked all the while takes writes again; what it took before it may have lost. Must not throw. */
  readonly onTurned: () => void;
}

export class MasterSearch {
  readonly #options: MasterSearchOptions;
  /** Until it is sought once more. */
  readonly #again = new OwnedTimer(SYSTEM_TIMERS);
  #isSeeking = false;
  #closed = false;

  constructor(options: MasterSearchOptions) {
    this.#options = options;
  }

  /** Until it is found. Again: nothing. */
  seek(): void {
    if (this.#closed || this.#isSeeking || this.#again.isSet) return;
    this.#isSeeking = true;
    this.#seek().catch(tellIfOwn).finally(() => this.#isSeeking = false);
  }

  close(): void {
    this.#closed = true;
    this.#again.close();
  }

  async #seek(): Promise<void> {
    const { client, key, withinMs, pauseMs, onFound, onTurned } = this.#options;
    const ask = (each: RedisClient) => each.send(key, ["DEL", key]);
    if (await client.trySpare(ask, withinMs)) return onFound();
    if (this.#closed) return;
    // Whoever is there may have become one, or somebody else is there by now: nobody may ask for long.
    this.#again.set(pauseMs, () =>
      void ask(client).then(() => true, isMaster).then((isTurned) => {
        if (isTurned === true && !this.#closed) onTurned();
        else if (isTurned === false) this.seek();
      }));
  }
}

/** Whether who has said no to a write takes others; undefined where nobody has, whose connection tells by itself. */
function isMaster(fault: unknown): boolean | undefined {
  // Also while it takes its own master's data, and where it has lost that one.
  if (says("READONLY", fault) || says("LOADING", fault) || says("MASTERDOWN", fault)) return false;
  return isRefusal(fault) ? true : undefined;
}
