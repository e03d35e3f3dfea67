// Where a chain stands that an earlier process began: read from the end of its file. What was written after the last MAC
// (a process was killed in the middle of a batch) is taken into the next one, so that nobody can add to it either.
import type { FileHandle } from "node:fs/promises";
import type { ChainState } from "./chain.ts";

/** A batch is far smaller, and so is what a killed process leaves of one. */
const LOOK_BACK = 4 * 1024 * 1024;
const LF = 0x0a;
/** How every line begins. */
const BEGINNING = '{"v":1,"seq":';
const MAC = /,"mac":"([0-9a-f]{32})"\}\n/g;

/** What is wrong with a file that is to be gone on with; `message` completes "the audit log FILE …". */
export class NoAuditLog extends Error {
  override readonly name = "NoAuditLog";
}

export interface Recovered extends ChainState {
  /** Lines behind the last MAC, and bytes of one that is not whole. */
  readonly unsealed: number;
  readonly torn: number;
  /** Whether the process before ended in order: else it was killed, and what it had not written yet is lost. */
  readonly stopped: boolean;
}

/** Undefined of an empty file. @throws NoAuditLog; the system's error */
export async function recoverChain(file: FileHandle): Promise<Recovered | undefined> {
  const { size } = await file.stat();
  if (size === 0) return undefined;
  const length = Math.min(size, LOOK_BACK);
  const end = await readAt(file, size - length, length);
  const text = new TextDecoder("latin1").decode(end);
  let last: RegExpExecArray | undefined;
  for (const match of text.matchAll(MAC)) last = match;
  if (last === undefined && !(length === size && text.startsWith(BEGINNING))) {
    throw new NoAuditLog("does not end as one of Signet's does");
  }
  const mac = last?.[1] ?? "";
  const from = last === undefined ? 0 : last.index + last[0].length - 3;
  const whole = text.lastIndexOf("\n") + 1;
  const unsealed = text.slice(last === undefined ? 0 : from + 3, whole).split("\n").filter((line) => line !== "");
  const lastLine = unsealed.at(-1) ?? (last === undefined ? undefined : lineAround(text, last.index));
  const torn = end.length - whole;
  // A line that is torn ends here: what comes next is one of its own.
  const since = torn === 0 ? end.slice(from) : new Uint8Array([...end.subarray(from), LF]);
  const stopped = unsealed.length === 0 && torn === 0 && (lastLine ?? "").includes('"event":"audit.stop"');
  return { mac, since, seq: seqOf(lastLine), unsealed: unsealed.length, torn, stopped };
}

function lineAround(text: string, at: number): string {
  return text.slice(text.lastIndexOf("\n", at) + 1, at);
}

function seqOf(line: string | undefined): number {
  const seq = /^\{"v":1,"seq":(\d{1,15}),/.exec(line ?? "")?.[1];
  if (seq === undefined && line !== undefined) throw new NoAuditLog("ends with a line that is none of Signet's");
  return Number(seq ?? 0);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}
