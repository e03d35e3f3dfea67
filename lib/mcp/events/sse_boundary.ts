// Where a comment may stand in an event stream that passes through as bytes (WHATWG HTML §9.2): between two events only
// (docs/behaviour.md N2). Keeps four flags of the stream and no byte.
import { byteAt, type Bytes, inspectBytes } from "../../http1/wire/streams/borrowed.ts";

const LF = 0x0a, CR = 0x0d, COLON = 0x3a;

/** A comment: no event for any client, proof of life for everything in between. Legal wherever an event boundary is. */
export const KEEP_ALIVE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(": keep-alive\n\n");

/**
 * Whether what ends at `end` ends with a whole event, as nearly every write of a server does: two bytes tell, or four,
 * whatever stood before.
 */
function endsEvent(bytes: Bytes, end: number): boolean {
  if (end < 2 || byteAt(bytes, end - 1) !== LF) return false;
  if (byteAt(bytes, end - 2) === LF) return true;
  return end >= 4 && byteAt(bytes, end - 2) === CR && byteAt(bytes, end - 3) === LF && byteAt(bytes, end - 4) === CR;
}

function stepAll(bytes: Uint8Array, boundary: SseBoundary): void {
  boundary.step(bytes, 0, bytes.length);
}

/** Past the framing: `size CRLF data CRLF`, as it has been found to be. */
function stepChunks(chunks: Uint8Array, boundary: SseBoundary): void {
  for (let at = 0; at < chunks.length;) {
    let size = 0;
    for (; chunks[at] !== CR; at++) size = size * 16 + hexDigit(chunks[at]!);
    boundary.step(chunks, at + 2, at + 2 + size);
    at += 2 + size + 2;
  }
}

const hexDigit = (byte: number): number => byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;

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
    if (endsEvent(bytes, bytes.length)) this.#reset(false);
    else inspectBytes(bytes, stepAll, this);
  }

  /** Takes whole chunks of the chunked coding, four bytes or more in each: see `BodySink.passChunks`. */
  updateChunks(chunks: Bytes): void {
    if (endsEvent(chunks, chunks.length - 2)) this.#reset(false);
    else inspectBytes(chunks, stepChunks, this);
  }

  /** Takes `bytes` from `from` to `to`, one after the other. */
  step(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at++) this.#step(bytes[at]!);
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
