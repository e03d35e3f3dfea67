// What the buffers of one stream take up, and how long its next read is to be.
// Guarantees: every buffer in use beyond the one that a stream waits with at rest is charged, from when it is set aside
// until it is let go of; where there is no room nothing is set aside, and of a stranger only out of the strangers' share.
import type { ByteAccount, Charge } from "../../byte_account.ts";
import { bufferSize, giveBuffer, MESSAGE_BUFFER, nextBufferSize, takeBuffer } from "./buffers.ts";

/**
 * What the least that input needs may take up: of a stranger, who has not proven who he is, no more than there is plenty
 * of room for; of a caller, what there is room for; an answer is always read on, as nothing else lets go of its request.
 */
export type Claim = "stranger" | "caller" | "answer";

export interface MemoryOptions {
  /** What buffers are charged to. */
  readonly account: ByteAccount;
  /** The size of the buffer that waits for input at rest. */
  readonly restBytes: number;
  readonly claim: Claim;
}

export interface MemoryOwner {
  /** A stranger's input finds no room for `bytes` more. @returns whether another has made some, so that it may try again */
  onNoRoom?(bytes: number): boolean;
}

/** What is no bigger goes out in a buffer whether there is room or not: answers must be sent. */
const MOST_FORCED = 4096;
/** A connection at rest waits with no more than this, however long its messages are. */
const MOST_AT_REST = 4096;

export class StreamMemory {
  claim: Claim;
  readonly account: ByteAccount;
  readonly #owner: MemoryOwner;
  readonly #charge: Charge;
  /** Bytes of all buffers of the stream. */
  #held = 0;
  /** What it waits with at rest. */
  #base: number;
  #readSize: number;

  constructor(owner: MemoryOwner, { account, restBytes, claim }: MemoryOptions) {
    this.claim = claim;
    this.account = account;
    this.#owner = owner;
    this.#charge = account.open();
    this.#base = this.#readSize = restBytes;
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

  // ---- how long reads are

  /** A hint that `bytes` more belong to the message that is arriving. */
  expect(bytes: number): void {
    if (bytes > this.#readSize) this.#readSize = Math.min(bytes, MESSAGE_BUFFER);
  }

  /** The message has come to its end: whoever waits for the next one waits with as little as at rest. */
  expectNothing(): void {
    this.#readSize = this.#base;
  }

  /**
   * Grows reads while they come back full, and shrinks them as soon as they come back mostly empty.
   * @param count bytes that a read into a buffer of `size` has brought
   */
  adapt(count: number, size: number): void {
    if (count === size) {
      const next = nextBufferSize(size);
      if (next > this.#readSize) this.#readSize = next;
      // Messages of this peer do not fit what waits for them: spare the second read from now on.
      if (size === this.#base && size < MOST_AT_REST) this.#base = next;
    } else if (count < size / 2) {
      this.#readSize = this.#base;
    }
  }

  // ---- what is taken

  /**
   * Sets a buffer aside for a read: of the size that reads have by now, if there is plenty of room, else as small a one
   * as a connection rests with, which is what `isAtRest` asks for. @returns its size; 0 if there is no room even for that
   */
  setAside(isAtRest: boolean): number {
    const size = bufferSize(this.#readSize);
    const isAmple = !isAtRest && size > this.#base && this.#hasAmpleRoom(size);
    if (!isAmple && !this.#hasRoom(this.#base)) return 0;
    const found = isAmple ? size : this.#base;
    this.#held += found;
    return found;
  }

  /** `bytes` in place of the `setAside` that were, if there is plenty of room. @returns false, and nothing changes, if not */
  exchange(setAside: number, bytes: number): boolean {
    this.#held -= setAside;
    const isAmple = this.#hasAmpleRoom(bytes);
    this.#held += isAmple ? bytes : setAside;
    return isAmple;
  }

  /** For input. @returns false, and nothing changes, if there is no room for so many bytes more */
  tryHold(bytes: number): boolean {
    if (!this.#hasRoom(bytes)) return false;
    this.#held += bytes;
    return true;
  }

  /** For output. @returns undefined where there is no room for a big one */
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

  #hasAmpleRoom(size: number): boolean {
    const bytes = this.#beyondRest(size);
    return this.claim === "stranger" ? this.#charge.resizeAsStrangerIfAmple(bytes) : this.#charge.resizeIfAmple(bytes);
  }

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

  #beyondRest(more: number): number {
    return Math.max(0, this.#held + more - this.#base);
  }

  // ---- what is let go of

  /** Gives a buffer back to all connections. */
  give(buffer: Uint8Array): void {
    giveBuffer(buffer);
    this.letGo(buffer.length);
  }

  letGo(bytes: number): void {
    this.#held -= bytes;
    this.#charge.resize(this.#beyondRest(0));
  }
}
