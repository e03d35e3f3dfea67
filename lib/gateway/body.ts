// The request's body, whole: a request may have to be sent again (L4), so it is read before it is forwarded.
// All bodies in memory together are bounded, so that many large ones cannot exhaust it (M3).
import { SignetError } from "../errors.ts";
import { CHUNKED } from "../http1/types.ts";
import type { Inbound } from "./inbound.ts";
import type { GatewayParts } from "./parts.ts";

/** Up to here a body sits in its connection's own buffer and costs nothing extra. */
const SMALL_BYTES = 64 * 1024;

const NOTHING = { bytes: new Uint8Array(0), release() {} };

/** A body in memory. `release` gives its share of the bound back, once; the bytes may go on being used. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** @throws SignetError `request_limit`; HttpError as the engine's `readAll` */
export async function readBody(parts: GatewayParts, inbound: Inbound): Promise<HeldBody> {
  const { body } = inbound.exchange;
  const buffered = body.takeBuffered();
  if (buffered !== undefined) return buffered.length === 0 ? NOTHING : { bytes: buffered, release() {} };
  const { options, metrics } = parts;
  const share = body.length === CHUNKED ? options.maxBodyBytes : body.length;
  if (share <= SMALL_BYTES) return { bytes: await body.readAll(options.maxBodyBytes), release() {} };
  if (metrics.bufferedBytes + share > options.maxBufferedBytes) {
    throw new SignetError("request_limit", { retryAfterS: 1, facts: { what: "bytes of bodies in memory" } });
  }
  metrics.bufferedBytes += share;
  let held = true;
  const release = () => {
    if (held) metrics.bufferedBytes -= share;
    held = false;
  };
  try {
    return { bytes: await body.readAll(options.maxBodyBytes), release };
  } catch (error) {
    release();
    throw error;
  }
}

const QUOTE = 0x22, BACKSLASH = 0x5c;

/** The position behind the string that opens at `open`. */
function skipString(bytes: Uint8Array, open: number): number {
  for (let at = bytes.indexOf(QUOTE, open + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
    let slashes = 0;
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return bytes.length;
}

/**
 * Whether a body of a known session can pass as bytes: one JSON object (no batch), nested within the cap (M3),
 * and without the word that only the handshake uses. Whatever is in doubt is not plain and gets parsed.
 */
export function isPlain(bytes: Uint8Array, maxDepth: number): boolean {
  let at = 0;
  while (at < bytes.length && (bytes[at] === 0x20 || (bytes[at]! >= 0x09 && bytes[at]! <= 0x0d))) at++;
  if (bytes[at] !== 0x7b) return false;
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      const end = skipString(bytes, at);
      if (end - at === INITIALIZE.length && startsWith(bytes, at, INITIALIZE)) return false;
      at = end;
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) return false;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    at++;
  }
  return depth === 0;
}

const INITIALIZE = new TextEncoder().encode('"initialize"');

function startsWith(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}
