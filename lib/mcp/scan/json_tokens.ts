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
