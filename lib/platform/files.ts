// Files as both runtimes read them: by `node:fs`. Text is UTF-8 or it is a fault, never replacement characters.
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** @throws what `systemFault` knows: NotFound, PermissionDenied, NotCapable, IsADirectory; InvalidData if it is no UTF-8 */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path);
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    const fault = new Error(`reading ${path}: found bytes that are no UTF-8`, { cause });
    fault.name = "InvalidData";
    throw fault;
  }
}

/** Permission bits, as far as the system has them. @throws what `systemFault` knows */
export async function fileMode(path: string): Promise<number | null> {
  const { mode } = await stat(path);
  return mode ?? null;
}

/** The bytes of a file, piece by piece. @throws what `systemFault` knows */
export function readPieces(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 256 * 1024 });
}
