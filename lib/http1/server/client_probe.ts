// Tells a client that has gone from one that only has no more to send. RFC 9110 §15.2.1; RFC 9112 §9.6.
import { asciiBytes } from "../wire/latin1.ts";
import type { StreamOutput } from "../wire/stream_output.ts";

export const CONTINUE: Uint8Array = asciiBytes("HTTP/1.1 100 Continue\r\n\r\n");

/** First and longest pause between two looks, ms. */
const FIRST_MS = 1;
const LONGEST_MS = 1000;

/**
 * Watches a client after the end of its stream. One that closed and one that half-closed look alike until something is
 * sent: a closed one answers with a reset. What is sent is an interim 100, which every client must be ready to drop and
 * which even those drop that take any other 1xx for final. One is enough: once the reset has arrived, a write of no bytes
 * fails, and the stream's owner is told.
 */
export class ClientProbe {
  readonly #output: StreamOutput;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(output: StreamOutput) {
    this.#output = output;
  }

  /**
   * To be called once its owner can stop it: a write that fails at once ends the owner.
   * @param mayInterrupt whether an interim response may be sent: to HTTP/1.1, before the final one has begun
   */
  begin(mayInterrupt: boolean): void {
    this.#lookIn(FIRST_MS);
    if (mayInterrupt) this.#output.write(CONTINUE);
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#lookIn(Math.min(ms * 2, LONGEST_MS));
      this.#output.ping();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
