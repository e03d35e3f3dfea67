// Buffers shared by all connections, in six sizes. A connection at rest owns one of the smallest; big ones are lent
// while a big head or body flows and come back as soon as it pauses, so that memory follows traffic, not connections.
// Longer ones, for bodies that are held whole, are kept in whatever size they were wanted.
import { Buffer } from "node:buffer";

/**
 * Sizes in bytes. The last but one holds 64 KiB of payload and the head or chunk framing written with it. The last is for
 * flows that fill that one again and again: there each call to the system costs more than the bytes it moves.
 */
const SIZES = [1024, 2 * 1024, 4 * 1024, 16 * 1024, 65 * 1024, 256 * 1024] as const;
/** How many bytes of each size are kept for reuse; what comes back beyond that is left to the garbage collector. */
const KEPT_BYTES = [512, 512, 512, 1024, 2048, 2048].map((kib) => kib * 1024);

/** What a connection at rest waits with: requests carry tokens and ids, answers seldom do. */
export const REQUEST_BUFFER: number = SIZES[1];
export const RESPONSE_BUFFER: number = SIZES[0];
/** What a message is put together in, to go out in one write. */
export const MESSAGE_BUFFER: number = SIZES[4];
export const LARGEST_BUFFER: number = SIZES[5];

/** What a longer one is a multiple of, and how many bytes of those are kept. */
const LONG_STEP = 16 * 1024;
const KEPT_LONG_BYTES = 6 * 1024 * 1024;

const free: Uint8Array[][] = SIZES.map(() => []);

/** Sees every buffer go and come. */
export interface BufferWatch {
  /** About to be handed out; it has been given back before. */
  onTaken(buffer: Uint8Array): void;
  onGiven(buffer: Uint8Array): void;
}

let watch: BufferWatch | undefined;

/** For tests, which poison what is given back: no setting, flag or variable leads here. */
export function watchBuffers(watcher: BufferWatch): void {
  watch = watcher;
}

function sizeClass(bytes: number): number {
  let index = 0;
  while (index < SIZES.length - 1 && bytes > SIZES[index]!) index++;
  return index;
}

/** The size of the buffer that {@link takeBuffer} gives for `bytes`. */
export function bufferSize(bytes: number): number {
  return SIZES[sizeClass(bytes)]!;
}

/** A buffer of at least `bytes`, or the largest there is. Its content is whatever the last user left. */
export function takeBuffer(bytes: number): Uint8Array {
  const index = sizeClass(bytes);
  const buffer = free[index]!.pop();
  if (buffer === undefined) return new Uint8Array(SIZES[index]!);
  watch?.onTaken(buffer);
  return buffer;
}

/**
 * Gives a buffer of {@link takeBuffer} back, or lets go of one of another size, which nobody else gets. The giver must hold
 * no view of it any more, and give it once only.
 */
export function giveBuffer(buffer: Uint8Array): void {
  watch?.onGiven(buffer);
  const index = sizeClass(buffer.length);
  if (buffer.length !== SIZES[index]) return;
  const list = free[index]!;
  if (list.length * SIZES[index]! < KEPT_BYTES[index]!) list.push(buffer);
}

/** The longest unused first. */
const freeLong: Uint8Array[] = [];
let keptLongBytes = 0;

/**
 * A buffer of at least `bytes`, however many, for what is held whole: memory that is new costs its pages, one by one, and a
 * collection. Not for {@link giveBuffer}. Its content is whatever the last user left.
 */
export function takeLongBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  for (let at = freeLong.length - 1; at >= 0; at--) {
    const { length } = freeLong[at]!;
    if (length < bytes || length > bytes + bytes / 16 + LONG_STEP) continue;
    const [found] = freeLong.splice(at, 1) as [Uint8Array<ArrayBuffer>];
    keptLongBytes -= length;
    watch?.onTaken(found);
    return found;
  }
  // Of the runtime's own kind nothing but the memory is of use.
  const { buffer, byteOffset, length } = Buffer.allocUnsafeSlow(Math.ceil(bytes / LONG_STEP) * LONG_STEP);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
}

/** Gives a buffer of {@link takeLongBuffer} back, as {@link giveBuffer} does; those that have waited longest make room. */
export function giveLongBuffer(buffer: Uint8Array): void {
  watch?.onGiven(buffer);
  freeLong.push(buffer);
  keptLongBytes += buffer.length;
  while (keptLongBytes > KEPT_LONG_BYTES) keptLongBytes -= freeLong.shift()!.length;
}

/** The size to use when buffers of `size` bytes come back full. */
export function nextBufferSize(size: number): number {
  return SIZES[Math.min(sizeClass(size) + 1, SIZES.length - 1)]!;
}

/** Bytes that wait for reuse, for tests and metrics. */
export function keptBufferBytes(): number {
  return free.reduce((sum, list, index) => sum + list.length * SIZES[index]!, keptLongBytes);
}
