// One socket of Bun's behind our interface. Bun pushes: what comes unasked is kept (one piece) and the socket is paused.
// Bun's `write` answers how many bytes the kernel took and forgets the rest: whoever writes keeps it, and is told by `drain`
// when to go on. A failure while nobody reads or writes is kept for the next who does. Short messages go by rounds
// (bun_round.ts): what `write` has taken is then sent in the same turn, and should the kernel not take it, it is kept here,
// and the owner told of that, and if it is lost.
import { Buffer } from "node:buffer";
import { systemError } from "../faults/system_fault.ts";
import type { BunSocketEvents, BunTcpSocket } from "../runtime/bun_types.ts";
import { type BunRound, ROUND, type RoundMember } from "./bun_round.ts";
import type { Socket, SocketOwner } from "./socket.ts";

interface Waiting {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  resolve(count: number): void;
  reject(cause: unknown): void;
}

/** After our end of a TLS stream a paused socket would never be closed, so it may hold this much that nobody asked for. */
const MOST_UNASKED = 1024 * 1024;
/** What is longer is offered to the owner as it is: memory that it need not be copied into. */
const MOST_COPIED = 4096;
/** Of the memory that a runtime reads into: a piece that fills it is a number of these. */
const PAGE_BYTES = 4096;
const NOTHING: Promise<void> = Promise.resolve();
// A native copy of a part, without a view of it.
const copyBytes = (Buffer.prototype as unknown as {
  copy(this: Uint8Array, target: Uint8Array, at: number, from: number, to: number): number;
}).copy;

/** What is longer is written at once. */
const MOST_LATE = 4096;

export class BunSocket implements Socket, BunSocketEvents, RoundMember {
  readonly isOutgoing: boolean;
  readonly #secure: boolean;
  readonly #round: BunRound;
  #socket: BunTcpSocket | undefined;
  #owner: SocketOwner | undefined;
  #wanted = false;
  #scheduled = false;
  #delivering = false;
  #paused = false;
  /** Nothing comes behind what is here, whoever has been told of that. */
  #over = false;
  #ended = false;
  #failure: unknown;
  #closed = false;
  #shut = false;
  /** Whether TLS, if any, is set up. */
  #established: boolean;
  /** What has arrived and was not asked for yet: `#pieces[0]` from `#at` on. */
  readonly #pieces: Uint8Array[] = [];
  #at = 0;
  #unasked = 0;
  #waiting: Waiting | undefined;
  /** What has arrived and is handed over in the round. */
  #early: Uint8Array | undefined;
  /** What is sent at the end of the round: `[#lateFrom…#lateTo)` of its memory. */
  #lateFrom = 0;
  #lateTo = 0;
  /** Of that what the kernel did not take. */
  #rest: Uint8Array | undefined;
  /** Settles once that has gone out, or is lost. */
  #restOver: PromiseWithResolvers<void> | undefined;

  constructor(secure: boolean, isOutgoing = false, round: BunRound = ROUND) {
    this.#secure = secure;
    this.isOutgoing = isOutgoing;
    this.#round = round;
    this.#established = !secure;
  }

  // ---- Bun's side

  opened(socket: BunTcpSocket): void {
    this.#socket = socket;
    if (this.#closed) socket.terminate();
    else socket.setNoDelay(true);
  }

  established(): void {
    this.#established = true;
  }

  /** The close that follows says nothing of why. */
  notEstablished(cause: unknown): void {
    this.#failure = cause;
  }

  arrived(piece: Uint8Array): void {
    if (this.#closed || piece.length === 0) return;
    if (this.#early !== undefined) this.handOn();
    if (piece.length <= MOST_COPIED && this.#round.joins(this)) this.#early = piece;
    else this.#take(piece);
  }

  handOn(): void {
    const piece = this.#early;
    this.#early = undefined;
    if (piece !== undefined && !this.#closed) this.#take(piece);
  }

  #take(piece: Uint8Array): void {
    if (this.#wanted && this.#unasked === 0 && !this.#delivering) return this.#handOver(piece);
    this.#keep(piece, 0);
    this.#deliver();
  }

  #keep(piece: Uint8Array, from: number): void {
    if (this.#pieces.length === 0) this.#at = from;
    this.#pieces.push(piece);
    this.#unasked += piece.length - from;
  }

  /** The usual case: somebody waits for it. */
  #handOver(piece: Uint8Array): void {
    const owner = this.#owner!;
    this.#wanted = false;
    this.#delivering = true;
    try {
      if (piece.length <= MOST_COPIED || !this.#offer(piece)) {
        const memory = owner.takeMemory();
        const count = Math.min(memory.length, piece.length);
        memory.set(count === piece.length ? piece : piece.subarray(0, count));
        if (count < piece.length) this.#keep(piece, count);
        owner.onBytes(memory, count);
      }
    } finally {
      this.#delivering = false;
    }
    const isMore = this.#unasked > 0 || this.#ended || this.#closed || this.#failure !== undefined;
    if (isMore || this.#paused) this.#deliver();
  }

  /** Bun makes memory for each piece, and has no more to do with it. Its kind of array is a plain one from here on. */
  #offer(piece: Uint8Array): boolean {
    const { buffer, byteOffset, length } = piece;
    const isFull = this.#unasked > 0 || length % PAGE_BYTES === 0;
    return this.#owner!.takeWhole?.(new Uint8Array(buffer, byteOffset, length), isFull) === true;
  }

  endArrived(): void {
    this.#over = true;
    this.handOn();
    this.#ended = true;
    this.#deliver();
  }

  /** @param cause undefined if the two directions have come to their ends */
  wasClosed(cause: unknown): void {
    this.#over = true;
    this.handOn();
    if (this.#closed) return;
    // Where our direction ended first, Bun tells of the peer's end by the close alone.
    if (cause === undefined && this.#shut) this.#ended = true;
    else if (cause !== undefined) this.#failure = cause;
    else this.#failure ??= systemError("ECONNRESET", "the connection was closed before our stream had ended");
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure ?? systemError("EPIPE", "the connection is closed"));
    this.#loseRest();
    this.#deliver();
  }

  drained(): void {
    if (this.#rest !== undefined && !this.#sendRest(this.#rest)) return;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const count = this.#socket!.write(waiting.bytes, waiting.from, waiting.to - waiting.from);
    if (count === 0) return;
    this.#waiting = undefined;
    if (count > 0) waiting.resolve(count);
    else waiting.reject(this.#failure ?? systemError("EPIPE", "the connection is closed"));
  }

  // ---- the owner's side

  get takesAtOnce(): boolean {
    return true;
  }

  get hasEarly(): boolean {
    return this.#early !== undefined || this.#unasked > 0 || this.#over;
  }

  own(owner: SocketOwner): void {
    this.#owner = owner;
  }

  read(): void {
    this.#wanted = true;
    const isThere = this.#unasked > 0 || this.#ended || this.#closed || this.#failure !== undefined;
    if (isThere) this.#schedule();
  }

  /** Later: the owner is in the middle of a call. */
  #schedule(): void {
    if (this.#scheduled || this.#delivering) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  /** Hands over what is there, as long as the owner asks for it. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      while (this.#wanted && this.#deliverOne());
    } finally {
      this.#delivering = false;
    }
    if (!this.#closed) this.#balance();
  }

  #deliverOne(): boolean {
    const owner = this.#owner!;
    if (this.#closed) {
      this.#wanted = false;
      owner.onReadFailed(systemError("ECANCELED", "the socket is closed"), undefined);
    } else if (this.#unasked > 0) {
      this.#wanted = false;
      if (this.#deliverWhole()) return true;
      const memory = owner.takeMemory();
      owner.onBytes(memory, this.#fill(memory));
    } else if (this.#failure !== undefined) {
      this.#wanted = false;
      owner.onReadFailed(this.#failure, undefined);
    } else if (this.#ended) {
      this.#wanted = false;
      owner.onEnd(undefined);
    } else return false;
    return true;
  }

  #deliverWhole(): boolean {
    const piece = this.#pieces[0]!;
    if (this.#at > 0 || piece.length <= MOST_COPIED) return false;
    this.#pieces.shift();
    this.#unasked -= piece.length;
    if (this.#offer(piece)) return true;
    this.#pieces.unshift(piece);
    this.#unasked += piece.length;
    return false;
  }

  /** From as many pieces as it takes: whoever gets less than he has room for has all that has come. */
  #fill(memory: Uint8Array): number {
    let filled = 0;
    while (filled < memory.length && this.#unasked > 0) {
      const piece = this.#pieces[0]!;
      const count = Math.min(memory.length - filled, piece.length - this.#at);
      memory.set(count === piece.length ? piece : piece.subarray(this.#at, this.#at + count), filled);
      filled += count;
      this.#at += count;
      this.#unasked -= count;
      if (this.#at === piece.length) {
        this.#pieces.shift();
        this.#at = 0;
      }
    }
    return filled;
  }

  /** Lets the kernel's buffer fill while there is something that nobody has asked for. */
  #balance(): void {
    const full = this.#unasked > 0;
    if (full && this.#secure && this.#shut) {
      if (this.#unasked > MOST_UNASKED) this.#socket?.terminate();
      return;
    }
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#socket?.pause();
    else this.#socket?.resume();
  }

  write(bytes: Uint8Array, from: number, to: number): number | Promise<number> {
    const socket = this.#socket;
    if (this.#closed || socket === undefined) return Promise.reject(systemError("EBADF", "the socket is closed"));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (from === to) return 0;
    if (this.#lateTo > 0) this.sendLate();
    else if (this.#rest === undefined && this.#keepLate(bytes, from, to)) return to - from;
    if (this.#rest !== undefined) return this.#writeLater(bytes, from, to);
    const count = socket.write(bytes, from, to - from);
    if (count > 0) return count;
    if (count < 0) return Promise.reject(systemError("EPIPE", "the connection is closed"));
    return this.#writeLater(bytes, from, to);
  }

  #writeLater(bytes: Uint8Array, from: number, to: number): Promise<number> {
    return new Promise((resolve, reject) => this.#waiting = { bytes, from, to, resolve, reject });
  }

  // ---- what is sent at the end of a round

  #keepLate(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#secure || to - from > MOST_LATE) return false;
    const at = this.#round.roomFor(this, to - from);
    if (at < 0) return false;
    // Fewer, and what others have written would go out in their place.
    if (copyBytes.call(bytes, this.#round.memory, at, from, to) !== to - from) return false;
    this.#lateFrom = at;
    this.#lateTo = at + to - from;
    return true;
  }

  sendLate(): void {
    const from = this.#lateFrom, to = this.#lateTo;
    if (to === 0) return;
    this.#lateTo = 0;
    const { memory } = this.#round;
    const count = this.#socket!.write(memory, from, to - from);
    if (count === to - from) return;
    this.#rest = memory.slice(from + Math.max(0, count), to);
    this.#restOver = Promise.withResolvers<void>();
    this.#owner!.onHeld?.(this.#restOver.promise);
    // Later: the owner may be in the middle of a call.
    if (count < 0) queueMicrotask(() => this.#loseRest());
  }

  #sendRest(rest: Uint8Array): boolean {
    const count = Math.max(0, this.#socket!.write(rest, 0, rest.length));
    this.#rest = count < rest.length ? rest.subarray(count) : undefined;
    if (this.#rest !== undefined) return false;
    this.#endRest();
    return true;
  }

  #endRest(): void {
    this.#restOver?.resolve();
    this.#restOver = undefined;
  }

  /** The connection is gone, and with it what was said to be taken. */
  #loseRest(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    this.#rest = undefined;
    this.#endRest();
    this.#owner!.onUnsent?.(rest.length, this.#failure ?? systemError("EPIPE", "the connection is closed"));
  }

  closeWrite(): Promise<void> {
    this.sendLate();
    if (this.#restOver !== undefined) return this.#closeWriteAfter(this.#restOver.promise);
    if (this.#closed || this.#failure !== undefined || this.#shut) return NOTHING;
    this.#shut = true;
    if (this.#secure && this.#paused) {
      this.#paused = false;
      this.#socket?.resume();
    }
    this.#socket?.shutdown();
    return NOTHING;
  }

  #closeWriteAfter(over: Promise<void>): Promise<void> {
    return over.then(() => this.closeWrite());
  }

  close(): void {
    if (this.#closed) return;
    this.sendLate();
    this.#closed = true;
    this.#early = this.#rest = undefined;
    this.#endRest();
    this.#pieces.length = this.#unasked = 0;
    const socket = this.#socket;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(systemError("ECANCELED", "the socket is closed"));
    if (this.#wanted) this.#schedule();
    if (socket === undefined) return;
    // Not `end`, which over TLS waits for the peer's farewell, with a descriptor that nobody counts any more. Our own needs a
    // handshake that has come to its end.
    if (this.#established) socket.close();
    else socket.terminate();
  }
}
