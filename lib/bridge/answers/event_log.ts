// The events of one session's streams, kept for clients that come back with `Last-Event-ID` (docs/behaviour.md N3;
// MCP 2025-11-25, Transports, "Resumability and Redelivery"). Bounded in number and bytes: the oldest make room.
// An id names its session, stream and place, so that one of another session is refused like an unknown one.

import type { ByteAccount, Charge } from "../../http1/byte_account.ts";

/** One event as it was, or would have been, sent. */
export interface LoggedEvent {
  readonly stream: number;
  readonly sequence: number;
  /** One JSON-RPC message on one line. */
  readonly data: Uint8Array;
  /**
   * Of the answer to a call: what stays of it where there is no room for the whole. Whoever resumes then hears why
   * nothing comes, instead of nothing (B9).
   */
  readonly instead?: (() => Uint8Array) | undefined;
  readonly reduced?: true;
  /** See `EventLogOptions.place`. */
  readonly place?: string | undefined;
}

function reduced({ stream, sequence, instead, place }: LoggedEvent): LoggedEvent | undefined {
  return instead === undefined ? undefined : { stream, sequence, data: instead(), reduced: true, place };
}

/** What an event id names. */
export interface EventPlace {
  readonly stream: number;
  readonly sequence: number;
  /** Where the peers stood: letters and digits, part of the id. */
  readonly place?: string | undefined;
  /** The call whose answer the stream is: its id as its client wrote it, in hexadecimal; part of the event's id. */
  readonly call?: string | undefined;
}

export interface EventLogOptions {
  /** Names the session in its event ids: letters and digits. The same for one session over its restarts. */
  readonly tag: string;
  /** Tells the ids of this run of the session from those of earlier ones. */
  readonly run: string;
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** What is kept is charged to it; where there is little room for all, the oldest make some. */
  readonly account: ByteAccount;
  /** Where the peers stand, in letters and digits: what a later run can go on from. Undefined where they cannot. */
  readonly place?: () => string | undefined;
}

const ID =
  /^([0-9A-Za-z]+)-([0-9A-Za-z]+)-(\d{1,10})-(\d{1,15})(?:-([0-9A-Za-z]{0,4096}))?(?:-((?:[0-9a-f]{2}){1,64}))?$/;

/** A place of an earlier run: its events are gone, but where its peers stood may be known. */
export interface Lost {
  readonly lost: true;
  readonly place: string | undefined;
  readonly call?: string | undefined;
}

export class EventLog {
  readonly #options: EventLogOptions;
  #events: LoggedEvent[] = [];
  #bytes = 0;
  readonly #charge: Charge;
  #sequence = 0;
  #streams = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#charge = options.account.open();
  }

  get size(): number {
    return this.#events.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Numbers a new stream. */
  newStream(): number {
    return ++this.#streams;
  }

  /** The place of the next event of `stream`, whether or not it is going to be logged. */
  next(stream: number): EventPlace {
    const place = this.#options.place?.();
    const sequence = ++this.#sequence;
    return place === undefined ? { stream, sequence } : { stream, sequence, place };
  }

  idOf({ stream, sequence, place, call }: EventPlace): string {
    const id = `${this.#options.tag}-${this.#options.run}-${stream}-${sequence}`;
    if (call !== undefined) return `${id}-${place ?? ""}-${call}`;
    return place === undefined ? id : `${id}-${place}`;
  }

  /**
   * The place that `id` names: `lost` for one of this session's that was given out by an earlier run, undefined for one
   * that this session never gave out.
   */
  placeOf(id: string): EventPlace | Lost | undefined {
    const [, tag, run, stream, sequence, peers, call] = ID.exec(id) ?? [];
    if (tag !== this.#options.tag) return undefined;
    if (run !== this.#options.run) return { lost: true, place: peers || undefined, call };
    const place = { stream: Number(stream), sequence: Number(sequence) };
    return place.stream <= this.#streams && place.sequence <= this.#sequence ? place : undefined;
  }

  add(event: LoggedEvent): void {
    const { maxEvents, maxBytes } = this.#options;
    const fits = event.data.length <= maxBytes ? event : reduced(event);
    if (fits === undefined || fits.data.length > maxBytes) return;
    this.#events.push(fits);
    this.#bytes += fits.data.length;
    if (this.#bytes > maxBytes) this.#reduceOldest(fits);
    let drop = 0;
    while (
      drop < this.#events.length &&
      (this.#events.length - drop > maxEvents || this.#bytes > maxBytes || !this.#charge.resizeIfAmple(this.#bytes))
    ) {
      this.#bytes -= this.#events[drop++]!.data.length;
    }
    if (drop > 0) this.#events.splice(0, drop);
    this.#charge.resize(this.#bytes);
  }

  /** Nobody will come back for them. */
  clear(): void {
    this.#events = [];
    this.#bytes = 0;
    this.#charge.release();
  }

  /** Makes room, oldest first: of an answer what stays in its place, of all else nothing. */
  #reduceOldest(newest: LoggedEvent): void {
    const kept: LoggedEvent[] = [];
    for (const event of this.#events) {
      const stays = this.#bytes <= this.#options.maxBytes || event === newest || event.reduced === true;
      const left = stays ? event : reduced(event);
      if (!stays) this.#bytes += (left?.data.length ?? 0) - event.data.length;
      if (left !== undefined) kept.push(left);
    }
    this.#events = kept;
  }

  /** The events of a stream behind `sequence`, oldest first. */
  after({ stream, sequence }: EventPlace): LoggedEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.sequence > sequence);
  }

  /** The same, taken out: they are going to be sent on another stream, and each message goes to one only (N1). */
  take(place: EventPlace): LoggedEvent[] {
    const taken = this.after(place);
    if (taken.length === 0) return taken;
    const gone = new Set(taken);
    this.#events = this.#events.filter((event) => !gone.has(event));
    for (const event of taken) this.#bytes -= event.data.length;
    this.#charge.resize(this.#bytes);
    return taken;
  }
}
