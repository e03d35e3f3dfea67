// One stream of server-sent events: of a POST until it is answered, or of a GET that listens. It outlives its client:
// what is sent while nobody reads is kept in the session's log, for the client that resumes it (N3).
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import type { EventLog, EventPlace } from "./event_log.ts";
import type { Outbox } from "./outbox.ts";

const encoder = new TextEncoder();
const START_OF_EVENT = encoder.encode("event: message\ndata: ");
const END_OF_EVENT = encoder.encode("\n\n");

/** The event's bytes: `event` is never anything but `message`, since clients drop all others (docs/protocol.md 1). */
function format(id: string, data: Uint8Array): Uint8Array {
  return joinBytes([encoder.encode(`event: message\nid: ${id}\ndata: `), data, END_OF_EVENT]);
}

/** Where the messages of one answer go. */
export interface MessageStream {
  readonly attached: boolean;
  attach(outbox: Outbox): void;
  detach(outbox: Outbox): void;
  prime(): void;
  /** @param instead what is kept for a client that is away, if `data` is longer than what is kept */
  send(data: Uint8Array, instead?: () => Uint8Array): Promise<void> | undefined;
  end(): void;
}

/** A stream that nobody can resume: its events have no ids, and end with their client (MCP 2026-07-28). */
export class PassingStream implements MessageStream {
  #outbox: Outbox | undefined;

  get attached(): boolean {
    return this.#outbox !== undefined && this.#outbox.open;
  }

  attach(outbox: Outbox): void {
    this.#outbox = outbox;
  }

  detach(outbox: Outbox): void {
    if (this.#outbox === outbox) this.#outbox = undefined;
  }

  prime(): void {}

  send(data: Uint8Array): Promise<void> | undefined {
    this.#outbox?.push(joinBytes([START_OF_EVENT, data, END_OF_EVENT]));
    return this.#outbox?.whenDrained();
  }

  end(): void {
    this.#outbox?.end();
  }
}

export class EventStream implements MessageStream {
  readonly number: number;
  readonly #log: EventLog;
  readonly #call: string | undefined;
  #outbox: Outbox | undefined;
  #ended = false;
  /** Of the last event that went to a client, whether or not it arrived. */
  #sentUpTo: number;

  /** @param call see `EventPlace` */
  constructor(log: EventLog, number = log.newStream(), call?: string) {
    this.#log = log;
    this.#call = call;
    this.number = number;
    this.#sentUpTo = log.next(number).sequence;
  }

  /** What is left in the log of a stream that has ended. */
  static ended(log: EventLog, number: number): EventStream {
    const stream = new EventStream(log, number);
    stream.end();
    return stream;
  }

  /** Whether a client reads it. */
  get attached(): boolean {
    return this.#outbox !== undefined && this.#outbox.open;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Gives the stream to a client. One that had it is let go: it will not come back for this connection.
   * @param after events behind this place are sent again
   */
  attach(outbox: Outbox, after?: EventPlace): void {
    this.#outbox?.end();
    this.#outbox = outbox;
    for (const event of after === undefined ? [] : this.#log.after(after)) this.#push(event);
    if (this.#ended) outbox.end();
  }

  /** Takes the stream from `outbox`; nothing if another has it by now (N1). */
  detach(outbox: Outbox): void {
    if (this.#outbox === outbox) this.#outbox = undefined;
  }

  /** An event with an id and empty data: from now on the client can resume (revision 2025-11-25 and later only). */
  prime(): void {
    if (!this.attached) return;
    const place = this.#log.next(this.number);
    this.#outbox!.push(encoder.encode(`id: ${this.#idOf(place)}\ndata:\n\n`));
  }

  /**
   * Sends one message.
   * @param instead what is kept for a client that is away, if `data` is longer than what is kept
   * @returns a promise where the sender should wait before it sends more
   */
  send(data: Uint8Array, instead?: () => Uint8Array): Promise<void> | undefined {
    // A view would keep all that was read with it in memory for as long as the log keeps the event.
    const own = data.byteLength === data.buffer.byteLength ? data : data.slice();
    const event = { ...this.#log.next(this.number), data: own, instead };
    this.#log.add(event);
    if (!this.attached) return undefined;
    this.#push(event);
    return this.#outbox!.whenDrained();
  }

  /** Messages that no client was sent, taken away to be sent on another stream. */
  takeUnsent(): Uint8Array[] {
    if (this.attached) return [];
    return this.#log.take({ stream: this.number, sequence: this.#sentUpTo }).map((event) => event.data);
  }

  end(): void {
    this.#ended = true;
    this.#outbox?.end();
  }

  #push(event: EventPlace & { readonly data: Uint8Array }): void {
    this.#sentUpTo = event.sequence;
    this.#outbox!.push(format(this.#idOf(event), event.data));
  }

  #idOf(place: EventPlace): string {
    return this.#log.idOf(this.#call === undefined ? place : { ...place, call: this.#call });
  }
}
