// Whole texts into a pipe, in order, without holding up whoever writes. A pipe that nobody reads any more swallows them: that
// its reader is gone is told elsewhere.
import process from "node:process";
import { isOnlyNow } from "../faults/system_fault.ts";
import { pause, SYSTEM_TIMERS } from "../time/timers.ts";

/** After a fault that may pass: a pipe that somebody else has made non-blocking, ms. */
const RETRY_MS = 2;
/** What may wait: a reader that takes nothing for so long is none, and what was promised to it cannot be kept. */
const MOST_WAITING = 64 * 1024 * 1024;

export class PipeWriter {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #encoder = new TextEncoder();
  #batch = "";
  #writing = false;
  #gone = false;

  /** @param write takes some of the bytes and answers how many; one at a time */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  write(text: string): void {
    if (this.#gone) return;
    this.#batch += text;
    if (this.#batch.length > MOST_WAITING) process.exit(1);
    if (!this.#writing) void this.#flow();
  }

  async #flow(): Promise<void> {
    this.#writing = true;
    // What else is said in this turn goes with it.
    await Promise.resolve();
    while (this.#batch !== "" && !this.#gone) {
      let rest = this.#encoder.encode(this.#batch);
      this.#batch = "";
      while (rest.length > 0 && !this.#gone) rest = rest.subarray(await this.#writeSome(rest));
    }
    this.#writing = false;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    try {
      return await this.#write(bytes);
    } catch (error) {
      if (!isOnlyNow(error)) {
        this.#gone = true;
        this.#batch = "";
        return bytes.length;
      }
      await pause(RETRY_MS, SYSTEM_TIMERS);
      return 0;
    }
  }
}
