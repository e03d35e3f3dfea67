// Where a chain stands that an earlier process began: read from the end of its file. What was written after the last MAC
// (a process was killed in the middle of a batch) is taken into the next one, so that nobody can add to it either.
import type { FileHandle } from "node:fs/promises";
import { parseJson } from "../platform/json.ts";
import { AFTER_MAC, type ChainState } from "./chain.ts";

/** A batch is far smaller, and so is what a killed process leaves of one. */
const LOOK_BACK = 4 * 1024 * 1024;
const LF = 0x0a;
/** How every line begins. */
const BEGINNING = '{"v":1,"seq":';
const MAC = /,"mac":"([0-9a-f]{32})"\}(?:\n|$)/g;
/** How the line begins that a process has ended with: behind that is what clients have had written. */
const STOP = /^\{"v":1,"seq":\d+,"time":"[^"]*","event":"audit\.stop"/;
/** Characters before the digits. */
const BEFORE_DIGITS = ',"mac":"'.length;

/** What is wrong with a file that is to be gone on with; `message` completes "the audit log FILE …". */
export class NoAuditLog extends Error {
  override readonly name = "NoAuditLog";
}

export interface Recovered extends ChainState {
  /** Lines behind the last MAC, and bytes of one that is not whole. */
  readonly unsealed: number;
  readonly torn: number;
  /** Whether its last line has no end, which has to come before anything else. */
  readonly endsLine: boolean;
  /** Whether the process before ended in order: else it was killed, and what it had not written yet is lost. */
  readonly stopped: boolean;
}

/** Undefined of an empty file. @throws NoAuditLog; the system's error */
export async function recoverChain(file: FileHandle): Promise<Recovered | undefined> {
  const { size } = await file.stat();
  if (size === 0) return undefined;
  const length = Math.min(size, LOOK_BACK);
  const end = await readAt(file, size - length, length);
  const written = new TextDecoder("latin1").decode(end);
  const last = [...written.matchAll(MAC)].findLast(({ index, 0: { length } }) =>
    endsLineOfOurs(written, index + length)
  );
  const begins = length === size && (written.startsWith(BEGINNING) || BEGINNING.startsWith(written));
  if (last === undefined && !begins) {
    throw new NoAuditLog("does not end as one of Signet's does");
  }
  // What comes next begins a line of its own; a last line that lacks nothing but its end is whole with it.
  const endsLine = !written.endsWith("\n");
  const text = endsLine ? `${written}\n` : written;
  const from = last === undefined ? 0 : last.index + BEFORE_DIGITS + last[1]!.length;
  const behind = last === undefined ? "" : text.slice(from, from + AFTER_MAC.length);
  const isSealed = behind === "" || behind === AFTER_MAC;
  const rest = text.slice(from + behind.length).split("\n").slice(0, -1);
  const isTorn = endsLine && rest.length > 0 && !isWhole(rest.at(-1)!);
  const unsealed = isTorn ? rest.slice(0, -1) : rest;
  // Half a line of an earlier kill may stand among them: it has no number.
  const lastLine = unsealed.findLast(isWhole) ?? (last === undefined ? undefined : lineAround(text, last.index));
  return {
    mac: last?.[1] ?? "",
    since: endsLine ? new Uint8Array([...end.subarray(from), LF]) : end.slice(from),
    seq: seqOf(lastLine),
    unsealed: unsealed.length,
    torn: isTorn ? rest.at(-1)!.length : 0,
    endsLine,
    stopped: !endsLine && isSealed && rest.length === 0 && STOP.test(lastLine ?? ""),
  };
}

/** Whether a MAC is no argument of a call whose line was torn behind it. @param end behind the MAC's line */
function endsLineOfOurs(written: string, end: number): boolean {
  const behind = written[end - 1] === "\n" ? end - 1 : end;
  const from = written.lastIndexOf("\n", behind - 1) + 1;
  // Of the first line only a part may be there.
  return from === 0 || isWhole(written.slice(from, behind));
}

function isWhole(line: string): boolean {
  try {
    return typeof parseJson(line) === "object";
  } catch {
    return false;
  }
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
