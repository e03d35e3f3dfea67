// A byte stream over one socket: a read posted ahead, and bytes kept where they arrived. What goes out is its `output`,
// what its buffers take up its `memory`.
// Guarantees: nothing rejects (a failure is one call of the owner's), buffers go back to the shared pool exactly once,
// and bytes that are lent stay in place until the owner calls them back; while one of them is being written to another
// socket, its buffer is no longer shared. Where there is no room, reads wait.
import type { Socket, SocketOwner } from "../../../platform/sockets/socket.ts";
import { beginEvent, endEvent } from "../../../platform/time/event_time.ts";
import type { Charge } from "../../byte_account.ts";
import { CR, LF } from "../grammar.ts";
import { BorrowedBytes, callBack, onceFree } from "./borrowed.ts";
import { bufferSize, giveBuffer, LARGEST_BUFFER, takeBuffer } from "./buffers.ts";
import { type MemoryOptions, type MemoryOwner, StreamMemory } from "./stream_memory.ts";
import { type OutputOwner, StreamOutput } from "./stream_output.ts";
import type { Traffic } from "./traffic.ts";

/** Who a stream belongs to. The calls come from the event loop, never from within a call of the owner's. */
export interface StreamOwner extends MemoryOwner, OutputOwner {
  /** Bytes have been appended to the stream's input. */
  onData(): void;
  /** The peer has sent its last byte. */
  onEnd(): void;
  /** The read side has failed: what has arrived is there still, nothing more will come. */
  onReadFailed(cause: unknown): void;
}

export interface StreamOptions extends MemoryOptions {
  readonly traffic: Traffic;
}

const EMPTY = new Uint8Array(0);
/**
 * Pieces up to this size, and such as leave three quarters of their buffer empty, are copied behind what is there already,
 * if they fit, instead of taking up a buffer each: who sends byte by byte holds what he has sent, not a buffer a byte.
 */
const APPEND_LIMIT = 1024;

/** Loans of one buffer that were called back in the middle of a write. */
interface Taint {
  writes: number;
  /** For the buffer, from when its stream has let go of it. */
  readonly charge: Charge;
}

export class ByteStream implements SocketOwner {
  /** Input: `buffer[start…end)` has arrived and is not consumed. The owner advances `start`. */
  buffer: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  /** Whether the peer has sent its last byte (which need not be consumed yet). */
  ended = false;
  closed = false;
  /** Whether more may have arrived than is {@link buffered}: the last read came back full, or need not have. */
  full = false;
  /** Whether a read could not be posted for want of room: {@link post} is to be tried again. */
  starved = false;
  readonly output: StreamOutput;
  readonly memory: StreamMemory;
  readonly #socket: Socket;
  readonly #owner: StreamOwner;
  readonly #traffic: Traffic;
  /** Bytes of the buffer that is set aside for the read under way; 0 if none is. */
  #posted = 0;
  /** Filled buffers behind `buffer`, and how much of each is filled. */
  #queue: { readonly buffer: Uint8Array; end: number }[] | undefined;
  #queuedBytes = 0;
  /** What of `buffer` is lent: it then stays as it is until {@link release}. */
  #lent: BorrowedBytes | undefined;
  /** Set while bytes of `buffer` that were lent are still being written somewhere: it must not be shared then. */
  #tainted: Taint | undefined;
  #readFailed = false;

  constructor(socket: Socket, owner: StreamOwner, options: StreamOptions) {
    const { traffic } = options;
    const memory = this.memory = new StreamMemory(owner, options);
    this.output = new StreamOutput(socket, owner, { memory, traffic });
    this.#socket = socket;
    this.#owner = owner;
    this.#traffic = traffic;
    socket.own(this);
  }

  /** Bytes that have arrived and are not consumed. */
  get buffered(): number {
    return this.end - this.start + this.#queuedBytes;
  }

  /** Whether more has come that will be {@link buffered} in a moment, or the end. */
  get hasEarly(): boolean {
    return this.#socket.hasEarly === true;
  }

  /** Whether an empty line is the last that has arrived, or where too little lies in one piece to tell; as chunks end. */
  get endsWithEmptyLine(): boolean {
    const last = this.#queue?.at(-1);
    const { buffer, end } = last ?? this;
    if (end < 4) return last !== undefined;
    return buffer[end - 1] === LF && buffer[end - 2] === CR && buffer[end - 3] === LF && buffer[end - 4] === CR;
  }

  /** Makes sure that a read is posted; `isAtRest`: if none is yet, one that takes up no more than at rest. */
  post(isAtRest = false): void {
    if (this.#posted > 0 || this.ended || this.closed || this.#readFailed) return;
    this.#posted = this.memory.setAside(isAtRest);
    this.starved = this.#posted === 0;
    if (!this.starved) this.#socket.read();
  }

  // ---- the socket's calls

  takeMemory(): Uint8Array {
    return takeBuffer(this.#posted);
  }

  onBytes(buffer: Uint8Array, count: number): void {
    this.#posted = 0;
    if (this.closed) return this.memory.give(buffer);
    this.#traffic.countIn(count);
    this.full = count === buffer.length || this.#socket.mayHoldBack === true;
    this.memory.adapt(count, buffer.length);
    this.#append(buffer, count);
    this.#tellData();
  }

  /** One event, for as long as the owner looks at what has arrived (`eventTime`). */
  #tellData(): void {
    const isFirst = beginEvent();
    try {
      this.#owner.onData();
    } finally {
      if (isFirst) endEvent();
    }
  }

  /**
   * What does not fit the buffer set aside for it, if there is plenty of room, takes that one's place. A stranger gets no
   * more than was set aside: who fills the strangers' share should need many connections for it. What is as long as a
   * shared buffer is copied: once let go of it would be one.
   */
  takeWhole(piece: Uint8Array, isFull: boolean): boolean {
    const { length } = piece;
    if (length <= this.#posted || this.closed || this.memory.claim === "stranger") return false;
    if (length === bufferSize(length) || !this.memory.exchange(this.#posted, length)) return false;
    this.#posted = 0;
    this.#traffic.countIn(length);
    this.full = isFull;
    this.#append(piece, length);
    this.#tellData();
    return true;
  }

  onEnd(buffer: Uint8Array | undefined): void {
    this.#endRead(buffer);
    if (this.closed) return;
    this.ended = true;
    this.#owner.onEnd();
  }

  onReadFailed(cause: unknown, buffer: Uint8Array | undefined): void {
    this.#endRead(buffer);
    if (this.closed) return;
    this.#readFailed = true;
    this.#owner.onReadFailed(cause);
  }

  onHeld(over: Promise<void>): void {
    if (!this.closed) this.output.hold(over);
  }

  onUnsent(count: number, cause: unknown): void {
    if (!this.closed) this.output.takeBack(count, cause);
  }

  #endRead(buffer: Uint8Array | undefined): void {
    if (buffer !== undefined) giveBuffer(buffer);
    this.memory.letGo(this.#posted);
    this.#posted = 0;
  }

  #append(buffer: Uint8Array, count: number): void {
    if (this.start === this.end && this.#lent === undefined) {
      this.#dropBuffer();
      this.buffer = buffer;
      this.start = 0;
      this.end = count;
    } else if (this.#copyBehind(buffer, count)) {
      this.memory.give(buffer);
    } else {
      (this.#queue ??= []).push({ buffer, end: count });
      this.#queuedBytes += count;
    }
  }

  /** @returns false where there is too much of it, or no room behind what came last */
  #copyBehind(buffer: Uint8Array, count: number): boolean {
    if (count > APPEND_LIMIT && count > buffer.length / 4) return false;
    const last = this.#queue?.at(-1);
    const { buffer: to, end } = last ?? this;
    if (end + count > to.length) return false;
    to.set(buffer.subarray(0, count), end);
    if (last === undefined) this.end += count;
    else {
      last.end += count;
      this.#queuedBytes += count;
    }
    return true;
  }

  // ---- input

  /** Whether bytes are lent. */
  get lending(): boolean {
    return this.#lent !== undefined;
  }

  /** Lends a part of `buffer`, until {@link release}. All before it has been consumed. */
  lend(start: number, end: number): BorrowedBytes {
    // Of what was lent before, and is being written somewhere still, nothing may change.
    return this.#lent = new BorrowedBytes(this.buffer, start, end, this.#tainted === undefined ? start : 0);
  }

  #callBack(): void {
    if (this.#lent === undefined) return;
    if (!callBack(this.#lent)) this.#taint(this.#lent);
    this.#lent = undefined;
  }

  #taint(lent: BorrowedBytes): void {
    const taint = this.#tainted ??= { writes: 0, charge: this.memory.account.open() };
    taint.writes++;
    onceFree(lent, () => {
      if (--taint.writes > 0) return;
      taint.charge.release();
      if (this.#tainted === taint) this.#tainted = undefined;
    });
  }

  /** Lets go of `buffer`. One that is still being written from goes to the garbage collector, whoever has it then. */
  #dropBuffer(): void {
    const { buffer } = this;
    if (buffer === EMPTY) return;
    this.buffer = EMPTY;
    if (this.#tainted === undefined) return this.memory.give(buffer);
    this.memory.letGo(buffer.length);
    this.#tainted.charge.force(buffer.length);
    this.#tainted = undefined;
  }

  /** Calls back what is lent, and moves on to the next bytes. */
  release(): void {
    this.#callBack();
    if (this.start < this.end) return;
    this.#dropBuffer();
    this.start = this.end = 0;
    const next = this.#queue?.shift();
    if (next === undefined) return;
    this.buffer = next.buffer;
    this.end = next.end;
    this.#queuedBytes -= next.end;
  }

  /**
   * Joins what has arrived until at least `bytes` of it are contiguous. Must not be called while {@link lending}.
   * @returns false if there is no room for a buffer to hold it
   */
  gather(bytes: number): boolean {
    const queue = this.#queue;
    while (queue !== undefined && queue.length > 0 && this.end - this.start < bytes) {
      const next = queue[0]!;
      if (!this.#makeRoom(this.end - this.start + next.end)) return false;
      queue.shift();
      this.buffer.set(next.buffer.subarray(0, next.end), this.end);
      this.end += next.end;
      this.#queuedBytes -= next.end;
      this.memory.give(next.buffer);
    }
    return true;
  }

  /** Makes `buffer` big enough for `bytes` from `start` on. @returns false if there is no room for one */
  #makeRoom(bytes: number): boolean {
    if (this.start + bytes <= this.buffer.length) return true;
    // Beyond the largest shared buffer only where such a head limit is configured.
    const isShared = bytes <= LARGEST_BUFFER;
    const size = isShared ? bufferSize(bytes) : bytes;
    if (!this.memory.tryHold(size)) return false;
    const bigger = isShared ? takeBuffer(size) : new Uint8Array(size);
    bigger.set(this.buffer.subarray(this.start, this.end));
    this.#dropBuffer();
    this.end -= this.start;
    this.start = 0;
    this.buffer = bigger;
    return true;
  }

  /** Drops the socket and all input at once. The owner hears nothing more. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.output.close();
    this.#callBack();
    this.#dropBuffer();
    for (const { buffer } of this.#queue ?? []) this.memory.give(buffer);
    this.start = this.end = this.#queuedBytes = 0;
    this.#queue = undefined;
    this.#socket.close();
  }
}
