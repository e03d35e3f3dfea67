// A head in bytes but for what is another in each message: what is sent again and again is made once, and copied from then
// on; the rest is written behind it from the texts it is in, of which none is made for that.
import type { Fields, ReadyHead } from "../types.ts";
import { encodeLatin1, keepLatin1 } from "./latin1.ts";

/** As text, whole, where characters are bytes (latin1), or in bytes already, to be written with the length of its body. */
export type Head = string | ReadyHead;

const LENGTH = "content-length: ";
const NO_FIELDS: Fields = [];

/** @param text a head up to where its framing goes: its last line ends, nothing follows */
export function readyHead(text: string): ReadyHead {
  return { bytes: keepLatin1(text + LENGTH), fields: NO_FIELDS };
}

/** The same head with fields more, which may be sent as they are, behind all that it has. */
export function withFields({ bytes, fields }: ReadyHead, more: Fields): ReadyHead {
  if (fields.length > 0) return { bytes, fields: [...fields, ...more] };
  return { bytes: bytes.subarray(0, bytes.length - LENGTH.length), fields: more };
}

/** Of bodies that are shorter, which most are, each tail is made once. */
const TAILS: string[] = new Array(4096);

/** The digits and what ends the head; ASCII. */
function tailOf(bodyLength: number): string {
  return bodyLength < TAILS.length ? TAILS[bodyLength] ??= tailFor(bodyLength) : tailFor(bodyLength);
}

function tailFor(bodyLength: number): string {
  return `${bodyLength}\r\n\r\n`;
}

const AFTER_NAME = ": ", LINE_END = "\r\n";

/** @param bodyLength ≥ 0: what a ready head announces; text has it said already */
export function headLength(head: Head, bodyLength: number): number {
  if (typeof head === "string") return head.length;
  const { bytes, fields } = head;
  let length = bytes.length + tailOf(bodyLength).length;
  if (fields.length === 0) return length;
  // As much follows a name as a value.
  for (let i = 0; i < fields.length; i++) length += fields[i]!.length + LINE_END.length;
  return length + LENGTH.length;
}

/** Writes it to the beginning of `buffer`, which must have room for it. @param bodyLength as of {@link headLength} */
export function placeHead(head: Head, bodyLength: number, buffer: Uint8Array): void {
  if (typeof head === "string") encodeLatin1(head, buffer);
  else placeReadyHead(head, bodyLength, buffer, 0);
}

/** Writes it to where `start` is in `buffer`. @param bodyLength ≥ 0 */
export function placeReadyHead(
  { bytes, fields }: ReadyHead,
  bodyLength: number,
  buffer: Uint8Array,
  start: number,
): void {
  buffer.set(bytes, start);
  let at = start + bytes.length;
  if (fields.length > 0) {
    for (let i = 0; i < fields.length; i += 2) {
      at = placeText(fields[i]!, buffer, at);
      at = placeText(AFTER_NAME, buffer, at);
      at = placeText(fields[i + 1]!, buffer, at);
      at = placeText(LINE_END, buffer, at);
    }
    at = placeText(LENGTH, buffer, at);
  }
  placeText(tailOf(bodyLength), buffer, at);
}

/** Up to so many characters a loop is faster than a call of the runtime's. */
const SHORT = 64;

/** @returns where it ends */
function placeText(text: string, buffer: Uint8Array, start: number): number {
  const end = start + text.length;
  // No further than its end: what is not ASCII takes more room until it is found out.
  if (text.length > SHORT) encodeLatin1(text, buffer.subarray(start, end));
  else for (let i = 0, at = start; at < end; i++, at++) buffer[at] = text.charCodeAt(i);
  return end;
}
