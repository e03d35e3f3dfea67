// A byte stream over one socket: a read posted ahead, bytes kept where they arrived, writes in order.
// Guarantees: nothing rejects (a failure is one call of the owner's), buffers go back to the shared pool exactly once,
// and bytes that are lent stay in place until the owner calls them back; while one of them is being written to another
// socket, its buffer is no longer shared. Every buffer in use beyond the one it waits with at rest is charged; where there
// is no room, reads wait and writes copy nothing.
import { BorrowedBytes, type Bytes, callBack, lockForWrite, onceFree, startOf, unlockAfterWrite } from "./borrowed.ts";
import { bufferSize, giveBuffer, LARGEST_BUFFER, MESSAGE_BUFFER, nextBufferSize, takeBuffer } from "./buffers.ts";
import type { ByteAccount, Charge } from "../byte_account.ts";
import { DONE } from "./done.ts";
import { headLength, placeReadyHead, type ReadyHead } from "./ready_head.ts";
import { beginEvent, endEvent } from "../../platform/event_time.ts";
import type { Socket, SocketOwner } from "../../platform/socket.ts";
import { HttpError } from "../types.ts";

/** Who a stream belongs to. The calls come from the event loop, never from within a call of the owner's. */
export interface StreamOwner {
  /** Bytes have been appended to the stream's input. */
  onData(): void;
  /** The peer has sent its last byte. */
  onEnd(): void;
  /** The read side has failed: what has arrived is there still, nothing more will come. */
  onReadFailed(cause: unknown): void;
  /** A stranger's input finds no room for `bytes` more. @returns whether another has made some, so that it may try again */
  onNoRoom?(bytes: number): boolean;
  /** A write has failed: nothing more will be sent. What the peer sent before it went away may still come in. */
  onWriteFailed(cause: unknown): void;
}

/** Bytes moved, shared by all streams of a server or a pool. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
}

/**
 * What the least that input needs may take up: of a stranger, who has not proven who he is, no more than there is plenty
 * of room for; of a caller, what there is room for; an answer is always read on, as nothing else lets go of its request.
 */
export type Claim = "stranger" | "caller" | "answer";

export interface StreamOptions {
  readonly traffic: Traffic;
  /** What buffers are charged to. */
  readonly account: ByteAccount;
  /** The size of the buffer that waits for input at rest. */
  readonly restBytes: number;
  readonly claim: Claim;
}

const CALLED_BACK = new HttpError("aborted", "using borrowed bytes: the exchange they belong to has ended");
const EMPTY = new Uint8Array(0);
/** Pieces up to this size are copied behind what is there already, if they fit, instead of taking up a buffer each. */
const APPEND_LIMIT = 1024;
/** What is no bigger goes out in a buffer whether there is room or not: answers must be sent. */
const MOST_FORCED = 4096;
/** A connection at rest waits with no more than this, however long its messages are. */
const MOST_AT_REST = 4096;

/** What the bytes of a write are from: a buffer of our own that goes back then, a loan, or neither. */
type Source = Uint8Array | BorrowedBytes | undefined;

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
  /** Whether the last read came back full: then more may have arrived than is {@link buffered}. */
  full = false;
  claim: Claim;
  /** Whether a read could not be posted for want of room: {@link post} is to be tried again. */
  starved = false;
  /** Bytes the socket took so far. */
  written = 0;
  readonly #socket: Socket;
  readonly #owner: StreamOwner;
  readonly #traffic: Traffic;
  readonly #account: ByteAccount;
  readonly #charge: Charge;
  /** Bytes of all buffers of this stream. */
  #held = 0;
  /** Bytes of the buffer that is set aside for the read under way; 0 if none is. */
  #posted = 0;
  #base: number;
  #readSize: number;
  /** Filled buffers behind `buffer`, and how much of each is filled. */
  #queue: { readonly buffer: Uint8Array; readonly end: number }[] | undefined;
  #queuedBytes = 0;
  /** What of `buffer` is lent: it then stays as it is until {@link release}. */
  #lent: BorrowedBytes | undefined;
  /** Set while bytes of `buffer` that were lent are still being written somewhere: it must not be shared then. */
  #tainted: Taint | undefined;
  /** What the write under way is about: `#bytes[#from…#to)`. */
  #bytes: Uint8Array = EMPTY;
  #from = 0;
  #to = 0;
  /** What the write under way is from: a buffer of our own, or a loan. */
  #source: Source;
  #writes = 0;
  #lastWrite: Promise<void> = DONE;
  /** What {@link stalled} saw of `written`, and when (ms; 0 = no write under way). */
  #writtenSeen = 0;
  #stalledSince = 0;
  #readFailed = false;
  #writeFailed = false;
  /** Made where a socket first answers later: on one runtime it seldom does. */
  #whenWritten: ((count: number) => void | Promise<void>) | undefined;
  #whenLost: ((cause: unknown) => void) | undefined;

  constructor(socket: Socket, owner: StreamOwner, options: StreamOptions) {
    const { traffic, account, restBytes, claim } = options;
    this.claim = claim;
    this.#account = account;
    this.#charge = account.open();
    this.#base = this.#readSize = restBytes;
    this.#socket = socket;
    this.#owner = owner;
    this.#traffic = traffic;
    socket.own(this);
  }

  /** Bytes that have arrived and are not consumed. */
  get buffered(): number {
    return this.end - this.start + this.#queuedBytes;
  }

  /** Whether a write is under way. */
  get writing(): boolean {
    return this.#writes > 0;
  }

  /** Makes sure that a read is posted. */
  post(): void {
    if (this.#posted > 0 || this.ended || this.closed || this.#readFailed) return;
    this.#posted = this.#setAside();
    this.starved = this.#posted === 0;
    if (!this.starved) this.#socket.read();
  }

  /**
   * Charges for a buffer of the size that reads have by now, if there is plenty of room, else for as small a one as a
   * connection rests with. @returns its size; 0 if there is no room even for that
   */
  #setAside(): number {
    const size = bufferSize(this.#readSize);
    const isAmple = size > this.#base && this.#hasAmpleRoom(size);
    if (!isAmple && !this.#hasRoom(this.#base)) return 0;
    const found = isAmple ? size : this.#base;
    this.#held += found;
    return found;
  }

  #hasAmpleRoom(size: number): boolean {
    const bytes = this.#beyondRest(size);
    return this.claim === "stranger" ? this.#charge.resizeAsStrangerIfAmple(bytes) : this.#charge.resizeIfAmple(bytes);
  }

  /** Charges for one more buffer of input. */
  #hasRoom(size: number): boolean {
    const bytes = this.#beyondRest(size);
    if (this.claim === "stranger") return this.#hasRoomForStranger(bytes);
    if (this.claim === "caller") return this.#charge.resize(bytes);
    this.#charge.force(bytes);
    return true;
  }

  #hasRoomForStranger(bytes: number): boolean {
    while (!this.#charge.resizeAsStranger(bytes)) {
      if (this.#owner.onNoRoom?.(bytes - this.#charge.bytes) !== true) return false;
    }
    return true;
  }

  /** Of what it holds, what it took as a stranger's; bytes. */
  get strange(): number {
    return this.#charge.strange;
  }

  /** Its peer is no stranger any more. */
  befriend(): void {
    this.claim = "caller";
    this.#charge.befriend();
  }

  #beyondRest(more: number): number {
    return Math.max(0, this.#held + more - this.#base);
  }

  /**
   * A buffer to put `bytes` together in, for {@link send}; undefined where there is no room for a big one: what is to be
   * written goes out from where it lies.
   */
  takeForWrite(bytes: number): Uint8Array | undefined {
    const size = bufferSize(bytes);
    const charged = this.#beyondRest(size);
    if (!this.#charge.resizeIfAmple(charged)) {
      if (size > MOST_FORCED) return undefined;
      this.#charge.force(charged);
    }
    this.#held += size;
    return takeBuffer(size);
  }

  #give(buffer: Uint8Array): void {
    giveBuffer(buffer);
    this.#letGo(buffer.length);
  }

  #letGo(bytes: number): void {
    this.#held -= bytes;
    this.#charge.resize(this.#beyondRest(0));
  }

  /** A hint that `bytes` more belong to the message that is arriving. */
  expect(bytes: number): void {
    if (bytes > this.#readSize) this.#readSize = Math.min(bytes, MESSAGE_BUFFER);
  }

  /** The message has come to its end: whoever waits for the next one waits with as little as at rest. */
  expectNothing(): void {
    this.#readSize = this.#base;
  }

  // ---- the socket's calls

  takeMemory(): Uint8Array {
    return takeBuffer(this.#posted);
  }

  onBytes(buffer: Uint8Array, count: number): void {
    this.#posted = 0;
    if (this.closed) return this.#give(buffer);
    this.#traffic.bytesIn += count;
    this.#adapt(count, buffer.length);
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
   * more than was set aside: who fills the strangers' share should need many connections for it.
   */
  takeWhole(piece: Uint8Array, isFull: boolean): boolean {
    const { length } = piece;
    const posted = this.#posted;
    if (length <= posted || this.closed || this.claim === "stranger") return false;
    this.#held -= posted;
    const isAmple = this.#hasAmpleRoom(length);
    this.#held += isAmple ? length : posted;
    if (!isAmple) return false;
    this.#posted = 0;
    this.#traffic.bytesIn += length;
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

  #endRead(buffer: Uint8Array | undefined): void {
    if (buffer !== undefined) giveBuffer(buffer);
    this.#letGo(this.#posted);
    this.#posted = 0;
  }

  /** Grows reads while they come back full, and shrinks them as soon as they come back mostly empty. */
  #adapt(count: number, size: number): void {
    this.full = count === size;
    if (this.full) {
      this.#readSize = nextBufferSize(size);
      // Messages of this peer do not fit what waits for them: spare the second read from now on.
      if (size === this.#base && size < MOST_AT_REST) this.#base = this.#readSize;
    } else if (count < size / 2) {
      this.#readSize = this.#base;
    }
  }

  #append(buffer: Uint8Array, count: number): void {
    if (this.start === this.end && this.#lent === undefined) {
      this.#dropBuffer();
      this.buffer = buffer;
      this.start = 0;
      this.end = count;
    } else if (count <= APPEND_LIMIT && this.#queuedBytes === 0 && this.end + count <= this.buffer.length) {
      this.buffer.set(buffer.subarray(0, count), this.end);
      this.end += count;
      this.#give(buffer);
    } else {
      (this.#queue ??= []).push({ buffer, end: count });
      this.#queuedBytes += count;
    }
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
    if (!callBack(this.#lent, CALLED_BACK)) this.#taint(this.#lent);
    this.#lent = undefined;
  }

  #taint(lent: BorrowedBytes): void {
    const taint = this.#tainted ??= { writes: 0, charge: this.#account.open() };
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
    if (this.#tainted === undefined) return this.#give(buffer);
    this.#letGo(buffer.length);
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
      this.#give(next.buffer);
    }
    return true;
  }

  /** Makes `buffer` big enough for `bytes` from `start` on. @returns false if there is no room for one */
  #makeRoom(bytes: number): boolean {
    if (this.start + bytes <= this.buffer.length) return true;
    // Beyond the largest shared buffer only where such a head limit is configured.
    const isShared = bytes <= LARGEST_BUFFER;
    const size = isShared ? bufferSize(bytes) : bytes;
    if (!this.#hasRoom(size)) return false;
    this.#held += size;
    const bigger = isShared ? takeBuffer(size) : new Uint8Array(size);
    bigger.set(this.buffer.subarray(this.start, this.end));
    this.#dropBuffer();
    this.end -= this.start;
    this.start = 0;
    this.buffer = bigger;
    return true;
  }

  /**
   * Writes the first `length` bytes of `buffer`, which came from {@link takeForWrite} and is given back afterwards.
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

  /** Whether bytes are mostly free again as soon as they are sent. */
  get takesAtOnce(): boolean {
    return this.#socket.takesAtOnce && this.#writes === 0;
  }

  /**
   * Writes `head` and `body` from where that lies, the head in the room before it, which must be large enough
   * (`roomBefore`). @throws HttpError `aborted` if the body has been called back
   */
  sendInPlace(head: ReadyHead, body: BorrowedBytes): Promise<void> {
    const buffer = lockForWrite(body);
    const start = startOf(body);
    const from = start - headLength(head);
    placeReadyHead(head, buffer, from);
    return this.#enqueue(buffer, from, start + body.length, body);
  }

  #enqueue(bytes: Uint8Array, from: number, to: number, source: Source): Promise<void> {
    this.#lastWrite = this.#writes++ === 0
      ? this.#begin(bytes, from, to, source)
      : this.#lastWrite.then(() => this.#begin(bytes, from, to, source));
    return this.#lastWrite;
  }

  #begin(bytes: Uint8Array, from: number, to: number, source: Source): Promise<void> {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#source = source;
    if (this.closed || this.#writeFailed) {
      this.#finishWrite();
      return DONE;
    }
    return this.#push() ?? DONE;
  }

  /** One runtime answers at once how much its kernel took, the other later. */
  #push(): void | Promise<void> {
    const taken = this.#socket.write(this.#bytes, this.#from, this.#to);
    if (typeof taken === "number") return this.#onWritten(taken);
    this.#whenWritten ??= (count) => this.#onWritten(count);
    this.#whenLost ??= (cause) => this.#onWriteLost(cause);
    return taken.then(this.#whenWritten, this.#whenLost);
  }

  #onWritten(count: number): void | Promise<void> {
    this.#traffic.bytesOut += count;
    this.written += count;
    this.#from += count;
    if (this.#from === this.#to || this.closed) return this.#finishWrite();
    if (count === 0) return this.#onWriteLost(new Error("writing to a socket: it took no byte"));
    return this.#push();
  }

  #onWriteLost(cause: unknown): void {
    this.#finishWrite();
    this.#failWrites(cause);
  }

  #failWrites(cause: unknown): void {
    if (this.closed || this.#writeFailed) return;
    this.#writeFailed = true;
    this.#owner.onWriteFailed(cause);
  }

  #finishWrite(): void {
    const source = this.#source;
    if (source instanceof BorrowedBytes) unlockAfterWrite(source);
    else if (source !== undefined) this.#give(source);
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
  async closeWrite(): Promise<void> {
    await this.#lastWrite;
    if (this.closed || this.#writeFailed) return;
    try {
      await this.#socket.closeWrite();
    } catch (cause) {
      this.#failWrites(cause);
    }
  }

  /** Drops the socket and all input at once. The owner hears nothing more. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#callBack();
    this.#dropBuffer();
    for (const { buffer } of this.#queue ?? []) this.#give(buffer);
    this.start = this.end = this.#queuedBytes = 0;
    this.#queue = undefined;
    this.#socket.close();
  }
}
