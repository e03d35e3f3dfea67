// A message body as it arrives: transfer coding removed, bytes handed out where they lie. RFC 9112 §6, §7.
// Pull only: bytes are asked for when somebody waits for them, so a slow consumer slows its sender. Reading ahead would
// gain nothing (the kernel does) and cost the cache: what has just been read is best written on at once.
import { type BodyReader, type BodySink, CHUNKED, HttpError, type PipeListener, UNTIL_CLOSE } from "../../types.ts";
import type { Side } from "../grammar.ts";
import type { Bytes } from "../streams/borrowed.ts";
import { LARGEST_BUFFER, MESSAGE_BUFFER } from "../streams/buffers.ts";
import type { ByteStream } from "../streams/byte_stream.ts";
import { DONE } from "../streams/done.ts";
import { ChunkedDecoder } from "./chunked.ts";
import { gatherBody, tooLarge } from "./gather_body.ts";

/** The connection a body arrives on. */
export interface BodyHost {
  readonly stream: ByteStream;
  /** Somebody waits for bytes that have not arrived. */
  onBodyWanted(): void;
  /** The last byte has been consumed. */
  onBodyDone(): void;
}

/** Of all bodies that come one way: made once. */
export interface BodyBounds {
  readonly side: Side;
  /** Most payload bytes; beyond it every read fails with `body_too_large`. */
  readonly maxBytes: number;
}

/** What follows a piece that was not taken at once. */
interface After {
  readonly next: () => void;
  readonly stop: (error: unknown) => void;
}

/** A body that is passed on: where to, and who hears of the end. */
class Piping {
  readonly sink: BodySink;
  readonly listener: PipeListener;
  /** Made where a sink first takes a piece later: on one runtime it seldom does. */
  after: After | undefined = undefined;

  constructor(sink: BodySink, listener: PipeListener) {
    this.sink = sink;
    this.listener = listener;
  }
}

/** A {@link InboundBody.read} that waits. */
type Reading = Pick<PromiseWithResolvers<Bytes | null>, "resolve" | "reject">;

const UNKNOWN = -1;

/** Each message has one: up to eight fields take 80 bytes on JavaScriptCore, nine 112. */
export class InboundBody implements BodyReader {
  readonly length: number;
  /** Whether somebody waits for bytes. */
  waiting = false;
  readonly #host: BodyHost;
  readonly #bounds: BodyBounds;
  readonly #decoder: ChunkedDecoder | undefined;
  /**
   * Payload bytes to come; {@link UNKNOWN} where nobody knows, 0 once it is done. Never Infinity: what is computed from a
   * field that has once held a double is a double, and so becomes every place in the stream's buffer.
   */
  #left: number;
  /** `DETACHED` if that was nobody's fault. */
  #failure: HttpError | undefined;
  /** Who is at it: most bodies are here whole, and nobody needs to be. */
  #reader: Reading | Piping | undefined;

  /** @param length `bodyLength` of the head */
  constructor(host: BodyHost, length: number, bounds: BodyBounds) {
    this.#host = host;
    this.#bounds = bounds;
    this.length = length;
    this.#decoder = length === CHUNKED ? new ChunkedDecoder(bounds.side) : undefined;
    this.#left = length >= 0 ? length : UNKNOWN;
    if (length === 0) host.stream.memory.expectNothing();
  }

  get done(): boolean {
    return this.#left === 0;
  }

  get failed(): boolean {
    return this.#failure !== undefined && this.#failure !== DETACHED;
  }

  /** Payload bytes that are still to come: exact with a Content-Length, else Infinity until done. */
  get left(): number {
    return this.#left === UNKNOWN ? Infinity : this.#left;
  }

  get #piping(): Piping | undefined {
    return this.#reader instanceof Piping ? this.#reader : undefined;
  }

  /** Whether all of it may have arrived, so that what comes next is another message's. */
  get mayBeWhole(): boolean {
    const { stream } = this.#host;
    return this.#left === UNKNOWN ? stream.endsWithEmptyLine : this.#left <= stream.buffered;
  }

  /** Payload bytes handed out so far. */
  get received(): number {
    return this.#decoder?.total ?? (this.length < 0 ? 0 : this.length - this.#left);
  }

  takeBuffered(): Bytes | undefined {
    const { stream } = this.#host;
    if (this.done) return EMPTY;
    if (this.#failure !== undefined || this.#reader !== undefined) return undefined;
    if (this.#decoder !== undefined) return this.#decoder.isUntouched ? this.#takeChunks() : undefined;
    if (stream.lending && stream.start === stream.end) stream.release();
    if (this.#left === UNKNOWN || stream.buffered < this.#left || this.#left > this.#mostAtOnce()) return undefined;
    if (stream.end - stream.start < this.#left) {
      if (stream.lending || this.#left > MESSAGE_BUFFER) return undefined;
      if (!stream.gather(this.#left)) return undefined;
    }
    return this.#slice(this.#left);
  }

  /** A long request is read in turns and charged to its caller, however much of it a socket hands over at once. */
  #mostAtOnce(): number {
    return this.#bounds.side === "request" ? MESSAGE_BUFFER : LARGEST_BUFFER;
  }

  /** All chunks, if all have arrived, moved together in place. A first pass without a trace tells whether they have. */
  #takeChunks(): Bytes | undefined {
    const { stream } = this.#host;
    if (stream.buffered > MESSAGE_BUFFER) return undefined;
    if (!stream.gather(stream.buffered)) return undefined;
    const { buffer, start, end } = stream;
    const trial = new ChunkedDecoder(this.#bounds.side);
    try {
      for (let position = start; position < end && !trial.done;) position = trial.next(buffer, position, end);
    } catch {
      return undefined; // The one that reads will be told.
    }
    if (!trial.done || trial.total > this.#bounds.maxBytes) return undefined;
    let position = start;
    let written = start;
    const decoder = this.#decoder!;
    while (!decoder.done) {
      position = decoder.next(buffer, position, end);
      buffer.copyWithin(written, decoder.payloadStart, decoder.payloadEnd);
      written += decoder.payloadEnd - decoder.payloadStart;
    }
    stream.start = position;
    const bytes = stream.lend(start, written);
    this.#finish();
    return bytes;
  }

  read(): Promise<Bytes | null> {
    if (this.#reader !== undefined) return Promise.reject(twice());
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { stream } = this.#host;
    if (stream.lending) stream.release();
    if (this.done) return END;
    const bytes = this.#pull();
    if (bytes !== undefined) return Promise.resolve(bytes);
    if (this.done) return END;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.waiting = true;
    const reading = Promise.withResolvers<Bytes | null>();
    this.#reader = reading;
    this.#post();
    this.#host.onBodyWanted();
    return reading.promise;
  }

  #post(): void {
    const { stream } = this.#host;
    if (this.done) return;
    if (this.#left !== UNKNOWN) stream.memory.expect(this.#left);
    stream.post();
  }

  async readAll(maxBytes: number): Promise<Uint8Array> {
    const limit = Math.min(maxBytes, this.#bounds.maxBytes);
    // Of what is announced nothing need be read to know that it is too much.
    if (this.#left !== UNKNOWN && this.#left > limit) throw tooLarge(limit);
    return await gatherBody(this, limit);
  }

  pipe(sink: BodySink, listener: PipeListener): void {
    if (this.#reader !== undefined) return listener.onPipeFailed(twice());
    this.#reader = new Piping(sink, listener);
    this.#flow();
  }

  /** Gives what has arrived to the pipe's sink, and waits for more. */
  #flow(): void {
    const { stream } = this.#host;
    for (let piping = this.#piping; piping !== undefined; piping = this.#piping) {
      const { sink } = piping;
      if (this.#failure !== undefined) return this.#endPipe(this.#failure);
      if (stream.lending) stream.release();
      let taken: Promise<void> | undefined;
      try {
        taken = this.#passChunks(sink) ?? this.#passPiece(sink);
      } catch (error) {
        return this.#endPipe(error);
      }
      if (taken === undefined) return this.#awaitMore();
      if (taken !== DONE) return this.#flowAfter(taken, piping);
    }
  }

  #flowAfter(taken: Promise<void>, piping: Piping): void {
    const after = piping.after ??= { next: () => this.#flow(), stop: (error) => this.#endPipe(error) };
    taken.then(after.next, after.stop);
  }

  /** Whole chunks as they stand, if the sink takes those: what follows is parsed as ever. */
  #passChunks(sink: BodySink): Promise<void> | undefined {
    const decoder = this.#decoder;
    const { stream } = this.#host;
    if (decoder === undefined || sink.takesChunks !== true || stream.start === stream.end) return undefined;
    const { start } = stream;
    const before = decoder.total;
    const end = decoder.plainChunks(stream.buffer, start, stream.end);
    if (end === start) return undefined;
    stream.start = end;
    if (decoder.total > this.#bounds.maxBytes) {
      this.#failure = tooLarge(this.#bounds.maxBytes);
      return undefined;
    }
    return sink.passChunks!(stream.lend(start, end), decoder.total - before);
  }

  #passPiece(sink: BodySink): Promise<void> | undefined {
    const bytes = this.#pull();
    return bytes === undefined ? undefined : sink.write(bytes);
  }

  #awaitMore(): void {
    if (this.done) return this.#closePipe()?.onPiped();
    if (this.#failure !== undefined) return this.#endPipe(this.#failure);
    this.waiting = true;
    this.#post();
    this.#host.onBodyWanted();
  }

  #endPipe(error: unknown): void {
    this.#closePipe()?.onPipeFailed(error);
  }

  /** @returns who is to be told of the end */
  #closePipe(): PipeListener | undefined {
    const listener = this.#piping?.listener;
    this.#reader = undefined;
    return listener;
  }

  /** Bytes have arrived: gives them to whoever waits. */
  onData(): void {
    if (!this.waiting) return;
    if (this.#piping !== undefined) {
      this.waiting = false;
      return this.#flow();
    }
    const bytes = this.#pull();
    if (bytes === undefined && this.#failure === undefined && !this.done) {
      this.#post();
      return;
    }
    const reading = this.#endReading();
    // The last piece is the reader's, and so is the end, though the host may have taken the body away with it.
    if (bytes !== undefined || this.done) reading.resolve(bytes ?? null);
    else reading.reject(this.#failure);
  }

  /** The peer has sent its last byte. @returns false if the body is incomplete: the caller must {@link fail} it */
  onEnd(): boolean {
    if (this.done) return true;
    if (this.length !== UNTIL_CLOSE) return false;
    if (this.#host.stream.buffered === 0) {
      this.#finish();
      this.#settleEnd();
    }
    return true;
  }

  #settleEnd(): void {
    if (!this.waiting) return;
    if (this.#piping === undefined) return this.#endReading().resolve(null);
    this.waiting = false;
    this.#flow();
  }

  /** Of a read that waits. */
  #endReading(): Reading {
    const reading = this.#reader as Reading;
    this.waiting = false;
    this.#reader = undefined;
    return reading;
  }

  /** Fails the read that waits and all later ones. */
  fail(error: HttpError): void {
    if (this.done || this.failed) return;
    this.#failure = error;
    if (!this.waiting) return;
    if (this.#piping === undefined) return this.#endReading().reject(error);
    this.waiting = false;
    this.#endPipe(error);
  }

  /** Takes the body away from its reader: what is left of it can only be discarded. */
  detach(): void {
    this.fail(DETACHED);
    this.#failure ??= DETACHED;
  }

  /** Consumes what has arrived without a look. @returns bytes of the connection consumed */
  discard(): number {
    const { stream } = this.#host;
    stream.release();
    let count = 0;
    while (!this.done && !this.failed && stream.buffered > 0) {
      const before = stream.buffered;
      this.#pull();
      stream.release();
      count += before - stream.buffered;
    }
    return count;
  }

  /** The next payload bytes that have arrived; undefined if there are none, the body has failed or is done. */
  #pull(): Bytes | undefined {
    const { stream } = this.#host;
    while (!this.done) {
      if (stream.start === stream.end) stream.release();
      const available = stream.end - stream.start;
      if (available === 0) {
        if (stream.ended) this.#endOfInput();
        return undefined;
      }
      const bytes = this.#decoder === undefined
        ? this.#slice(this.#left === UNKNOWN ? available : Math.min(available, this.#left))
        : this.#nextChunk(this.#decoder);
      if (bytes !== undefined) return bytes;
      if (this.failed) return undefined;
    }
    return undefined;
  }

  #endOfInput(): void {
    if (this.length === UNTIL_CLOSE) this.#finish();
    else {this.fail(
        new HttpError(
          this.#bounds.side === "request" ? "client_gone" : "upstream_closed",
          "reading a body: it ends early",
        ),
      );}
  }

  #slice(length: number): Bytes {
    const { stream } = this.#host;
    const bytes = stream.lend(stream.start, stream.start + length);
    stream.start += length;
    if (this.#left !== UNKNOWN) {
      this.#left -= length;
      if (this.#left === 0) this.#finish();
    }
    return bytes;
  }

  #nextChunk(decoder: ChunkedDecoder): Bytes | undefined {
    const { stream } = this.#host;
    try {
      stream.start = decoder.next(stream.buffer, stream.start, stream.end);
    } catch (error) {
      this.#failure = error as HttpError;
      return undefined;
    }
    const { payloadStart, payloadEnd } = decoder;
    if (decoder.total > this.#bounds.maxBytes) {
      this.#failure = tooLarge(this.#bounds.maxBytes);
      return undefined;
    }
    const bytes = payloadStart < payloadEnd ? stream.lend(payloadStart, payloadEnd) : undefined;
    if (decoder.done) this.#finish();
    return bytes;
  }

  #finish(): void {
    this.#left = 0;
    this.#host.stream.memory.expectNothing();
    this.#host.onBodyDone();
  }
}

const EMPTY = new Uint8Array(0);
const DETACHED = new HttpError("aborted", "reading a body: the exchange it belongs to has ended");
const END: Promise<null> = Promise.resolve(null);

function twice(): TypeError {
  return new TypeError("reading a body: found another reader at it, want one at a time");
}
