// JSON texts with the bytes of some spans exchanged for others: no more is copied than has to be, and of what stays nothing is
// read.
import { Buffer } from "node:buffer";
import type { Span } from "./json_text.ts";

const QUOTE = 0x22;

const { copy, utf8Write } = Buffer.prototype as unknown as {
  copy(this: Uint8Array, target: Uint8Array, at: number, start: number, end: number): number;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
};

/** `text` with the bytes of `span` exchanged for `value`, in memory of its own. */
export function replaceSpan(text: Uint8Array, span: Span, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const { start, end } = span;
  const replaced = new Uint8Array(text.length - (end - start) + value.length);
  copyInto(replaced, 0, text, 0, start);
  copyInto(replaced, start, value, 0, value.length);
  copyInto(replaced, start + value.length, text, end, text.length);
  return replaced;
}

/** Up to here a loop costs less than a call of the runtime's. */
const BY_HAND = 48;

function copyInto(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start > BY_HAND) return void copy.call(source, target, at, start, end);
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from]!;
}

/** The same for an id of our own: no text is made of the number. @param value an integer from 0 on */
export function replaceSpanByNumber(text: Uint8Array, span: Span, value: number): Uint8Array<ArrayBuffer> {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  const { start, end } = span;
  const replaced = new Uint8Array(text.length - (end - start) + digits);
  copyInto(replaced, 0, text, 0, start);
  for (let at = start + digits - 1, rest = value; at >= start; at--, rest = Math.floor(rest / 10)) {
    replaced[at] = 0x30 + rest % 10;
  }
  copyInto(replaced, start + digits, text, end, text.length);
  return replaced;
}

/** Bytes to be exchanged for others. */
export interface Change {
  readonly span: Span;
  /** A text is ASCII, and what a JSON string says: it goes between quotes. */
  readonly value: Uint8Array | string;
}

/**
 * `text`, or what of it stands at `within`, with the bytes of several spans exchanged, in memory of its own; they stand in
 * the order of the text, and none within another.
 */
export function spliced(text: Uint8Array, changes: readonly Change[], within?: Span): Uint8Array {
  let read = within?.start ?? 0;
  const end = within?.end ?? text.length;
  let size = end - read;
  for (const { span, value } of changes) {
    size += value.length + (typeof value === "string" ? 2 : 0) - (span.end - span.start);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const { span, value } of changes) {
    copyInto(out, at, text, read, span.start);
    at += span.start - read;
    if (typeof value === "string") {
      out[at++] = QUOTE;
      utf8Write.call(out, value, at, value.length);
      out[at + value.length] = QUOTE;
      at += value.length + 1;
    } else {
      copyInto(out, at, value, 0, value.length);
      at += value.length;
    }
    read = span.end;
  }
  copyInto(out, at, text, read, end);
  return out;
}

/**
 * Makes one line of a JSON text, in place: between its tokens a line break is as good as a blank, and inside its strings
 * there can be none (RFC 8259 §2, §7).
 */
export function flatten<Bytes extends Uint8Array>(text: Bytes): Bytes {
  const first = text.indexOf(0x0a), second = text.indexOf(0x0d);
  if (first === -1 && second === -1) return text;
  const start = first === -1 || second === -1 ? Math.max(first, second) : Math.min(first, second);
  for (let at = start; at < text.length; at++) {
    const byte = text[at];
    if (byte === 0x0a || byte === 0x0d) text[at] = 0x20;
  }
  return text;
}
