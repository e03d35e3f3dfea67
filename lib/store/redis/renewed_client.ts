// A client that can be begun anew, over connections of its own. What the library cannot read it forgets, and goes on over the
// same connection: each answer there is then taken for that to another question, for as long as the connection lasts. Where
// nothing comes over a connection at all, another one is tried beside it.
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
  /** Which of those that were made is the one that is used. */
  #used = 0;
  #made = 0;
  /** The one that is tried beside it. */
  #spare: RedisClient | undefined;
  /** For how long. */
  readonly #spareTimer = new OwnedTimer(SYSTEM_TIMERS);
  #begunAtMs = -Infinity;

  /** @param make is given whether what it makes is the one that is used; it is not connected yet */
  constructor(make: (isCurrent: () => boolean) => RedisClient) {
    this.#make = make;
    const { client, number } = this.#begin();
    this.#client = client;
    this.#used = number;
  }

  /** Soon. Nobody is answered by what was under way before. */
  renew(): void {
    if (this.#timer.isSet) return;
    this.#timer.set(Math.max(0, this.#begunAtMs + BEGUN_ANEW_AFTER_MS - performance.now()), () => {
      this.letGoOfSpare();
      end(this.#client);
      const { client, number } = this.#begin();
      this.#use(client, number);
      client.connect().catch(() => {}); // it has told why
    });
  }

  /**
   * Tries another one, unless that is under way: it takes the place of the one that is of no use if it is answered first.
   * @param ask it; rejects if it is of no use either
   * @param withinMs it is let go of, for it may lead to somebody who is silent, and the next one to somebody else
   * @returns whether it has
   */
  async trySpare(ask: (client: RedisClient) => Promise<unknown>, withinMs: number): Promise<boolean> {
    if (this.#spare !== undefined || this.#timer.isSet) return false;
    const { client, number } = this.#begin();
    this.#spare = client;
    const late = Promise.withResolvers<never>();
    this.#spareTimer.set(
      withinMs,
      () => late.reject(new Error(`asking a store: found no answer within ${withinMs} ms`)),
    );
    try {
      await Promise.race([client.connect().then(() => ask(client)), late.promise]);
    } catch {
      // No better than the other.
      if (this.#spare === client) this.letGoOfSpare();
      return false;
    }
    if (this.#spare !== client) return false;
    this.#spare = undefined;
    this.#spareTimer.clear();
    end(this.#client);
    this.#use(client, number);
    return true;
  }

  letGoOfSpare(): void {
    this.#spareTimer.clear();
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) end(spare);
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
    this.#spareTimer.close();
    this.#used = 0;
    this.letGoOfSpare();
    end(this.#client);
  }

  #begin(): { readonly client: RedisClient; readonly number: number } {
    const number = ++this.#made;
    return { client: this.#make(() => number === this.#used), number };
  }

  #use(client: RedisClient, number: number): void {
    this.#client = client;
    this.#used = number;
    this.#begunAtMs = performance.now();
  }
}

function end(client: RedisClient): void {
  try {
    client.destroy();
  } catch {
    // It was never connected.
  }
}
