// Base62 over fixed blocks: 8 bytes are 11 characters, a shorter tail has a fixed count too (tests/vectors/FORMAT.md
// §1). Linear in the length, unlike base62 over the whole text, and canonical: every byte string has exactly one text
// and every text at most one byte string (docs/behaviour.md E1, E7).
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
/** The two characters of every value below 62², filled a row at a time: every start does it. */
const FIRST_CODES = new Uint8Array(PAIR), SECOND_CODES = new Uint8Array(PAIR);
for (let row = 0; row < PAIR; row += 62) {
  FIRST_CODES.fill(CODES[row / 62]!, row, row + 62);
  SECOND_CODES.set(CODES, row);
}
/** Not a digit. Has bits above those of 61, so that one OR over a block tells whether all were digits. */
const NO_DIGIT = 0x80;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
CODES.forEach((code, digit) => DIGITS[code] = digit);

// Scratch: the block a tail is padded to, and the text as bytes. Nothing here awaits, so one of each is enough.
const tail = new Uint8Array(BLOCK_BYTES);
const digits = new Uint8Array(BLOCK_CHARS);
let chars = new Uint8Array(4096);
const UTF8 = new TextEncoder();

/** How many characters `encodeBase62` makes of `byteLength` bytes. */
export function base62Length(byteLength: number): number {
  return Math.floor(byteLength / BLOCK_BYTES) * BLOCK_CHARS + TAIL_CHARS[byteLength % BLOCK_BYTES]!;
}

/** The one text of `bytes`. */
export function encodeBase62(bytes: Uint8Array): string {
  const text = Buffer.allocUnsafe(base62Length(bytes.length));
  const tailBytes = bytes.length % BLOCK_BYTES;
  const end = bytes.length - tailBytes;
  let to = 0;
  for (let at = 0; at < end; at += BLOCK_BYTES, to += BLOCK_CHARS) encodeBlock(bytes, at, text, to);
  if (tailBytes > 0) {
    // A tail is a block with leading zeros, of whose digits only the significant ones are written.
    tail.fill(0);
    tail.set(bytes.subarray(end), BLOCK_BYTES - tailBytes);
    encodeBlock(tail, 0, digits, 0);
    text.set(digits.subarray(BLOCK_CHARS - TAIL_CHARS[tailBytes]!), to);
  }
  return text.toString("latin1");
}

/**
 * The bytes whose text is `text`, into the first of `bytes`, which must have room for every block of the text, a tail's
 * included. Takes no memory.
 * @returns how many bytes there are; −1 if none (wrong length, foreign character, over-range block), and what is written
 *   then means nothing
 */
export function decodeBase62Into(text: string, bytes: Uint8Array): number {
  const tailChars = text.length % BLOCK_CHARS;
  const tailBytes = TAIL_BYTES[tailChars]!;
  if (tailBytes < 0) return -1;
  if (text.length > chars.length) chars = new Uint8Array(text.length);
  // Characters outside ASCII become bytes outside the table, or more bytes than there is room for.
  if (UTF8.encodeInto(text, chars).written !== text.length) return -1;
  const end = text.length - tailChars;
  let to = 0;
  for (let at = 0; at < end; at += BLOCK_CHARS, to += BLOCK_BYTES) {
    if (!decodeBlock(chars, at, bytes, to)) return -1;
  }
  if (tailBytes === 0) return to;
  // A tail is the end of a block whose other digits and bytes are zeros.
  const missing = BLOCK_CHARS - tailChars;
  for (let i = 0; i < BLOCK_CHARS; i++) digits[i] = i < missing ? CODES[0]! : chars[end + i - missing]!;
  if (!decodeBlock(digits, 0, tail, 0)) return -1;
  const zeros = BLOCK_BYTES - tailBytes;
  for (let i = 0; i < zeros; i++) if (tail[i] !== 0) return -1;
  for (let i = zeros; i < BLOCK_BYTES; i++) bytes[to++] = tail[i]!;
  return to;
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
  const middle = upper - first * PAIR;
  const last = value - upper * PAIR;
  chars[to] = CODES[first]!;
  chars[to + 1] = FIRST_CODES[middle]!;
  chars[to + 2] = SECOND_CODES[middle]!;
  chars[to + 3] = FIRST_CODES[last]!;
  chars[to + 4] = SECOND_CODES[last]!;
}

/**
 * One block; false if a character is no digit or the value passes 2^64 − 1 (it would be a second text for the bytes).
 * Horner's rule in limbs of 16 bits, two digits a step: no product passes 2^31.
 */
function decodeBlock(chars: Uint8Array, at: number, bytes: Uint8Array, to: number): boolean {
  const d0 = DIGITS[chars[at]!]!;
  const d1 = DIGITS[chars[at + 1]!]!;
  const d2 = DIGITS[chars[at + 2]!]!;
  const d3 = DIGITS[chars[at + 3]!]!;
  const d4 = DIGITS[chars[at + 4]!]!;
  const d5 = DIGITS[chars[at + 5]!]!;
  const d6 = DIGITS[chars[at + 6]!]!;
  const d7 = DIGITS[chars[at + 7]!]!;
  const d8 = DIGITS[chars[at + 8]!]!;
  const d9 = DIGITS[chars[at + 9]!]!;
  const d10 = DIGITS[chars[at + 10]!]!;
  if (((d0 | d1 | d2 | d3 | d4 | d5 | d6 | d7 | d8 | d9 | d10) & NO_DIGIT) !== 0) return false;
  let sum = (((d0 * 62 + d1) * 62 + d2) * 62 + d3) * 62 + d4;
  let limb0 = sum & 0xffff;
  let limb1 = sum >>> 16;
  sum = limb0 * PAIR + d5 * 62 + d6;
  limb0 = sum & 0xffff;
  sum = limb1 * PAIR + (sum >>> 16);
  limb1 = sum & 0xffff;
  let limb2 = sum >>> 16;
  sum = limb0 * PAIR + d7 * 62 + d8;
  limb0 = sum & 0xffff;
  sum = limb1 * PAIR + (sum >>> 16);
  limb1 = sum & 0xffff;
  sum = limb2 * PAIR + (sum >>> 16);
  limb2 = sum & 0xffff;
  let limb3 = sum >>> 16;
  sum = limb0 * PAIR + d9 * 62 + d10;
  limb0 = sum & 0xffff;
  sum = limb1 * PAIR + (sum >>> 16);
  limb1 = sum & 0xffff;
  sum = limb2 * PAIR + (sum >>> 16);
  limb2 = sum & 0xffff;
  limb3 = limb3 * PAIR + (sum >>> 16);
  if (limb3 > 0xffff) return false;
  bytes[to] = limb3 >>> 8;
  bytes[to + 1] = limb3;
  bytes[to + 2] = limb2 >>> 8;
  bytes[to + 3] = limb2;
  bytes[to + 4] = limb1 >>> 8;
  bytes[to + 5] = limb1;
  bytes[to + 6] = limb0 >>> 8;
  bytes[to + 7] = limb0;
  return true;
}
