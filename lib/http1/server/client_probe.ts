// Tells a client that has gone from one that only has no more to send. RFC 9110 §15.2.1; RFC 9112 §9.6.
import { asciiBytes } from "../wire/latin1.ts";
import type { StreamOutput } from "../wire/streams/stream_output.ts";

export const CONTINUE: Uint8Array = asciiBytes("HTTP/1.1 100 Continue\r\n\r\n");

/** First and longest pause between two looks, ms. */
const FIRST_MS = 1;
const LONGEST_MS = 1000;
/**
 * How many looks after the first interim response there is another one, and how many times as many from each to the next:
 * half a second, then half a minute, two, ten and so on. So few that no client counts them for too many.
 */
const LOOKS = 9;
const TIMES_MORE = 4;
const MOST_INTERIM = 8;

/**
 * Watches a client after the end of its stream. One that closed and one that half-closed look alike until something is
 * sent: a closed one answers with a reset. What is sent is an interim 100, which every client must be ready to drop, several
 * of them too, and which even those drop that take any other 1xx for final. Once the reset has arrived, a write of no bytes
 * fails, and the stream's owner is told. One is enough for a client that has closed; who half-closes, takes it and then
 * closes says so to the next.
 */
export class ClientProbe {
  readonly #output: StreamOutput;
  readonly #mayInterrupt: () => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;
  #interruptAt = 0;
  #interim = 0;

  /** @param mayInterrupt whether an interim response may be sent: to HTTP/1.1, before the final one has begun */
  constructor(output: StreamOutput, mayInterrupt: () => boolean) {
    this.#output = output;
    this.#mayInterrupt = mayInterrupt;
  }

  /** To be called once its owner can stop it: a write that fails at once ends the owner. */
  begin(): void {
    this.#lookIn(FIRST_MS);
    this.#look();
  }

  #look(): void {
    const isDue = this.#looks++ === this.#interruptAt && this.#interim < MOST_INTERIM;
    if (isDue) this.#interruptAt += LOOKS * TIMES_MORE ** this.#interim++;
    if (isDue && this.#mayInterrupt()) this.#output.write(CONTINUE);
    else this.#output.ping();
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#lookIn(Math.min(ms * 2, LONGEST_MS));
      this.#look();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
