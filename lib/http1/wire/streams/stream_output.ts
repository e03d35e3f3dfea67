// What is written to one socket: one write after the other, each until the socket has taken all of it.
// Guarantees: nothing rejects (a failure is one call of the owner's); a buffer goes back, and a loan is free again, once,
// when its write has ended, however that was; after a failure or {@link StreamOutput.close} nothing more is sent.
import type { Socket } from "../../../platform/sockets/socket.ts";
import type { ReadyHead } from "../../types.ts";
import { headLength, placeReadyHead } from "../ready_head.ts";
import { BorrowedBytes, type Bytes, lockForWrite, startOf, unlockAfterWrite } from "./borrowed.ts";
import { DONE } from "./done.ts";
import type { StreamMemory } from "./stream_memory.ts";
import type { Traffic } from "./traffic.ts";

export interface OutputOwner {
  /** A write has failed: nothing more will be sent. What the peer sent before it went away may still come in. */
  onWriteFailed(cause: unknown): void;
}

export interface OutputOptions {
  readonly memory: StreamMemory;
  readonly traffic: Traffic;
}

const EMPTY = new Uint8Array(0);

/** What the bytes of a write are from: a buffer of our own that goes back then, a loan, or neither. */
type Source = Uint8Array | BorrowedBytes | undefined;

export class StreamOutput {
  /** Bytes the socket took so far. */
  written = 0;
  readonly #socket: Socket;
  readonly #owner: OutputOwner;
  readonly #memory: StreamMemory;
  readonly #traffic: Traffic;
  /** What the write under way is about: `#bytes[#from…#to)`. */
  #bytes: Uint8Array = EMPTY;
  #from = 0;
  #to = 0;
  #source: Source;
  #writes = 0;
  #lastWrite: Promise<void> = DONE;
  /** What {@link stalled} saw of `written`, and when (ms; 0 = no write under way). */
  #writtenSeen = 0;
  #stalledSince = 0;
  #closed = false;
  #failed = false;
  /** Made where a socket first answers later: on one runtime it seldom does. */
  #whenWritten: ((count: number) => void | Promise<void>) | undefined;
  #whenLost: ((cause: unknown) => void) | undefined;

  constructor(socket: Socket, owner: OutputOwner, { memory, traffic }: OutputOptions) {
    this.#socket = socket;
    this.#owner = owner;
    this.#memory = memory;
    this.#traffic = traffic;
  }

  /** Whether a write is under way. */
  get writing(): boolean {
    return this.#writes > 0;
  }

  /** Whether bytes are mostly free again as soon as they are sent. */
  get takesAtOnce(): boolean {
    return this.#socket.takesAtOnce && this.#writes === 0;
  }

  /**
   * A buffer to put `bytes` together in, for {@link send}; undefined where there is no room for a big one: what is to be
   * written goes out from where it lies.
   */
  takeBuffer(bytes: number): Uint8Array | undefined {
    return this.#memory.takeForWrite(bytes);
  }

  /**
   * Writes the first `length` bytes of `buffer`, which came from {@link takeBuffer} and is given back afterwards.
   * Resolves when the socket took them or is gone.
   */
  send(buffer: Uint8Array, length: number): Promise<void> {
    return this.#enqueue(buffer, 0, length, buffer);
  }

  /**
   * Writes `bytes`, which, unless they are borrowed, must not change until this resolves: when the socket took them or is
   * gone; it is {@link DONE} where that was at once. @throws HttpError `aborted` if they were borrowed and have been called back
   */
  write(bytes: Bytes, from = 0, to: number = bytes.length): Promise<void> {
    if (!(bytes instanceof BorrowedBytes)) return this.#enqueue(bytes, from, to, undefined);
    const buffer = lockForWrite(bytes);
    const start = startOf(bytes);
    return this.#enqueue(buffer, start + from, start + to, bytes);
  }

  /**
   * Writes `head` and `body` from where that lies, the head in the room before it, which must be large enough
   * (`roomBefore`). @param announced the length that the head tells
   * @throws HttpError `aborted` if the body has been called back
   */
  sendInPlace(head: ReadyHead, announced: number, body: BorrowedBytes): Promise<void> {
    const buffer = lockForWrite(body);
    const start = startOf(body);
    const from = start - headLength(head, announced);
    placeReadyHead(head, announced, buffer, from);
    return this.#enqueue(buffer, from, start + body.length, body);
  }

  #enqueue(bytes: Uint8Array, from: number, to: number, source: Source): Promise<void> {
    return this.#lastWrite = this.#writes++ === 0
      ? this.#begin(bytes, from, to, source)
      : this.#beginLater(bytes, from, to, source);
  }

  // What a closure needs lies in a scope that is made as soon as its function is called: those are functions of their own.

  #beginLater(bytes: Uint8Array, from: number, to: number, source: Source): Promise<void> {
    return this.#lastWrite.then(() => this.#begin(bytes, from, to, source));
  }

  #begin(bytes: Uint8Array, from: number, to: number, source: Source): Promise<void> {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#source = source;
    if (this.#closed || this.#failed) {
      this.#finish();
      return DONE;
    }
    return this.#push() ?? DONE;
  }

  /** One runtime answers at once how much its kernel took, the other later. */
  #push(): void | Promise<void> {
    const taken = this.#socket.write(this.#bytes, this.#from, this.#to);
    return typeof taken === "number" ? this.#onWritten(taken) : this.#onTaken(taken);
  }

  #onTaken(taken: Promise<number>): Promise<void> {
    this.#whenWritten ??= (count) => this.#onWritten(count);
    this.#whenLost ??= (cause) => this.#onLost(cause);
    return taken.then(this.#whenWritten, this.#whenLost);
  }

  #onWritten(count: number): void | Promise<void> {
    this.#traffic.countOut(count);
    this.written += count;
    this.#from += count;
    if (this.#from === this.#to || this.#closed) return this.#finish();
    if (count === 0) return this.#onLost(new Error("writing to a socket: it took no byte"));
    return this.#push();
  }

  #onLost(cause: unknown): void {
    this.#finish();
    this.#fail(cause);
  }

  /** The socket has yet to send what it took last: a write that is under way until `over`. */
  hold(over: Promise<void>): void {
    this.#writes++;
    this.#lastWrite = this.#lastWrite.then(() => over).then(() => {
      if (--this.#writes === 0) this.#lastWrite = DONE;
    });
  }

  /** The last `count` bytes that the socket took have never left, nor will any. */
  takeBack(count: number, cause: unknown): void {
    this.#traffic.countOut(-count);
    this.written -= count;
    this.#fail(cause);
  }

  #fail(cause: unknown): void {
    if (this.#closed || this.#failed) return;
    this.#failed = true;
    this.#owner.onWriteFailed(cause);
  }

  #finish(): void {
    const source = this.#source;
    if (source instanceof BorrowedBytes) unlockAfterWrite(source);
    else if (source !== undefined) this.#memory.give(source);
    this.#bytes = EMPTY;
    this.#source = undefined;
    if (--this.#writes === 0) this.#lastWrite = DONE;
  }

  /** Whether a write has made no progress for `limitMs`. To be asked regularly; that is what it measures by. */
  stalled(nowMs: number, limitMs: number): boolean {
    if (this.#writes === 0) {
      this.#stalledSince = 0;
      return false;
    }
    if (this.#stalledSince === 0 || this.#writtenSeen !== this.written) {
      this.#stalledSince = nowMs;
      this.#writtenSeen = this.written;
      return false;
    }
    return nowMs - this.#stalledSince >= limitMs;
  }

  /** Notices a reset that has arrived since the end of input, without sending anything: a write of no bytes fails then. */
  ping(): void {
    if (this.#writes === 0) this.write(EMPTY);
  }

  /** Sends the end of the stream once all writes are done; input goes on. */
  async end(): Promise<void> {
    await this.#lastWrite;
    // The socket may have said since that it has yet to send what it took.
    if (this.#writes > 0) await this.#lastWrite;
    if (this.#closed || this.#failed) return;
    try {
      await this.#socket.closeWrite();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** For when the socket is dropped: the owner hears nothing more. */
  close(): void {
    this.#closed = true;
  }
}
