// Files as both runtimes read them: by `node:fs`. Text is UTF-8 or it is a fault, never replacement characters.
import { Buffer } from "node:buffer";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { constants, open, readFile, stat } from "node:fs/promises";
import process from "node:process";
import { isOnlyNow, systemError } from "../faults/system_fault.ts";
import { Patience, pause, SYSTEM_TIMERS, type Timers } from "../time/timers.ts";

/** No text that Signet reads is near it; a device or a disk's image that was named by mistake fills memory without it. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

const ROOM_BYTES = 64 * 1024;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * How long a pipe with a name is waited for, and how often it is looked into, in ms: a reload that hung would be the last
 * one.
 */
const PIPE_PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 20;
/**
 * One writer may be gone in a moment and another be there in the next, who says the same again. So the end of what one says is
 * looked for without a turn of the event loop in between, so many times at most and with so many ms from one to the next.
 */
const LOOKS_AT_ONCE = 100, BETWEEN_LOOKS_MS = 0.05;
/** One that says it in more pieces holds nothing else up any more: behind these there are turns between the looks. */
const PIECES_AT_ONCE = 16;
/** Waited at between two looks: nobody ever wakes who does. */
const sleeping = new Int32Array(new SharedArrayBuffer(4));

/** A pipe that was handed over, as shells do for `<(…)`: what it holds comes out once, and is kept for whoever asks again. */
const HANDED_OVER = /^\/(?:dev|proc\/self)\/fd\/\d+$|^\/dev\/stdin$/;
const heard = new Map<string, Promise<Uint8Array>>();

/**
 * At most 16 MiB. A pipe with a name has five seconds to give all it holds.
 * @throws what `systemFault` knows: NotFound, PermissionDenied, NotCapable, IsADirectory, TimedOut; FileTooLarge; InvalidData
 * if it is no UTF-8
 */
export async function readTextFile(path: string, timers: Timers = SYSTEM_TIMERS): Promise<string> {
  const bytes = await readBytes(path, timers);
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    const fault = new Error(`reading ${path}: found bytes that are no UTF-8`, { cause });
    fault.name = "InvalidData";
    throw fault;
  }
}

/** As {@link readTextFile}, of what can be read as often as one likes; undefined: a pipe, whose text comes out once. */
export async function rereadTextFile(path: string): Promise<string | undefined> {
  return (await stat(path)).isFile() ? await readTextFile(path) : undefined;
}

async function readBytes(path: string, timers: Timers): Promise<Uint8Array> {
  const about = await stat(path);
  if (about.isFile() && about.size > MAX_TEXT_BYTES) throw tooLarge(path);
  if (about.isFile() || about.isDirectory()) return await readFile(path);
  if (!about.isFIFO()) return await readUntilEnd(path);
  if (!HANDED_OVER.test(path)) return await readNamedPipe(path, timers);
  const bytes = heard.get(path) ?? readUntilEnd(path);
  heard.set(path, bytes);
  return await bytes;
}

/** What has no size and may have no end: a pipe, a device. */
async function readUntilEnd(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const gathered = new Gathered(path);
    for (let isEnd = false; !isEnd;) {
      isEnd = !gathered.add((await file.read(gathered.room, { position: null })).bytesRead);
    }
    return gathered.take();
  } finally {
    await file.close();
  }
}

/** Opened and read without waiting, as nothing ends such a wait if nobody ever writes. */
async function readNamedPipe(path: string, timers: Timers): Promise<Uint8Array> {
  const patience = new Patience(PIPE_PATIENCE_MS, timers);
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const gathered = new Gathered(path);
    for (let left = LOOKS_AT_ONCE, pieces = 0;; left--) {
      const count = readNow(file, gathered.room);
      // Before its first byte an end says that there is no writer yet.
      if (count === 0 && gathered.size > 0) return gathered.take();
      const isPiece = count !== undefined && gathered.add(count);
      if (isPiece && ++pieces <= PIECES_AT_ONCE) {
        left = LOOKS_AT_ONCE;
      } else if (!isPiece && left > 0) {
        Atomics.wait(sleeping, 0, 0, BETWEEN_LOOKS_MS);
      } else if (patience.leftMs === 0) {
        throw systemError("ETIMEDOUT", `reading ${path}: found a pipe that does not end`);
      } else {
        await pause(isPiece ? 0 : LOOK_EVERY_MS, timers);
      }
    }
  } finally {
    closeSync(file);
  }
}

/** How much was read, 0 for the end; undefined if there is nothing at the moment. */
function readNow(file: number, into: Uint8Array): number | undefined {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (fault) {
    if (!isOnlyNow(fault)) throw fault;
    return undefined;
  }
}

/** What has been read of what has no size. */
class Gathered {
  readonly #path: string;
  readonly #pieces: Uint8Array[] = [];
  size = 0;
  /** Where the next bytes go. */
  readonly room = new Uint8Array(ROOM_BYTES);

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes `count` bytes over from `room`, as a copy: small pieces hold no more than they are.
   * @returns whether there were any
   */
  add(count: number): boolean {
    if (count === 0) return false;
    this.size += count;
    if (this.size > MAX_TEXT_BYTES) throw tooLarge(this.#path);
    this.#pieces.push(this.room.slice(0, count));
    return true;
  }

  take(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}

function tooLarge(path: string): Error {
  return systemError("EFBIG", `reading ${path}: found more than ${MAX_TEXT_BYTES} bytes, want at most that`);
}

/** Permission bits, as far as the system has them. @throws what `systemFault` knows */
export async function fileMode(path: string): Promise<number | null> {
  const { mode } = await stat(path);
  return mode ?? null;
}

/** Whether a file is this user's own, to be changed by it; true where the system knows no owners. @throws as `fileMode` */
export async function isOwnFile(path: string): Promise<boolean> {
  const self = process.geteuid?.();
  return self === undefined || (await stat(path)).uid === self;
}

/** The bytes of a file, piece by piece. @throws what `systemFault` knows */
export function readPieces(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 256 * 1024 });
}
