// Where peers may be: in the networks of the settings, and at addresses that the name service has named not long ago
// (docs/behaviour.md M4, R2). An address that it no longer names is believed for a while, since it stops naming who leaves.
import { addressName, type CidrList } from "../platform/network/cidr.ts";
import { leftOf } from "../platform/time/time_of_day.ts";
import type { Timers } from "../platform/time/timers.ts";

const REMEMBERED_MS = 10 * 60_000;

/** An IP address as it is judged: to be asked about again and again without being read again. */
export interface Place {
  readonly inNetworks: boolean;
  /** The one name of the address; undefined for what is none. */
  readonly name: string | undefined;
}

export class Places {
  readonly #networks: CidrList;
  readonly #timers: Timers;
  /** The one name of each named address → until when it is believed, ms. */
  readonly #named = new Map<string, number>();

  constructor(networks: CidrList, timers: Timers) {
    this.#networks = networks;
    this.#timers = timers;
  }

  /** Addresses believed that the name service has named. */
  get size(): number {
    return this.#named.size;
  }

  /** @param ip of either family; a listener of both shows IPv4 peers as IPv6 ones */
  of(ip: string): Place {
    return { inNetworks: this.#networks.contains(ip), name: addressName(ip) };
  }

  /** Whether a peer may be there, now. */
  has({ inNetworks, name }: Place): boolean {
    if (inNetworks) return true;
    const untilMs = name === undefined ? undefined : this.#named.get(name);
    return untilMs !== undefined && leftOf(REMEMBERED_MS, untilMs, this.#timers.now()) > 0;
  }

  /** What the name service has answered; nothing where it did not. */
  note(ips: readonly string[]): void {
    const nowMs = this.#timers.now();
    for (const ip of ips) {
      const name = addressName(ip);
      if (name !== undefined) this.#named.set(name, nowMs + REMEMBERED_MS);
    }
    for (const [name, untilMs] of this.#named) if (untilMs <= nowMs) this.#named.delete(name);
  }
}
