// Places for calls that wait until their stateless clients come back with answers: bounded for each caller and in all, in
// number and in bytes, and with one timer for all of them (docs/behaviour.md S4, M6).
import type { ByteAccount, Charge } from "../../../http1/byte_account.ts";
import { SameDelay, type Timers } from "../../../platform/time/timers.ts";
import type { PrincipalKey } from "../../../session/caller.ts";
import type { BridgeLimits } from "../../limits.ts";

export interface ParkingOptions {
  readonly limits: Pick<BridgeLimits, "parkMs" | "maxParked" | "maxParkedPerCaller">;
  readonly timers: Timers;
}

/** Who asks for a place, and what is held in it is charged to. */
export interface ParkingCaller {
  readonly principalKey: PrincipalKey;
  readonly account: ByteAccount;
}

/** A server that does not take now what it has to hear is told again, so much later, in ms. */
const AGAIN_MS = 100;

export class Parking {
  readonly #limits: ParkingOptions["limits"];
  readonly #overdue: SameDelay;
  readonly #again: SameDelay;
  readonly #taken = new Map<PrincipalKey, number>();
  #size = 0;

  constructor({ limits, timers }: ParkingOptions) {
    this.#limits = limits;
    this.#overdue = new SameDelay(timers, limits.parkMs);
    this.#again = new SameDelay(timers, AGAIN_MS);
  }

  /** Undefined where there is none. */
  take({ principalKey, account }: ParkingCaller): ParkedPlace | undefined {
    const { maxParked, maxParkedPerCaller } = this.#limits;
    const own = this.#taken.get(principalKey) ?? 0;
    if (this.#size >= maxParked || own >= maxParkedPerCaller) return undefined;
    this.#size++;
    this.#taken.set(principalKey, own + 1);
    const [overdue, again] = [this.#overdue, this.#again];
    return new ParkedPlace(account.open(), { overdue, again, onLeave: () => this.#leave(principalKey) });
  }

  close(): void {
    this.#overdue.close();
    this.#again.close();
  }

  #leave(principalKey: PrincipalKey): void {
    this.#size--;
    const left = this.#taken.get(principalKey)! - 1;
    if (left === 0) this.#taken.delete(principalKey);
    else this.#taken.set(principalKey, left);
  }
}

interface PlaceOptions {
  readonly overdue: SameDelay;
  readonly again: SameDelay;
  readonly onLeave: () => void;
}

/** Of one call, from its first question to its end. */
export class ParkedPlace {
  readonly #charge: Charge;
  readonly #overdue: SameDelay;
  readonly #again: SameDelay;
  #onLeave: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;

  constructor(charge: Charge, { overdue, again, onLeave }: PlaceOptions) {
    this.#charge = charge;
    this.#overdue = overdue;
    this.#again = again;
    this.#onLeave = onLeave;
  }

  /** From now on so much is kept in it. @returns false, and nothing changes, where there is no room for that */
  hold(bytes: number): boolean {
    return this.#onLeave !== undefined && this.#charge.resize(bytes);
  }

  /**
   * Its client is away; `run` is for one that does not come back in time.
   * @returns false where nothing waits any more (`Parking.close`): it is never run
   */
  wait(run: () => void): boolean {
    this.#cancelWait?.();
    this.#cancelWait = this.#overdue.after(run);
    return this.#cancelWait !== undefined;
  }

  /** What was to be done could not be: `run` is for the next try. @returns false where there is none, as with `wait` */
  tryAgain(run: () => void): boolean {
    this.#cancelWait?.();
    this.#cancelWait = this.#again.after(run);
    return this.#cancelWait !== undefined;
  }

  /** Its client is back. */
  stopWaiting(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  /** Again: nothing. */
  leave(): void {
    this.stopWaiting();
    this.#charge.release();
    this.#onLeave?.();
    this.#onLeave = undefined;
  }
}
