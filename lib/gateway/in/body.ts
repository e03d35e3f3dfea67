// The request's body, whole: a request may have to be sent again (L4), so it is read before it is forwarded.
// All bodies in memory together are bounded, so that many large ones cannot exhaust it (M3).
import { SignetError } from "../../errors.ts";
import { type Bytes, copyBytes, latin1Of, ownBytes } from "../../http1/wire/borrowed.ts";
import { CHUNKED } from "../../http1/types.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/** Up to here a body sits in its connection's own buffer and costs nothing extra. */
const SMALL_BYTES = 64 * 1024;

/** What a body that comes in pieces begins with. */
const LEAST_BYTES = 4096;

const NOTHING = { bytes: new Uint8Array(0), release() {} };

/** A body in memory of its own. `release` gives its share of the bound back, once; the bytes may go on being used. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** @throws SignetError `request_limit`; HttpError as the engine's body */
export async function readBody(parts: GatewayParts, inbound: Inbound): Promise<HeldBody> {
  const { body } = inbound.exchange;
  const buffered = body.takeBuffered();
  if (buffered !== undefined) return buffered.length === 0 ? NOTHING : { bytes: ownBytes(buffered), release() {} };
  if (body.length !== CHUNKED && body.length <= SMALL_BYTES) {
    return { bytes: await body.readAll(SMALL_BYTES), release() {} };
  }
  const room = new Room(parts);
  try {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) room.add(piece, body.length);
    return { bytes: room.bytes, release: () => room.release() };
  } catch (error) {
    room.release();
    throw error;
  }
}

/**
 * Memory for one body, out of what all may have together. It grows with what has come: an announcement takes nothing, or
 * a few that are never kept would leave no room for anybody.
 */
class Room {
  readonly #parts: GatewayParts;
  #buffer = new Uint8Array(0);
  #size = 0;
  /** Of the bound; 0 once it was given back. */
  #share = 0;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** @throws SignetError `request_limit` */
  add(piece: Bytes, announced: number): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length) {
      const wanted = Math.max(size, LEAST_BYTES, this.#buffer.length * 2);
      this.#grow(announced >= size ? Math.min(wanted, announced) : wanted);
    }
    copyBytes(piece, this.#buffer, this.#size);
    this.#size = size;
  }

  release(): void {
    this.#parts.metrics.bufferedBytes -= this.#share;
    this.#share = 0;
  }

  #grow(length: number): void {
    const { options, metrics } = this.#parts;
    const more = length - this.#share;
    if (metrics.bufferedBytes + more > options.maxBufferedBytes) {
      throw new SignetError("request_limit", { retryAfterS: 1, facts: { what: "bytes of bodies in memory" } });
    }
    metrics.bufferedBytes += more;
    this.#share = length;
    const bigger = new Uint8Array(length);
    bigger.set(this.bytes);
    this.#buffer = bigger;
  }
}

const QUOTE = 0x22, BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;

/** The position behind the JSON string that opens at `open`; the end of the text if it does not close. */
function skipString(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return text.length;
}

/**
 * Whether a body of a known session can pass as bytes: one JSON object (no batch, nothing behind it), nested within the
 * cap (M3), and without the word that only the handshake uses, in whatever spelling. Whatever is in doubt is not plain
 * and gets parsed.
 * Reads the bytes as latin1: all that matters here is ASCII, and a native search skips long strings.
 */
export function isPlain(bytes: Bytes, maxDepth: number): boolean {
  const text = latin1Of(bytes);
  let at = 0;
  while (isBlank(text.charCodeAt(at))) at++;
  if (text.charCodeAt(at) !== OPEN_OBJECT) return false;
  let depth = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = skipString(text, at);
      if (end - at === INITIALIZE.length && text.startsWith(INITIALIZE, at)) return false;
      // The method is hardly ever spelt with escapes, but could be to hide it; it is longer then.
      if (depth === 1 && end - at >= LEAST_ESCAPED && text.slice(at, end).includes("\\u")) return false;
      at = end;
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (++depth > maxDepth) return false;
    } else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return isBlankFrom(text, at + 1);
    at++;
  }
  return false;
}

function isBlankFrom(text: string, start: number): boolean {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at++;
  return at === text.length;
}

const INITIALIZE = '"initialize"';
/** Length with one letter as `\\uXXXX`. */
const LEAST_ESCAPED = INITIALIZE.length + 5;

/** White space of JSON (RFC 8259 §2). */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
