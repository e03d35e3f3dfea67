// What waits to be exported: bounded in number, sent in batches, one at a time, after a delay or when a batch is full.
// Whoever adds never waits; what finds no room, or cannot be delivered, is dropped and counted.
// OpenTelemetry specification, "Batching processor".
import { OwnedTimer, type Timers } from "../platform/time/timers.ts";
import type { BatchSettings } from "./settings.ts";

export interface BatchQueueOptions<Item> extends BatchSettings {
  /** Delivers, or gives up. @returns how many of the items have not arrived, or more than there are for all; never rejects */
  readonly send: (items: readonly Item[]) => Promise<number>;
  readonly timers: Timers;
}

export class BatchQueue<Item> {
  readonly #options: BatchQueueOptions<Item>;
  #waiting: Item[] = [];
  readonly #delay: OwnedTimer;
  #isClosed = false;
  #sending: Promise<void> | undefined;
  #dropped = 0;
  #sent = 0;

  constructor(options: BatchQueueOptions<Item>) {
    this.#options = options;
    this.#delay = new OwnedTimer(options.timers);
  }

  /** Items that never arrived. */
  get dropped(): number {
    return this.#dropped;
  }

  get sent(): number {
    return this.#sent;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(item: Item): void {
    const { maxQueue, maxBatch } = this.#options;
    if (this.#isClosed || this.#waiting.length >= maxQueue) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(item);
    if (this.#sending !== undefined) return;
    if (this.#waiting.length >= maxBatch) this.#start();
    else this.#startLater();
  }

  /** Sends what waits now; settles when it has been sent or dropped. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== undefined) {
      if (this.#sending === undefined) this.#start();
      await this.#sending;
    }
  }

  /** What waits still, or is added, is dropped and counted; nothing is sent any more. */
  close(): void {
    this.#isClosed = true;
    this.#delay.close();
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #start(): void {
    this.#delay.clear();
    this.#sending ??= this.#sendBatches().finally(() => this.#rest());
  }

  /** Until less than a batch is left: that may wait for more. */
  async #sendBatches(): Promise<void> {
    const { maxBatch, send } = this.#options;
    do {
      const batch = this.#waiting.splice(0, maxBatch);
      const lost = Math.min(batch.length, await send(batch));
      this.#sent += batch.length - lost;
      this.#dropped += lost;
    } while (this.#waiting.length >= maxBatch);
  }

  #startLater(): void {
    if (!this.#delay.isSet) this.#delay.set(this.#options.delayMs, () => this.#start());
  }

  #rest(): void {
    this.#sending = undefined;
    if (this.#waiting.length > 0) this.#startLater();
  }
}
