// Where a comment may stand in an event stream that passes through as bytes (WHATWG HTML §9.2): between two events only
// (docs/behaviour.md N2). Keeps four flags of the stream and no byte.
import { byteAt, type Bytes, ownBytes } from "../http1/wire/borrowed.ts";

const LF = 0x0a, CR = 0x0d, COLON = 0x3a;

/** A comment: no event for any client, proof of life for everything in between. Legal wherever an event boundary is. */
export const KEEP_ALIVE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(": keep-alive\n\n");

/** Follows a stream passed through as bytes and tells whether it stands between two events. */
export class SseBoundary {
  #lineEmpty = true;
  #inComment = false;
  #inEvent = false;
  #afterCr = false;

  /** Whether a comment may be put here without touching an event. True at the start of a stream. */
  get atBoundary(): boolean {
    return this.#lineEmpty && !this.#inEvent;
  }

  /** Takes the next bytes of the stream. */
  update(bytes: Bytes): void {
    const length = bytes.length;
    // Nearly every write of a server ends with a whole event: two bytes tell, whatever stood before.
    if (length >= 2 && byteAt(bytes, length - 1) === LF && byteAt(bytes, length - 2) === LF) return this.#reset(false);
    for (const byte of ownBytes(bytes)) this.#step(byte);
  }

  #reset(afterCr: boolean): void {
    this.#lineEmpty = true;
    this.#inComment = false;
    this.#inEvent = false;
    this.#afterCr = afterCr;
  }

  #step(byte: number): void {
    if (byte === LF && this.#afterCr) {
      this.#afterCr = false;
      return;
    }
    if (byte === LF || byte === CR) {
      if (this.#lineEmpty) return this.#reset(byte === CR);
      this.#lineEmpty = true;
      this.#inComment = false;
      this.#afterCr = byte === CR;
      return;
    }
    this.#afterCr = false;
    if (this.#lineEmpty) this.#inComment = byte === COLON;
    this.#lineEmpty = false;
    if (!this.#inComment) this.#inEvent = true;
  }
}
