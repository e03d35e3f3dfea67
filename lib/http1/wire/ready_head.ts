// A head in bytes but for what is another in each message: what is sent again and again is made once, and copied from then
// on; the rest is written behind it from the texts it is in, of which none is made for that.
import type { Fields } from "../types.ts";
import { encodeLatin1, keepLatin1 } from "./latin1.ts";

/** A head whose last field is its Content-Length. */
export interface ReadyHead {
  /** Up to the digits of the length; where there are further fields, up to where those go. */
  readonly bytes: Uint8Array;
  /** Further fields, which may be sent as they are (`requireSendable`); ahead of the length. */
  readonly fields: Fields;
  /** The digits and what ends the head; ASCII. */
  readonly tail: string;
}

/** As text, where characters are bytes (latin1), or in bytes already. */
export type Head = string | ReadyHead;

const LENGTH = "content-length: ";

/** @param text a head up to where its framing goes: its last line ends, nothing follows */
export function readyHead(text: string): Uint8Array {
  return keepLatin1(text + LENGTH);
}

/** Of bodies that are shorter, which most are, each tail is made once. */
const TAILS: string[] = new Array(4096);

/** @param bodyLength ≥ 0 */
export function withLength(bytes: Uint8Array, bodyLength: number): ReadyHead {
  return withFieldsAndLength(bytes, NO_FIELDS, bodyLength);
}

const NO_FIELDS: Fields = [];

function tailOf(bodyLength: number): string {
  return `${bodyLength}\r\n\r\n`;
}

/**
 * A head whose last fields are others each time.
 * @param bytes see {@link ReadyHead.bytes}: the last line ends, nothing follows
 * @param bodyLength ≥ 0
 */
export function withFieldsAndLength(bytes: Uint8Array, fields: Fields, bodyLength: number): ReadyHead {
  const tail = bodyLength < TAILS.length ? TAILS[bodyLength] ??= tailOf(bodyLength) : tailOf(bodyLength);
  return { bytes, fields, tail };
}

const AFTER_NAME = ": ", LINE_END = "\r\n";

export function headLength(head: Head): number {
  if (typeof head === "string") return head.length;
  const { bytes, fields, tail } = head;
  let length = bytes.length + tail.length;
  if (fields.length === 0) return length;
  // As much follows a name as a value.
  for (let i = 0; i < fields.length; i++) length += fields[i]!.length + LINE_END.length;
  return length + LENGTH.length;
}

/** Writes it to the beginning of `buffer`, which must have room for it. */
export function placeHead(head: Head, buffer: Uint8Array): void {
  if (typeof head === "string") encodeLatin1(head, buffer);
  else placeReadyHead(head, buffer, 0);
}

/** Writes it to where `start` is in `buffer`. */
export function placeReadyHead({ bytes, fields, tail }: ReadyHead, buffer: Uint8Array, start: number): void {
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
  placeText(tail, buffer, at);
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
