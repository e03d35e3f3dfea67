// The streams on which a client listens for what belongs to no call (GET). Each message goes to exactly one of them:
// the newest that a client reads (docs/behaviour.md N1). While nobody listens, messages wait in the log for who comes
// next.
import type { EventLog, EventPlace } from "../answers/event_log.ts";
import { EventStream } from "../answers/event_stream.ts";
import type { Outbox } from "../answers/outbox.ts";

/** Streams left by their clients that can still be resumed as what they were. */
const MAX_LEFT = 16;
/** Streams that clients read. Real ones have one; of more, the oldest ends (M6). */
const MAX_READ = 16;

export class Listeners {
  readonly #log: EventLog;
  /** Newest last. There is always one, so that what comes before the first client has a place. */
  #streams: EventStream[];

  constructor(log: EventLog) {
    this.#log = log;
    this.#streams = [new EventStream(log)];
  }

  /** Whether a client listens. */
  get attended(): boolean {
    return this.#streams.some((stream) => stream.attached);
  }

  /** Opens a stream for a client; what nobody has been sent yet goes there. */
  open(outbox: Outbox, options: { readonly prime: boolean }): EventStream {
    const unsent = this.#streams.flatMap((stream) => stream.takeUnsent());
    const stream = new EventStream(this.#log);
    stream.attach(outbox);
    if (options.prime) stream.prime();
    for (const message of unsent) stream.send(message);
    this.#streams.push(stream);
    this.#forgetOldest();
    return stream;
  }

  /** The stream that a client resumes; undefined if it is not known as a listening one any more. */
  resume(place: EventPlace, outbox: Outbox): EventStream | undefined {
    const stream = this.#streams.find(({ number }) => number === place.stream);
    if (stream === undefined) return undefined;
    stream.attach(outbox, place);
    // The newest is the one that was opened last, not the one with the highest number.
    this.#streams = [...this.#streams.filter((other) => other !== stream), stream];
    return stream;
  }

  send(message: Uint8Array): Promise<void> | undefined {
    return (this.#streams.findLast((stream) => stream.attached) ?? this.#streams.at(-1)!).send(message);
  }

  end(): void {
    for (const stream of this.#streams) stream.end();
  }

  #forgetOldest(): void {
    const left = this.#streams.filter((stream) => !stream.attached);
    const read = this.#streams.filter((stream) => stream.attached);
    const surplus = read.slice(0, Math.max(0, read.length - MAX_READ));
    for (const stream of surplus) stream.end();
    const forgotten = new Set([...left.slice(0, Math.max(0, left.length - MAX_LEFT)), ...surplus]);
    if (forgotten.size > 0) this.#streams = this.#streams.filter((stream) => !forgotten.has(stream));
  }
}
