// How many server processes may live at once, in total and for one principal (docs/behaviour.md M1, M2, M5). A place is
// taken before the process is started and given back when the last of what it started is gone. At a principal's own cap
// an owner makes room for itself: the process it has not used for longest ends, and the new one starts when that is
// gone. The same person through another client is another owner where sessions are bound to clients (O2).
import { SignetError } from "../../errors.ts";
import { leftOf } from "../../platform/time/time_of_day.ts";
import type { CallerKeys, OwnerKey, PrincipalKey } from "../../session/caller.ts";

export interface SlotCaps {
  readonly maxProcesses: number;
  readonly maxProcessesPerPrincipal: number;
  /** How long a process must have been unused to give way to another of its principal's, in ms. */
  readonly yieldAfterMs: number;
}

/** Who may be asked to give a place up. */
export interface Yielding {
  /** When it was last used, in ms since the epoch; undefined while it is in use, or not ready to be. */
  readonly unusedSinceMs: () => number | undefined;
  /** Ends it; its place is given back when nothing is left. */
  readonly give: () => void;
}

/** One place. `release` gives it back; again: nothing. */
export interface Slot {
  /** Settles when the place is free; undefined where it is already. */
  readonly ready: Promise<void> | undefined;
  release(): void;
}

const RETRY_AFTER_S = 30;

class Place implements Slot {
  readonly principal: PrincipalKey;
  readonly owner: OwnerKey;
  /** Undefined once it has been asked. */
  yielding: Yielding | undefined;
  /** Who gets the place after it. */
  heir: Place | undefined;
  /** Whose place it gets. */
  testator: Place | undefined;
  ready: Promise<void> | undefined;
  open: () => void = () => {};
  #onRelease: ((place: Place) => void) | undefined;

  constructor({ principalKey, owner }: CallerKeys, yielding: Yielding, onRelease: (place: Place) => void) {
    this.principal = principalKey;
    this.owner = owner;
    this.yielding = yielding;
    this.#onRelease = onRelease;
  }

  release(): void {
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.(this);
  }
}

export class Slots {
  readonly #caps: SlotCaps;
  readonly #now: () => number;
  /** Places that are taken, of each principal. */
  readonly #held = new Map<PrincipalKey, Set<Place>>();
  #total = 0;
  #most = 0;
  #refused = 0;

  /** @param now milliseconds since the epoch */
  constructor(caps: SlotCaps, now: () => number) {
    this.#caps = caps;
    this.#now = now;
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
  reserve(caller: CallerKeys, yielding: Yielding): Slot {
    const { maxProcesses, maxProcessesPerPrincipal, yieldAfterMs } = this.#caps;
    if ((this.#held.get(caller.principalKey)?.size ?? 0) >= maxProcessesPerPrincipal) {
      const longest = this.#longestUnused(caller);
      const leftMs = longest === undefined
        ? yieldAfterMs
        : leftOf(yieldAfterMs, longest.sinceMs + yieldAfterMs, this.#now());
      if (longest !== undefined && leftMs <= 0) return this.#inherit(longest.place, { caller, yielding });
      throw this.#refusal("principal_limit", {
        limit: maxProcessesPerPrincipal,
        flag: "--max-processes-per-principal",
        retryAfterS: Math.max(1, Math.ceil(leftMs / 1000)),
      });
    }
    if (this.#total < maxProcesses) return this.#take(caller, yielding);
    throw this.#refusal("session_limit", { limit: maxProcesses, flag: "--max-processes", retryAfterS: RETRY_AFTER_S });
  }

  /**
   * For a process that takes the place of one that still has calls to end: never refused, or a session at the cap would
   * die of its own credential. Counted, so that nobody else gets the place meanwhile.
   */
  reserveReplacement(caller: CallerKeys, yielding: Yielding): Slot {
    return this.#take(caller, yielding);
  }

  /** Of the caller's own: what is another client's does not end for it. */
  #longestUnused({ principalKey, owner }: CallerKeys): { place: Place; sinceMs: number } | undefined {
    let longest: { place: Place; sinceMs: number } | undefined;
    for (const place of this.#held.get(principalKey) ?? []) {
      if (place.owner !== owner) continue;
      const sinceMs = place.yielding?.unusedSinceMs();
      if (sinceMs !== undefined && (longest === undefined || sinceMs < longest.sinceMs)) longest = { place, sinceMs };
    }
    return longest;
  }

  /** The same place, so that there is never a process more than the cap. */
  #inherit(testator: Place, heirs: { readonly caller: CallerKeys; readonly yielding: Yielding }): Slot {
    const heir = new Place(heirs.caller, heirs.yielding, (place) => this.#give(place));
    const { promise, resolve } = Promise.withResolvers<void>();
    heir.ready = promise;
    heir.open = resolve;
    heir.testator = testator;
    testator.heir = heir;
    const { give } = testator.yielding!;
    testator.yielding = undefined;
    give();
    return heir;
  }

  #take(caller: CallerKeys, yielding: Yielding): Slot {
    const place = new Place(caller, yielding, (place) => this.#give(place));
    this.#hold(place);
    this.#most = Math.max(this.#most, ++this.#total);
    return place;
  }

  #hold(place: Place): void {
    const places = this.#held.get(place.principal);
    if (places === undefined) this.#held.set(place.principal, new Set([place]));
    else places.add(place);
  }

  #give(place: Place): void {
    const { heir, testator, principal } = place;
    // It does not wait for it any more: the place is nobody's after the one that holds it.
    if (testator !== undefined) {
      testator.heir = heir;
      if (heir !== undefined) heir.testator = testator;
      return;
    }
    const places = this.#held.get(principal)!;
    places.delete(place);
    if (heir !== undefined) {
      heir.testator = undefined;
      this.#hold(heir);
      return heir.open();
    }
    this.#total--;
    if (places.size === 0) this.#held.delete(principal);
  }

  #refusal(
    code: "principal_limit" | "session_limit",
    { limit, flag, retryAfterS }: { limit: number; flag: string; retryAfterS: number },
  ): SignetError {
    this.#refused++;
    return new SignetError(code, {
      publicMessage: code === "principal_limit"
        ? "Too many server processes for this caller"
        : "Too many server processes",
      retryAfterS,
      facts: { what: "processes", limit },
      remedy: `All are in use: end sessions with DELETE, or raise ${flag}.`,
    });
  }
}
