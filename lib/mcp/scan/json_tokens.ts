// The tokens of a JSON text that are more than one byte (RFC 8259 §6, §7), in bytes: where each ends, and what of a string
// needs no second look.

const QUOTE = 0x22, BACKSLASH = 0x5c, MINUS = 0x2d, PLUS = 0x2b, DOT = 0x2e, ZERO = 0x30;

/** Of bytes inside a string: 0 plain ASCII, 1 beyond ASCII, 2 the closing quote, 3 a backslash, 4 forbidden. */
export const IN_STRING = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) IN_STRING[byte] = byte < 0x20 ? 4 : byte >= 0x80 ? 1 : 0;
IN_STRING[QUOTE] = 2;
IN_STRING[BACKSLASH] = 3;

const IS_HEX = new Uint8Array(256);
for (const char of "0123456789abcdefABCDEF") IS_HEX[char.charCodeAt(0)] = 1;
export const IS_ESCAPED = new Uint8Array(256);
for (const char of '"\\/bfnrt') IS_ESCAPED[char.charCodeAt(0)] = 1;

const LITERALS = new Map(["true", "false", "null"].map((text) => [text.charCodeAt(0), new TextEncoder().encode(text)]));

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at;
}

/** The position behind the number that starts at `start`; −1 if none does (RFC 8259 §6). */
export function endOfNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  const whole = at;
  at = skipDigits(bytes, at);
  if (at === whole || (bytes[whole] === ZERO && at > whole + 1)) return -1;
  if (bytes[at] === DOT) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction);
    if (at === fraction) return -1;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    const exponent = sign === MINUS || sign === PLUS ? at + 2 : at + 1;
    at = skipDigits(bytes, exponent);
    if (at === exponent) return -1;
  }
  return at;
}

export function endOfLiteral(bytes: Uint8Array, start: number): number {
  const literal = LITERALS.get(bytes[start]!);
  if (literal === undefined) return -1;
  for (let i = 1; i < literal.length; i++) if (bytes[start + i] !== literal[i]) return -1;
  return start + literal.length;
}

/** Whether four hexadecimal digits stand at `at`. */
export function isHex(bytes: Uint8Array, at: number): boolean {
  if (at + 4 > bytes.length) return false;
  for (let i = at; i < at + 4; i++) if (IS_HEX[bytes[i]!] !== 1) return false;
  return true;
}

/** What a hexadecimal digit stands for; `byte` must be one. */
export function hexDigit(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

/** Where the first whole word of `bytes` lies in their memory. */
function wordBase({ byteOffset }: Uint8Array): number {
  return byteOffset + 3 & ~3;
}

/** The same memory, four bytes at a time. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const base = wordBase(bytes);
  return new Int32Array(bytes.buffer, base, Math.max(0, bytes.byteOffset + bytes.length - base >> 2));
}

/**
 * Sets the highest bit of a byte that is not plain, if all below it are: of one beyond ASCII, which has it; of a control
 * character or a quote, which are what is below 0x21 once the second bit is turned around; of a backslash.
 */
function notPlain(word: number): number {
  return word | ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101);
}

/** The position up to which `from` is followed by plain characters only, as far as eight at a time can tell. */
export function skipPlain(
  bytes: Uint8Array,
  { words, from, stop }: { readonly words: Int32Array; readonly from: number; readonly stop: number },
): number {
  const base = wordBase(bytes) - bytes.byteOffset;
  const first = from + 3 - base >> 2;
  for (let at = from; at < first * 4 + base; at++) if (IN_STRING[bytes[at]!] !== 0) return at;
  const end = stop - base >> 2;
  let index = first;
  // Two words a round; the last ones of an odd number are looked at byte by byte.
  for (; index + 1 < end; index += 2) {
    if (((notPlain(words[index]!) | notPlain(words[index + 1]!)) & 0x80808080) !== 0) break;
  }
  return index * 4 + base;
}
