// Server-sent events (WHATWG HTML §9.2) out of the bytes of a stream.
// Guarantees: any split of the bytes gives the same events; memory is bounded by one event.
import { SignetError } from "../../errors.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { BYTE_ORDER_MARK } from "../json/byte_order_mark.ts";

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

const LF = 0x0a, CR = 0x0d, SPACE = 0x20, COLON = 0x3a;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

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

  /** Bytes that have come of the event under way, comments included: no more is held of it. */
  get pendingBytes(): number {
    return this.#eventBytes;
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
    while (at < bytes.length && this.#bomSeen < BYTE_ORDER_MARK.length) {
      if (bytes[at] !== BYTE_ORDER_MARK[this.#bomSeen]) {
        if (this.#bomSeen > 0) this.#keep(Uint8Array.from(BYTE_ORDER_MARK.slice(0, this.#bomSeen)));
        this.#bomSeen = BYTE_ORDER_MARK.length;
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
        remedy: "Raise the event size limit, or have the MCP server send smaller messages.",
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
    // Blank lines and comments are told by their bytes: a stream may hold nothing else.
    if (this.#line.size === 0) {
      if (last.length === 0) return this.#dispatch(events);
      if (last[0] === COLON) return;
    }
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
