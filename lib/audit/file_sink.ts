// An audit log in a file: made for its owner alone, appended to, and opened again by its name where a rotation has moved it
// (SIGHUP). One that others could write is refused: what they write would pass for Signet's.
import { type FileHandle, open, stat } from "node:fs/promises";
import { foreignHands } from "../platform/files/foreign_hands.ts";
import { NoAuditLog, recoverChain, type Recovered } from "./recover.ts";
import type { AuditSink } from "./sink.ts";

export interface FileSinkOptions {
  readonly path: string;
  /** `--unsafe-files`. */
  readonly trustsOthers: boolean;
}

export class FileSink implements AuditSink {
  readonly kind = "file";
  readonly #options: FileSinkOptions;
  #file: FileHandle;
  /** What a killed process left: a torn line gets its end before anything else is written. */
  readonly recovered: Recovered | undefined;
  #endsLine: boolean;
  /** What the file has to have, in bytes, as nobody else writes to it. */
  #size: number;

  private constructor(options: FileSinkOptions, file: FileHandle, recovered: Recovered | undefined, size: number) {
    this.#options = options;
    this.#file = file;
    this.recovered = recovered;
    this.#size = size;
    this.#endsLine = recovered?.endsLine ?? false;
  }

  /** @throws NoAuditLog for a file of another kind or that others could write; the system's error */
  static async open(options: FileSinkOptions): Promise<FileSink> {
    const file = await openFile(options);
    try {
      const { size } = await file.stat();
      return new FileSink(options, file, await recoverChain(file), size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#endsLine) {
      await this.#file.write(Uint8Array.of(0x0a));
      this.#endsLine = false;
      this.#size++;
    }
    const { bytesWritten } = await this.#file.write(bytes);
    this.#size += bytesWritten;
    return bytesWritten;
  }

  async openNext(): Promise<(() => Promise<void>) | undefined> {
    if (!await this.#isMoved()) return undefined;
    const next = await openFile(this.#options);
    // Somebody else's lines: the chain does not lead there.
    if ((await next.stat()).size > 0) {
      await next.close();
      throw new NoAuditLog("is not empty after a rotation");
    }
    return async () => {
      const old = this.#file;
      this.#file = next;
      this.#size = 0;
      this.#endsLine = false;
      // What it could not take has been told, and goes on in the next.
      await old.close().catch(() => {});
    };
  }

  async undo(count: number): Promise<boolean> {
    try {
      // What somebody else has written is his to answer for, and stays.
      if ((await this.#file.stat()).size !== this.#size) return false;
      await this.#file.truncate(this.#size - count);
    } catch {
      return false; // one that can only be appended to, say
    }
    this.#size -= count;
    return true;
  }

  async trouble(): Promise<string | undefined> {
    if (await this.#isMoved()) return "moved or removed";
    const { size } = await this.#file.stat();
    if (size === this.#size) return undefined;
    return size < this.#size ? "cut" : "written to by somebody else";
  }

  async #isMoved(): Promise<boolean> {
    const mine = await this.#file.stat();
    try {
      const named = await stat(this.#options.path);
      return named.ino !== mine.ino || named.dev !== mine.dev;
    } catch {
      return true;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function openFile({ path, trustsOthers }: FileSinkOptions): Promise<FileHandle> {
  if (!trustsOthers) requireOwn(path);
  const file = await open(path, "a+", 0o600);
  if (!(await file.stat()).isFile()) {
    await file.close();
    throw new NoAuditLog("is no plain file");
  }
  return file;
}

/** @throws NoAuditLog */
function requireOwn(path: string): void {
  const found = foreignHands(path, "file");
  if (found !== undefined) throw new NoAuditLog(`could not be trusted: ${found.problem}. ${found.remedy}`);
}
