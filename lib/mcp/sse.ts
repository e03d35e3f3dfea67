// Server-sent events (WHATWG HTML §9.2): bytes to events, events to bytes, and where a byte stream may be cut into.
// Guarantees: any split of the bytes gives the same events; memory is bounded by one event.
import { SignetError } from "../errors.ts";
import { GatheredBytes } from "./gathered_bytes.ts";

/**
 * One block of fields, as read. An EventSource dispatches it only if `data` is not empty; MCP's priming events
 * (2025-11-25) have an id and empty data, so blocks without data are shown here too.
 */
export interface SseEvent {
  /** Of the `event` field; "message" if the stream names none. */
  readonly event: string;
  /** The `data` lines joined by a line feed; undefined if there was none. */
  readonly data: string | undefined;
  /** Of the `id` field of this very block. */
  readonly id: string | undefined;
  /** Reconnection time, in ms. */
  readonly retry: number | undefined;
}

const LF = 0x0a, CR = 0x0d, COLON = 0x3a, SPACE = 0x20;
const BOM = [0xef, 0xbb, 0xbf];

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

interface Fields {
  event: string;
  data: string[] | undefined;
  id: string | undefined;
  retry: number | undefined;
}

function noFields(): Fields {
  return { event: "", data: undefined, id: undefined, retry: undefined };
}

/** Field semantics of WHATWG HTML §9.2.6. */
function applyField(fields: Fields, name: string, value: string): void {
  if (name === "event") fields.event = value;
  else if (name === "data") (fields.data ??= []).push(value);
  else if (name === "id" && !value.includes("\0")) fields.id = value;
  else if (name === "retry" && /^\d+$/.test(value)) fields.retry = Number(value);
}

/** Reads a stream in pieces of any size. */
export class SseParser {
  readonly #maxEventBytes: number;
  /** What has come of the line under way. */
  readonly #line = new GatheredBytes();
  #fields = noFields();
  /** Bytes since the last dispatch, comments included. */
  #eventBytes = 0;
  #afterCr = false;
  #bomSeen = 0;

  constructor(options: { readonly maxEventBytes: number }) {
    this.#maxEventBytes = options.maxEventBytes;
  }

  /**
   * The events that `bytes` complete. The bytes may be reused afterwards.
   * @throws SignetError `upstream_invalid` when an event grows beyond `maxEventBytes`
   */
  push(bytes: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    let start = this.#skipBom(bytes);
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) {
        this.#afterCr = false;
        continue;
      }
      const isSecondHalf = byte === LF && this.#afterCr;
      this.#afterCr = byte === CR;
      if (!isSecondHalf) this.#endLine(bytes.subarray(start, at), events);
      start = at + 1;
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
    return events;
  }

  /** A byte order mark counts only at the very start, in whatever pieces it comes. */
  #skipBom(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#bomSeen < BOM.length) {
      if (bytes[at] !== BOM[this.#bomSeen]) {
        if (this.#bomSeen > 0) this.#keep(Uint8Array.from(BOM.slice(0, this.#bomSeen)));
        this.#bomSeen = BOM.length;
        return at;
      }
      at++;
      this.#bomSeen++;
    }
    return at;
  }

  #count(length: number): void {
    this.#eventBytes += length;
    if (this.#eventBytes > this.#maxEventBytes) {
      throw new SignetError("upstream_invalid", {
        remedy: "raise the event size limit, or have the MCP server send smaller messages",
        facts: { maxEventBytes: this.#maxEventBytes },
      });
    }
  }

  #keep(part: Uint8Array): void {
    this.#count(part.length);
    this.#line.add(part);
  }

  #endLine(last: Uint8Array, events: SseEvent[]): void {
    this.#count(last.length + 1);
    const line = this.#takeLine(last);
    if (line === "") return this.#dispatch(events);
    const colon = line.indexOf(":");
    if (colon === 0) return;
    if (colon < 0) return applyField(this.#fields, line, "");
    const value = line.charCodeAt(colon + 1) === SPACE ? line.slice(colon + 2) : line.slice(colon + 1);
    applyField(this.#fields, line.slice(0, colon), value);
  }

  #takeLine(last: Uint8Array): string {
    if (this.#line.size === 0) return decoder.decode(last);
    this.#line.add(last);
    return decoder.decode(this.#line.take());
  }

  #dispatch(events: SseEvent[]): void {
    const { event, data, id, retry } = this.#fields;
    this.#eventBytes = 0;
    if (event === "" && data === undefined && id === undefined && retry === undefined) return;
    this.#fields = noFields();
    events.push({ event: event === "" ? "message" : event, data: data?.join("\n"), id, retry });
  }
}

/** What {@link formatEvent} writes; absent fields are left out. */
export interface SseFields {
  readonly event?: string;
  readonly id?: string;
  /** In ms, an integer ≥ 0. */
  readonly retry?: number;
  readonly data: string;
}

/** A value on one line cannot hold a line break, and an id no NUL: it would end, or lose, the field. */
function assertOneLine(name: string, value: string): void {
  // deno-lint-ignore no-control-regex
  if (/[\r\n\u0000]/.test(value)) throw new RangeError(`writing an SSE ${name}: found a line break or NUL, want none`);
}

/** One event with its closing blank line. @throws RangeError if `event` or `id` holds a line break or NUL */
export function formatEvent(fields: SseFields): Uint8Array<ArrayBuffer> {
  let text = "";
  if (fields.event !== undefined) {
    assertOneLine("event name", fields.event);
    text += `event: ${fields.event}\n`;
  }
  if (fields.id !== undefined) {
    assertOneLine("id", fields.id);
    text += `id: ${fields.id}\n`;
  }
  if (fields.retry !== undefined) text += `retry: ${fields.retry}\n`;
  for (const line of fields.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return encoder.encode(text + "\n");
}

/** A comment: no event for any client, proof of life for everything in between. Legal wherever an event boundary is. */
export const KEEP_ALIVE: Uint8Array<ArrayBuffer> = encoder.encode(": keep-alive\n\n");

/** Follows a stream passed through as bytes and tells whether it stands between two events. */
export class SseBoundary {
  #lineEmpty = true;
  #inComment = false;
  #inEvent = false;
  #afterCr = false;

  /** Whether a comment may be put here without touching an event. True at the start of a stream. */
  get atBoundary(): boolean {
    return this.#lineEmpty && !this.#inEvent;
  }

  /** Takes the next bytes of the stream. */
  update(bytes: Uint8Array): void {
    const length = bytes.length;
    // Nearly every write of a server ends with a whole event: two bytes tell, whatever stood before.
    if (length >= 2 && bytes[length - 1] === LF && bytes[length - 2] === LF) return this.#reset(false);
    for (let at = 0; at < length; at++) this.#step(bytes[at]!);
  }

  #reset(afterCr: boolean): void {
    this.#lineEmpty = true;
    this.#inComment = false;
    this.#inEvent = false;
    this.#afterCr = afterCr;
  }

  #step(byte: number): void {
    if (byte === LF && this.#afterCr) {
      this.#afterCr = false;
      return;
    }
    if (byte === LF || byte === CR) {
      if (this.#lineEmpty) return this.#reset(byte === CR);
      this.#lineEmpty = true;
      this.#inComment = false;
      this.#afterCr = byte === CR;
      return;
    }
    this.#afterCr = false;
    if (this.#lineEmpty) this.#inComment = byte === COLON;
    this.#lineEmpty = false;
    if (!this.#inComment) this.#inEvent = true;
  }
}
