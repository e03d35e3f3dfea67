// A head in bytes but for the length of its body: what is sent again and again is made once, and copied from then on.
import { encodeLatin1, keepLatin1 } from "./latin1.ts";

/** A head up to the digits of its Content-Length, which is its last field. */
export interface ReadyHead {
  readonly bytes: Uint8Array;
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
  const tail = bodyLength < TAILS.length ? TAILS[bodyLength] ??= tailOf(bodyLength) : tailOf(bodyLength);
  return { bytes, tail };
}

function tailOf(bodyLength: number): string {
  return `${bodyLength}\r\n\r\n`;
}

/**
 * A head whose last fields are others each time.
 * @param bytes of a head up to where further fields go: its last line ends, nothing follows
 * @param lines what `formatFields` made of them
 */
export function withLinesAndLength(bytes: Uint8Array, lines: string, bodyLength: number): ReadyHead {
  return { bytes, tail: `${lines}${LENGTH}${bodyLength}\r\n\r\n` };
}

/** A tail that is longer is written by the runtime: a loop is faster below. */
const SHORT_TAIL = 24;

export function headLength(head: Head): number {
  return typeof head === "string" ? head.length : head.bytes.length + head.tail.length;
}

/** Writes it to the beginning of `buffer`, which must have room for it. */
export function placeHead(head: Head, buffer: Uint8Array): void {
  if (typeof head === "string") encodeLatin1(head, buffer);
  else placeReadyHead(head, buffer, 0);
}

/** Writes it to where `start` is in `buffer`. */
export function placeReadyHead({ bytes, tail }: ReadyHead, buffer: Uint8Array, start: number): void {
  buffer.set(bytes, start);
  let at = start + bytes.length;
  // No further than its end: what is not ASCII takes more room until it is found out.
  if (tail.length > SHORT_TAIL) return encodeLatin1(tail, buffer.subarray(at, at + tail.length));
  for (let i = 0; i < tail.length; i++) buffer[at++] = tail.charCodeAt(i);
}
