// Bytes that lie in a connection's buffer, and will be somebody else's before long.
// Guarantee: nobody keeps them by mistake. They are no `Uint8Array`, so the compiler refuses every place that takes one;
// what can be done with them copies, or ends before the buffer goes on; and once they are called back they throw.

import { HttpError } from "../../http_error.ts";

/** A message's bytes: in memory of their own, free to be kept, or borrowed. */
export type Bytes = Uint8Array | BorrowedBytes;

/** Where the bytes lie. For `http1/wire/` only, and for no longer than a call. */
let viewOf: (bytes: BorrowedBytes) => Uint8Array;
let placeOf: (bytes: BorrowedBytes) => Uint8Array;
let byteIn: (bytes: BorrowedBytes, index: number) => number;
/**
 * The buffer they lie in, from {@link startOf} on, for a write that has begun: until it has ended it is not used for
 * anything else.
 */
export let lockForWrite: (bytes: BorrowedBytes) => Uint8Array;
/** Where in that buffer they begin. */
export let startOf: (bytes: BorrowedBytes) => number;
/**
 * How many bytes right before them in that buffer are nobody's any more, so that a head can be put there.
 * @throws HttpError `aborted` once they are called back
 */
export let roomBefore: (bytes: BorrowedBytes) => number;
export let unlockAfterWrite: (bytes: BorrowedBytes) => void;
/** Calls bytes back: from now on using them throws. @returns whether their buffer is free: no write is under way */
export let callBack: (bytes: BorrowedBytes) => boolean;
/** Of bytes that were called back in the middle of a write: `onFree` is called when the last one under way has ended. */
export let onceFree: (bytes: BorrowedBytes, onFree: () => void) => void;

const GONE = new HttpError("aborted", "using borrowed bytes: the exchange they belong to has ended");
/** Of few, so none of theirs: up to six fields take 64 bytes on JavaScriptCore, seven 80. */
const whenFree = new WeakMap<BorrowedBytes, () => void>();

/** Bytes of a connection. To keep them: {@link copy}. Valid until their lender calls them back; then they throw. */
export class BorrowedBytes {
  readonly length: number;
  #buffer: Uint8Array | undefined;
  readonly #from: number;
  readonly #room: number;
  /** Made for whoever needs one: what is passed on from where it lies does not. */
  #view: Uint8Array | undefined;
  /** Writes to a socket that have not finished. */
  #writes = 0;

  /** @param room see {@link roomBefore} */
  constructor(buffer: Uint8Array, from = 0, to: number = buffer.length, room = 0) {
    this.length = to - from;
    this.#buffer = buffer;
    this.#from = from;
    this.#room = room;
  }

  /** The same bytes in memory of their own. @throws HttpError `aborted` once they are called back */
  copy(): Uint8Array<ArrayBuffer> {
    if (this.#buffer === undefined) throw GONE;
    return this.#buffer.slice(this.#from, this.#from + this.length) as Uint8Array<ArrayBuffer>;
  }

  // For the engine's own files, which know what a buffer is: nothing of these is a method.
  static {
    viewOf = (bytes) => {
      if (bytes.#buffer === undefined) throw GONE;
      return bytes.#view ??= bytes.#buffer.subarray(bytes.#from, bytes.#from + bytes.length);
    };
    placeOf = (bytes) => {
      if (bytes.#buffer === undefined) throw GONE;
      return bytes.#buffer;
    };
    byteIn = (bytes, index) => {
      if (bytes.#buffer === undefined) throw GONE;
      return bytes.#buffer[bytes.#from + index]!;
    };
    lockForWrite = (bytes) => {
      if (bytes.#buffer === undefined) throw GONE;
      bytes.#writes++;
      return bytes.#buffer;
    };
    startOf = (bytes) => bytes.#from;
    roomBefore = (bytes) => {
      if (bytes.#buffer === undefined) throw GONE;
      // Of a write that has not finished the head may stand there.
      return bytes.#writes === 0 ? bytes.#room : 0;
    };
    unlockAfterWrite = (bytes) => {
      if (--bytes.#writes === 0 && bytes.#buffer === undefined) whenFree.get(bytes)?.();
    };
    onceFree = (bytes, onFree) => void whenFree.set(bytes, onFree);
    callBack = (bytes) => {
      bytes.#buffer = bytes.#view = undefined;
      return bytes.#writes === 0;
    };
  }
}

/** The same bytes, fit to be kept: a copy of what is only borrowed. @throws HttpError `aborted` */
export function ownBytes(bytes: Bytes): Uint8Array {
  return bytes instanceof BorrowedBytes ? bytes.copy() : bytes;
}

/** Copies all of `bytes` from `from` to `to` into `target`. @throws HttpError `aborted` */
export function copyBytes(bytes: Bytes, target: Uint8Array, at = 0, from = 0, to: number = bytes.length): void {
  const view = bytes instanceof BorrowedBytes ? viewOf(bytes) : bytes;
  target.set(from === 0 && to === view.length ? view : view.subarray(from, to), at);
}

/** The byte at `index`, which must be one of them. @throws HttpError `aborted` */
export function byteAt(bytes: Bytes, index: number): number {
  return bytes instanceof BorrowedBytes ? byteIn(bytes, index) : bytes[index]!;
}

/** Nothing, where what is found would be the view itself or a part of it. */
type Kept<Found> = Found extends ArrayBufferView ? never : unknown;

/**
 * What `read` makes of the bytes, of which it keeps nothing beyond its call.
 * @param given what else it needs
 * @throws HttpError `aborted`; whatever `read` throws
 */
export function inspectBytes<Given, Found>(
  bytes: Bytes,
  read: (view: Uint8Array, given: Given) => Found & Kept<Found>,
  given: Given,
): Found {
  return read(bytes instanceof BorrowedBytes ? viewOf(bytes) : bytes, given);
}

/**
 * The same without a view of them, which takes a third as long to make as a short message to read: `read` is handed the
 * buffer they lie in, and must make nothing of what does not stand from `from` to `to`, which is other people's.
 */
export function inspectInPlace<Given, Found>(
  bytes: Bytes,
  read: (buffer: Uint8Array, given: Given, from: number, to: number) => Found & Kept<Found>,
  given: Given,
): Found {
  if (!(bytes instanceof BorrowedBytes)) return read(bytes, given, 0, bytes.length);
  const from = startOf(bytes);
  return read(placeOf(bytes), given, from, from + bytes.length);
}
