// Files as both runtimes read them: by `node:fs`. Text is UTF-8 or it is a fault, never replacement characters.
import { createReadStream } from "node:fs";
import { constants, type FileHandle, open, readFile, stat } from "node:fs/promises";
import process from "node:process";
import { NOT_NOW, systemError } from "./system_fault.ts";
import { Patience, pause, SYSTEM_TIMERS, type Timers } from "./timers.ts";

/** No text that Signet reads is near it; a device or a disk's image that was named by mistake fills memory without it. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** How long a pipe with a name is waited for, and how often it is looked into, in ms: a reload that hung would be the last one. */
const PIPE_PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 20;

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

type Read = (file: FileHandle, into: Uint8Array) => Promise<number>;

const readWaiting: Read = async (file, into) => (await file.read(into, { position: null })).bytesRead;

/** What has no size and may have no end: a pipe, a device. @param read answers how much it has read, 0 for the end */
async function readUntilEnd(path: string, read = readWaiting, flags = constants.O_RDONLY): Promise<Uint8Array> {
  const file = await open(path, flags);
  try {
    const pieces: Uint8Array[] = [];
    for (let length = 0; length <= MAX_TEXT_BYTES;) {
      const into = new Uint8Array(64 * 1024);
      const count = await read(file, into);
      if (count === 0) return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
      pieces.push(into.subarray(0, count));
      length += count;
    }
    throw tooLarge(path);
  } finally {
    await file.close();
  }
}

/** Opened and read without waiting, as nothing ends such a wait if nobody ever writes. */
async function readNamedPipe(path: string, timers: Timers): Promise<Uint8Array> {
  const patience = new Patience(PIPE_PATIENCE_MS, timers);
  let begun = false;
  const read: Read = async (file, into) => {
    for (;;) {
      const count = await readWaiting(file, into).catch(ifNotNow);
      // Before its first byte an end says that there is no writer yet.
      if (count !== undefined && (count > 0 || begun)) {
        begun = true;
        return count;
      }
      if (patience.leftMs === 0) throw systemError("ETIMEDOUT", `reading ${path}: found a pipe that does not end`);
      await pause(LOOK_EVERY_MS, timers);
    }
  };
  return await readUntilEnd(path, read, constants.O_RDONLY | constants.O_NONBLOCK);
}

function ifNotNow(fault: unknown): undefined {
  if (!NOT_NOW.has((fault as { readonly code?: unknown }).code)) throw fault;
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
