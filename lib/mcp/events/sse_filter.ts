// The data of events exchanged in a stream that passes through as bytes (WHATWG HTML §9.2). Events of which nothing changes
// pass byte for byte; no more is held than one event, in whatever pieces it comes.
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { markLength } from "../json/byte_order_mark.ts";

const LF = 0x0a, CR = 0x0d, COLON = 0x3a, SPACE = 0x20;

const encoder = new TextEncoder();
const DATA = encoder.encode("data");
const ONE_LINE_END = encoder.encode("\n");
const DATA_LINE = encoder.encode("data: ");

export interface SseFilterOptions {
  /** Whether an event has to be looked at: told of its bytes as they came. */
  readonly concerns: (event: Uint8Array) => boolean;
  /** What the data of such an event becomes, its lines joined by a line feed; undefined: the same. */
  readonly exchange: (data: Uint8Array) => Uint8Array | undefined;
  /** Of one event, in bytes. */
  readonly mostBytes: number;
}

/** An event that is longer than is held. */
export class EventTooLong extends Error {
  override readonly name = "EventTooLong";
}

export class SseFilter {
  readonly #options: SseFilterOptions;
  readonly #held = new GatheredBytes();
  #lineEmpty = true;
  #afterCr = false;

  constructor(options: SseFilterOptions) {
    this.#options = options;
  }

  /** Bytes of an event that has not ended. */
  get held(): number {
    return this.#held.size;
  }

  /** What the bytes become, as far as their events have ended. They may be reused afterwards. @throws EventTooLong */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const out = new GatheredBytes();
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      // The second half of a line's end belongs to it, wherever the event has been cut.
      const isSecondHalf = byte === LF && this.#afterCr;
      this.#afterCr = byte === CR;
      if (isSecondHalf) continue;
      if (byte !== LF && byte !== CR) {
        this.#lineEmpty = false;
        continue;
      }
      if (!this.#lineEmpty) {
        this.#lineEmpty = true;
        continue;
      }
      this.#hold(bytes.subarray(from, at + 1));
      from = at + 1;
      out.add(this.#pass(this.#held.take()));
    }
    this.#hold(bytes.subarray(from));
    return out.take();
  }

  /** What is left when the stream has ended: an event that did not end, of which some readers make one all the same. */
  end(): Uint8Array {
    return this.#pass(this.#held.take());
  }

  #hold(bytes: Uint8Array): void {
    if (this.#held.size + bytes.length > this.#options.mostBytes) throw new EventTooLong();
    this.#held.add(bytes);
  }

  #pass(event: Uint8Array): Uint8Array {
    if (event.length === 0 || !this.#options.concerns(event)) return event;
    const lines = linesOf(event);
    const data = lines.filter(({ isData }) => isData);
    const exchanged = data.length === 0 ? undefined : this.#options.exchange(joined(data.map(({ value }) => value)));
    return exchanged === undefined ? event : written(lines, exchanged);
  }
}

interface Line {
  /** With its end. */
  readonly whole: Uint8Array;
  readonly isData: boolean;
  readonly value: Uint8Array;
}

function linesOf(event: Uint8Array): Line[] {
  const lines: Line[] = [];
  let start = markLength(event);
  while (start < event.length) {
    let end = start;
    while (end < event.length && event[end] !== LF && event[end] !== CR) end++;
    const next = event[end] === CR && event[end + 1] === LF ? end + 2 : end + 1;
    lines.push(lineOf(event.subarray(start, next), end - start));
    start = next;
  }
  return lines;
}

function lineOf(whole: Uint8Array, length: number): Line {
  const isNamed = length >= DATA.length && DATA.every((byte, at) => whole[at] === byte);
  if (!isNamed || (length > DATA.length && whole[DATA.length] !== COLON)) {
    return { whole, isData: false, value: whole.subarray(0, 0) };
  }
  const from = Math.min(length, DATA.length + 1);
  return {
    whole,
    isData: true,
    value: whole.subarray(whole[from] === SPACE && from < length ? from + 1 : from, length),
  };
}

function joined(values: readonly Uint8Array[]): Uint8Array {
  const out = new GatheredBytes();
  values.forEach((value, at) => {
    if (at > 0) out.add(ONE_LINE_END);
    out.add(value);
  });
  return out.take();
}

/** The event with other data, which stand where the first line of them stood. */
function written(lines: readonly Line[], data: Uint8Array): Uint8Array {
  const out = new GatheredBytes();
  let isWritten = false;
  for (const { isData, whole } of lines) {
    if (!isData) out.add(whole);
    else if (!isWritten) {
      isWritten = true;
      for (let start = 0; start <= data.length;) {
        const end = data.indexOf(LF, start);
        out.add(DATA_LINE);
        out.add(data.subarray(start, end === -1 ? data.length : end));
        out.add(ONE_LINE_END);
        if (end === -1) break;
        start = end + 1;
      }
    }
  }
  return out.take();
}
