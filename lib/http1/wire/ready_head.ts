// A head in bytes but for the length of its body: what is sent again and again is made once, and copied from then on.
import { asciiBytes, encodeLatin1 } from "./latin1.ts";

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
  const bytes = new Uint8Array(text.length + LENGTH.length);
  encodeLatin1(text, bytes);
  bytes.set(asciiBytes(LENGTH), text.length);
  return bytes;
}

/** @param bodyLength ≥ 0 */
export function withLength(bytes: Uint8Array, bodyLength: number): ReadyHead {
  return { bytes, tail: `${bodyLength}\r\n\r\n` };
}

export function headLength(head: Head): number {
  return typeof head === "string" ? head.length : head.bytes.length + head.tail.length;
}

/** Writes it to the beginning of `buffer`, which must have room for it. */
export function placeHead(head: Head, buffer: Uint8Array): void {
  if (typeof head === "string") return encodeLatin1(head, buffer);
  const { bytes, tail } = head;
  buffer.set(bytes);
  for (let i = 0, at = bytes.length; i < tail.length; i++) buffer[at++] = tail.charCodeAt(i);
}
