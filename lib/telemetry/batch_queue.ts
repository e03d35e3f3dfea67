// What waits to be exported: bounded in number, sent in batches, one at a time, after a delay or when a batch is full.
// Whoever adds never waits; what finds no room, or cannot be delivered, is dropped and counted.
// OpenTelemetry specification, "Batching processor".
import type { Timers } from "../platform/timers.ts";
import type { BatchSettings } from "./settings.ts";

export interface BatchQueueOptions<Item> extends BatchSettings {
  /** Delivers, or gives up. @returns whether the items have arrived; never rejects */
  readonly send: (items: readonly Item[]) => Promise<boolean>;
  readonly timers: Timers;
}

export class BatchQueue<Item> {
  readonly #options: BatchQueueOptions<Item>;
  #waiting: Item[] = [];
  #cancelDelay: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #dropped = 0;
  #sent = 0;

  constructor(options: BatchQueueOptions<Item>) {
    this.#options = options;
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
    const { maxQueue, maxBatch, delayMs, timers } = this.#options;
    if (this.#waiting.length >= maxQueue) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(item);
    if (this.#sending !== undefined) return;
    if (this.#waiting.length >= maxBatch) this.#start();
    else this.#cancelDelay ??= timers.after(delayMs, () => this.#start());
  }

  /** Sends what waits now; settles when it has been sent or dropped. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== undefined) {
      if (this.#sending === undefined) this.#start();
      await this.#sending;
    }
  }

  /** What waits still is dropped; nothing is sent any more. */
  close(): void {
    this.#cancelDelay?.();
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #start(): void {
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
    this.#sending ??= this.#sendBatches().finally(() => this.#rest());
  }

  /** Until less than a batch is left: that may wait for more. */
  async #sendBatches(): Promise<void> {
    const { maxBatch, send } = this.#options;
    do {
      const batch = this.#waiting.splice(0, maxBatch);
      if (await send(batch)) this.#sent += batch.length;
      else this.#dropped += batch.length;
    } while (this.#waiting.length >= maxBatch);
  }

  #rest(): void {
    this.#sending = undefined;
    const { delayMs, timers } = this.#options;
    if (this.#waiting.length > 0) this.#cancelDelay ??= timers.after(delayMs, () => this.#start());
  }
}
