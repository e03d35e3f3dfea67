// The channels of a shared store that are listened to: subscribed to until they are heard, and again where the connection,
// or the node of a cluster that they came by, is gone for good (docs/behaviour.md R4).
import type { RedisClient } from "./redis_client.ts";

interface Channel {
  readonly name: string;
  readonly listener: (message: string) => void;
  readonly wake: () => void;
  isHeard: boolean;
  /** The store has been asked for it, and has not answered yet. */
  isAsked: boolean;
}

export class RedisChannels {
  readonly #client: RedisClient;
  readonly #onFault: (fault: unknown) => void;
  readonly #channels: Channel[] = [];

  /** @param onFault told why one cannot be heard; `subscribe` is then to be called again. Must not throw */
  constructor(client: RedisClient, onFault: (fault: unknown) => void) {
    this.#client = client;
    this.#onFault = onFault;
  }

  /** Whether messages arrive, of all that are listened to. */
  get areHeard(): boolean {
    return this.#client.hears() && this.#channels.every(({ isHeard }) => isHeard);
  }

  /** Whether there is one that is listened to and not heard. */
  get isOneMissed(): boolean {
    return this.#channels.length > 0 && !this.areHeard;
  }

  /** Calls `listener` for every message, and `wake` whenever some may have been missed. Must not throw. */
  listen(name: string, listener: (message: string) => void, wake: () => void): void {
    this.#channels.push({ name, listener, wake, isHeard: false, isAsked: false });
    this.subscribe();
  }

  /** Once done it is renewed with every connection; where the library gives that up, it is done again. */
  subscribe(): void {
    for (const channel of this.#channels) {
      if (channel.isAsked || (channel.isHeard && this.#client.hears())) continue;
      channel.isAsked = true;
      this.#client.subscribe(channel.name, channel.listener).then(() => {
        channel.isHeard = true;
        channel.wake();
      }, (fault) => {
        channel.isHeard = false;
        this.#onFault(fault);
      }).finally(() => channel.isAsked = false);
    }
  }

  /** By a client that has taken another's place none is heard yet. */
  forget(): void {
    for (const channel of this.#channels) channel.isHeard = channel.isAsked = false;
  }

  /** Asks again for those that are not heard, and who is there to be heard. */
  seek(): void {
    this.#client.lookAround();
    this.subscribe();
  }
}
