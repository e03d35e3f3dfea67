// The grammar of HTTP/1.1 messages as tables and regular expressions over latin1 strings. RFC 9110 §5, §7.2; RFC 9112.
// Every test here is linear in its input: no expression can match one character in two ways.
import { HttpError, type HttpErrorCode } from "../types.ts";

const HT = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
const SP = 0x20;

/** RFC 9110 §5.6.2 `tchar`, by character code: 1 or 0. */
export const TOKEN_CHAR: Uint8Array = new Uint8Array(256);
/** RFC 9110 §5.5 `field-content` and the blanks within it: HTAB, SP, VCHAR, obs-text. No other control, no DEL. */
export const VALUE_CHAR: Uint8Array = new Uint8Array(256);

for (let code = 0; code < 256; code++) {
  const char = String.fromCharCode(code);
  TOKEN_CHAR[code] = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char) ? 1 : 0;
  VALUE_CHAR[code] = /[\t\x20-\x7e\x80-\xff]/.test(char) ? 1 : 0;
}

/**
 * `*( field-line CRLF ) CRLF` of RFC 9112 §5, to be run with `lastIndex` after the start line. It is the whole check of
 * the field section: names are tokens and touch their colon, no line is folded, no CR, LF, NUL or other control stands
 * within a line. Sticky, so callers compare `lastIndex` with the length: nothing may follow.
 */
export const FIELD_SECTION = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LOWER_CASE_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/**
 * Visible ASCII (RFC 3986) without `#` (fragments are not sent, RFC 9112 §3.2), without `"`, `<`, `>`, which no URI
 * holds, and without `\`, which some recipients read as `/`.
 */
const TARGET = /^[!$-;=?-[\]-~]+$/;
const VISIBLE = /^[\x21-\x7e]+$/;
const PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";
const AUTHORITY = new RegExp(`^(?:[0-9A-Za-z._~-]{1,255}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::(?:${PORT}))?$`);

/** Whether `text` is a `token`. The pattern is anchored and `$` without the m flag matches at the very end only. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether `text` is a field name as a FieldList holds it: a `token` without capital letters. */
export function isLowerCaseName(text: string): boolean {
  return LOWER_CASE_NAME.test(text);
}

/** Whether `text` may be sent as a field value; strings that are not latin1 may not. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/** Whether `text` is one or more visible ASCII characters: as a field's value nothing of it is trimmed or ends the line. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text);
}

/** Whether every character may stand in a request target; the target's form is another question. */
export function isTarget(text: string): boolean {
  return TARGET.test(text);
}

/**
 * Whether `text` is `host [ ":" port ]` (RFC 9110 §7.2) with a host that is not empty (§4.2.1) and a port that, if it is
 * announced, is there and at most 65535. Names are held to what DNS, IDNA and service discovery use: no
 * percent-encoding and no sub-delims, so that a list (`a,b`) or user info (`a@b`) is never taken for a host.
 */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/**
 * Reads a Content-Length: digits only, no sign, no blanks, no list, no leading zero (which some read as octal).
 * @returns the length in bytes; -1 if `text` is not of that form; Infinity if it is, but beyond exact arithmetic
 */
export function parseContentLength(text: string): number {
  const length = text.length;
  if (length === 0) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (length > 1 && text.charCodeAt(0) === 0x30) return -1;
  return length > 15 ? Infinity : value;
}

/** `text` from `start` to `end` without SP and HTAB at both ends, and no other white space (`String.trim` takes more). */
export function sliceTrimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SP || code === HT;
}

/** Who sent the message decides what its faults are called: the client's are 4xx and 5xx of its own, an upstream's are 502. */
export type Side = "request" | "response";

/** An {@link HttpError} with `code` for a request; any fault of a response is `upstream_invalid`. */
export function fault(side: Side, code: HttpErrorCode, found: string): HttpError {
  return new HttpError(side === "request" ? code : "upstream_invalid", `reading a ${side}: ${found}`);
}
