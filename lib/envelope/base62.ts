// Base62 over fixed blocks: 8 bytes are 11 characters, a shorter tail has a fixed count too (tests/vectors/FORMAT.md §1).
// Linear in the length, unlike base62 over the whole text, and canonical: every byte string has exactly one text and
// every text at most one byte string (BEHAVIOUR.md E1, E7).
import { Buffer } from "node:buffer";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BLOCK_BYTES = 8;
const BLOCK_CHARS = 11;
/** Characters of a tail of 0…7 bytes: the least c with 62^c ≥ 256^bytes. */
const TAIL_CHARS = [0, 2, 3, 5, 6, 7, 9, 10] as const;
/** Bytes of a tail of 0…10 characters; −1 where no tail has that many. */
const TAIL_BYTES = [0, -1, 1, 2, -1, 3, 4, 5, -1, 6, 7] as const;

/** 62^5: five digits fit a 30-bit integer, so a block is one digit and two runs of five. */
const RUN = 62 ** 5;
const TWO_16 = 2 ** 16;
const TWO_32 = 2 ** 32;

const CODES = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const PAIR = 62 ** 2;
/** The two characters of every value below 62², one pair after the other. */
const PAIR_CODES = Uint8Array.from({ length: 2 * PAIR }, (_, i) => {
  const value = i >> 1;
  return CODES[(i & 1) === 0 ? Math.floor(value / 62) : value % 62]!;
});
/** Not a digit. Has bits above those of 61, so that one OR over a block tells whether all were digits. */
const NO_DIGIT = 0x80;
const DIGITS = new Uint8Array(128).fill(NO_DIGIT);
CODES.forEach((code, digit) => DIGITS[code] = digit);

/** Scratch for the block a tail is padded to. Nothing here awaits, so one is enough. */
const tail = new Uint8Array(BLOCK_BYTES);
const digits = new Uint8Array(BLOCK_CHARS);

/** How many characters `encodeBase62` makes of `byteLength` bytes. */
export function base62Length(byteLength: number): number {
  return Math.floor(byteLength / BLOCK_BYTES) * BLOCK_CHARS + TAIL_CHARS[byteLength % BLOCK_BYTES]!;
}

/** The one text of `bytes`. */
export function encodeBase62(bytes: Uint8Array): string {
  const chars = Buffer.allocUnsafe(base62Length(bytes.length));
  const tailBytes = bytes.length % BLOCK_BYTES;
  const end = bytes.length - tailBytes;
  let to = 0;
  for (let at = 0; at < end; at += BLOCK_BYTES, to += BLOCK_CHARS) encodeBlock(bytes, at, chars, to);
  if (tailBytes > 0) {
    // A tail is a block with leading zeros, of whose digits only the significant ones are written.
    tail.fill(0);
    tail.set(bytes.subarray(end), BLOCK_BYTES - tailBytes);
    encodeBlock(tail, 0, digits, 0);
    chars.set(digits.subarray(BLOCK_CHARS - TAIL_CHARS[tailBytes]!), to);
  }
  return chars.toString("latin1");
}

/** The bytes whose text is `text`; undefined if there are none: wrong length, foreign character, over-range block. */
export function decodeBase62(text: string): Uint8Array | undefined {
  const tailChars = text.length % BLOCK_CHARS;
  const tailBytes = TAIL_BYTES[tailChars]!;
  if (tailBytes < 0) return undefined;
  const end = text.length - tailChars;
  const bytes = Buffer.allocUnsafe(end / BLOCK_CHARS * BLOCK_BYTES + tailBytes);
  let to = 0;
  for (let at = 0; at < end; at += BLOCK_CHARS, to += BLOCK_BYTES) {
    if (!decodeBlock(text, at, bytes, to)) return undefined;
  }
  if (tailBytes > 0) {
    if (!decodeBlock(text.slice(end).padStart(BLOCK_CHARS, "0"), 0, tail, 0)) return undefined;
    const zeros = BLOCK_BYTES - tailBytes;
    for (let i = 0; i < zeros; i++) if (tail[i] !== 0) return undefined;
    bytes.set(tail.subarray(zeros), to);
  }
  return bytes;
}

/**
 * Long division of the 64-bit block by 62^5 in doubles: every dividend stays below 2^46, where `Math.floor(a / b)` is
 * exact, so no BigInt is needed.
 */
function encodeBlock(bytes: Uint8Array, at: number, chars: Uint8Array, to: number): void {
  const high = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  const q1 = Math.floor(high / RUN);
  const d2 = (high - q1 * RUN) * TWO_16 + ((bytes[at + 4]! << 8) | bytes[at + 5]!);
  const q2 = Math.floor(d2 / RUN);
  const d3 = (d2 - q2 * RUN) * TWO_16 + ((bytes[at + 6]! << 8) | bytes[at + 7]!);
  const q3 = Math.floor(d3 / RUN);
  const quotient = q1 * TWO_32 + q2 * TWO_16 + q3;
  const first = Math.floor(quotient / RUN);
  chars[to] = CODES[first]!;
  encodeRun(quotient - first * RUN, chars, to + 1);
  encodeRun(d3 - q3 * RUN, chars, to + 6);
}

/** Five digits of an integer below 62^5, two at a time: the first one is the rest of two divisions by 62². */
function encodeRun(value: number, chars: Uint8Array, to: number): void {
  const upper = (value / PAIR) | 0;
  const first = (upper / PAIR) | 0;
  const middle = (upper - first * PAIR) << 1;
  const last = (value - upper * PAIR) << 1;
  chars[to] = CODES[first]!;
  chars[to + 1] = PAIR_CODES[middle]!;
  chars[to + 2] = PAIR_CODES[middle + 1]!;
  chars[to + 3] = PAIR_CODES[last]!;
  chars[to + 4] = PAIR_CODES[last + 1]!;
}

function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? DIGITS[code]! : NO_DIGIT;
}

/** One block; false if a character is no digit or the value passes 2^64 − 1 (it would be a second text for the bytes). */
function decodeBlock(text: string, at: number, bytes: Uint8Array, to: number): boolean {
  const c0 = digitAt(text, at);
  const c1 = digitAt(text, at + 1);
  const c2 = digitAt(text, at + 2);
  const c3 = digitAt(text, at + 3);
  const c4 = digitAt(text, at + 4);
  const c5 = digitAt(text, at + 5);
  const c6 = digitAt(text, at + 6);
  const c7 = digitAt(text, at + 7);
  const c8 = digitAt(text, at + 8);
  const c9 = digitAt(text, at + 9);
  const c10 = digitAt(text, at + 10);
  if (((c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7 | c8 | c9 | c10) & NO_DIGIT) !== 0) return false;
  const runA = (((c1 * 62 + c2) * 62 + c3) * 62 + c4) * 62 + c5;
  const runB = (((c6 * 62 + c7) * 62 + c8) * 62 + c9) * 62 + c10;
  // value = upper · 62^5 + runB, taken 16 bits at a time so that nothing passes 2^53.
  const upper = c0 * RUN + runA;
  const upperHigh = Math.floor(upper / TWO_16);
  const low = (upper - upperHigh * TWO_16) * RUN + runB;
  const lowHigh = Math.floor(low / TWO_16);
  const rest = upperHigh * RUN + lowHigh;
  const high = Math.floor(rest / TWO_16);
  if (high >= TWO_32) return false;
  const word = high | 0;
  const middle = rest - high * TWO_16;
  const last = low - lowHigh * TWO_16;
  bytes[to] = word >>> 24;
  bytes[to + 1] = word >>> 16;
  bytes[to + 2] = word >>> 8;
  bytes[to + 3] = word;
  bytes[to + 4] = middle >>> 8;
  bytes[to + 5] = middle;
  bytes[to + 6] = last >>> 8;
  bytes[to + 7] = last;
  return true;
}
