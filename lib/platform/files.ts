// Files as both runtimes read them: by `node:fs`. Text is UTF-8 or it is a fault, never replacement characters.
import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import process from "node:process";
import { systemError } from "./system_fault.ts";

/** No text that Signet reads is near it; a device or a disk's image that was named by mistake fills memory without it. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * At most 16 MiB.
 * @throws what `systemFault` knows: NotFound, PermissionDenied, NotCapable, IsADirectory; FileTooLarge; InvalidData if it is
 * no UTF-8
 */
export async function readTextFile(path: string): Promise<string> {
  const about = await stat(path);
  if (about.isFile() && about.size > MAX_TEXT_BYTES) throw tooLarge(path);
  const bytes = about.isFile() || about.isDirectory() ? await readFile(path) : await readUntilEnd(path);
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    const fault = new Error(`reading ${path}: found bytes that are no UTF-8`, { cause });
    fault.name = "InvalidData";
    throw fault;
  }
}

/** What has no size and may have no end: a pipe, a device. */
async function readUntilEnd(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const pieces: Uint8Array[] = [];
    for (let length = 0; length <= MAX_TEXT_BYTES;) {
      const { buffer, bytesRead } = await file.read(new Uint8Array(64 * 1024), { position: null });
      if (bytesRead === 0) return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
      pieces.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    throw tooLarge(path);
  } finally {
    await file.close();
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
