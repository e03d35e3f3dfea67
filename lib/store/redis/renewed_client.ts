// A client that can be begun anew, over connections of its own. What the library cannot read it forgets, and goes on over the
// same connection: each answer there is then taken for that to another question, for as long as the connection lasts.
import { OwnedTimer, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import type { RedisClient } from "./redis_client.ts";

/** Who answers with what nobody can read is not connected to more often, in ms. */
const BEGUN_ANEW_AFTER_MS = 1000;

/** Errors of the library's reader, which are none of the system's or of the store's. */
export function isUnreadable(fault: unknown): boolean {
  return fault instanceof TypeError || fault instanceof RangeError ||
    (fault instanceof Error && /^Unknown RESP type/.test(fault.message));
}

export class RenewedClient implements RedisClient {
  readonly #make: (isCurrent: () => boolean) => RedisClient;
  readonly #timer = new OwnedTimer(SYSTEM_TIMERS);
  #client: RedisClient;
  #generation = 0;
  #begunAtMs = -Infinity;

  /** @param make is given whether what it makes is the one that is used; it is not connected yet */
  constructor(make: (isCurrent: () => boolean) => RedisClient) {
    this.#make = make;
    this.#client = this.#begin();
  }

  /** Soon. Nobody is answered by what was under way before. */
  renew(): void {
    if (this.#timer.isSet) return;
    this.#timer.set(Math.max(0, this.#begunAtMs + BEGUN_ANEW_AFTER_MS - performance.now()), () => {
      this.#end();
      this.#client = this.#begin();
      this.#begunAtMs = performance.now();
      this.#client.connect().catch(() => {}); // it has told why
    });
  }

  connect(): Promise<unknown> {
    return this.#client.connect();
  }

  send(key: string, args: readonly string[]): Promise<unknown> {
    return this.#client.send(key, args);
  }

  subscribe(channel: string, listener: (message: string) => void): Promise<unknown> {
    return this.#client.subscribe(channel, listener);
  }

  hears(): boolean {
    return this.#client.hears();
  }

  placeOf(key: string): string {
    return this.#client.placeOf(key);
  }

  lookAround(): void {
    this.#client.lookAround();
  }

  destroy(): void {
    this.#timer.close();
    this.#end();
  }

  #begin(): RedisClient {
    const generation = ++this.#generation;
    return this.#make(() => generation === this.#generation);
  }

  #end(): void {
    this.#generation++;
    try {
      this.#client.destroy();
    } catch {
      // It was never connected.
    }
  }
}
