// How many server processes may live at once, in total and for one principal (BEHAVIOUR.md M1, M2). A place is taken
// before the process is started and given back when the last of what it started is gone.
import { SignetError } from "../../errors.ts";
import type { PrincipalKey } from "../../session/caller.ts";

export interface SlotCaps {
  readonly maxProcesses: number;
  readonly maxProcessesPerPrincipal: number;
}

/** One place. `release` gives it back; again: nothing. */
export interface Slot {
  release(): void;
}

const RETRY_AFTER_S = 30;

export class Slots {
  readonly #caps: SlotCaps;
  readonly #held = new Map<PrincipalKey, number>();
  #total = 0;
  #most = 0;
  #refused = 0;

  constructor(caps: SlotCaps) {
    this.#caps = caps;
  }

  /** Processes now. */
  get total(): number {
    return this.#total;
  }

  /** The most there ever were at once. */
  get most(): number {
    return this.#most;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Principals that hold a place. */
  get principals(): number {
    return this.#held.size;
  }

  /** @throws SignetError `principal_limit` (429) or `session_limit` (503), both with `Retry-After` */
  reserve(principal: PrincipalKey): Slot {
    const held = this.#held.get(principal) ?? 0;
    const { maxProcesses, maxProcessesPerPrincipal } = this.#caps;
    if (held >= maxProcessesPerPrincipal) {
      throw this.#refusal("principal_limit", maxProcessesPerPrincipal, "--max-processes-per-principal");
    }
    if (this.#total >= maxProcesses) throw this.#refusal("session_limit", maxProcesses, "--max-processes");
    return this.#take(principal);
  }

  /**
   * For a process that takes the place of one that still has calls to end: never refused, or a session at the cap would
   * die of its own credential. Counted, so that nobody else gets the place meanwhile.
   */
  reserveReplacement(principal: PrincipalKey): Slot {
    return this.#take(principal);
  }

  #take(principal: PrincipalKey): Slot {
    this.#held.set(principal, (this.#held.get(principal) ?? 0) + 1);
    this.#most = Math.max(this.#most, ++this.#total);
    let released = false;
    return {
      release: () => {
        if (!released) this.#release(principal);
        released = true;
      },
    };
  }

  #release(principal: PrincipalKey): void {
    this.#total--;
    const left = this.#held.get(principal)! - 1;
    if (left === 0) this.#held.delete(principal);
    else this.#held.set(principal, left);
  }

  #refusal(code: "principal_limit" | "session_limit", limit: number, flag: string): SignetError {
    this.#refused++;
    return new SignetError(code, {
      retryAfterS: RETRY_AFTER_S,
      facts: { what: "processes", limit },
      remedy: `wait until idle sessions have ended their processes, or raise ${flag}`,
    });
  }
}
