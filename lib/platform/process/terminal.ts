// The three standard streams of this process, and the signals it gets.
import { fstatSync, writeSync } from "node:fs";
import process from "node:process";
import { systemFault } from "../faults/system_fault.ts";
import { isatty } from "../runtime/builtin.ts";

/** File descriptors. */
export const STDOUT = 1;
export const STDERR = 2;

export function isTerminal(descriptor: number): boolean {
  return isDevice(descriptor) && isatty(descriptor);
}

/** A pipe, a file or a socket is no terminal; nobody has to be asked who takes milliseconds to load. */
function isDevice(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch {
    return false; // closed
  }
}

/** Characters in a line of the terminal behind standard output; undefined where there is none. */
export function terminalColumns(): number | undefined {
  // Asked for what it is not, the runtime would make a stream of it all the same: 10 ms of a start.
  if (!isTerminal(STDOUT)) return undefined;
  const { columns } = process.stdout as { columns?: number };
  return typeof columns === "number" && columns > 0 ? columns : undefined;
}

/** The terminal behind standard output as it is now; undefined where there is none. */
export function terminalSize(): { readonly columns: number; readonly rows: number } | undefined {
  const { columns, rows } = process.stdout as { columns?: number; rows?: number };
  return columns !== undefined && rows !== undefined && columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** How long a pipe that somebody else has made non-blocking is left alone when it is full, ms. */
const FULL_PAUSE_MS = 2;
const pausing = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes whole texts in order, and returns when the system has them. Nothing, where nobody reads any more, of which `onGone`
 * is told.
 */
export function textWriter(descriptor: number, onGone?: () => void): (text: string) => void {
  const encoder = new TextEncoder();
  return (text) => {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(descriptor, bytes));
      } catch (error) {
        // `signet help | head` closes the pipe: nobody is left to tell.
        if (systemFault(error) === "BrokenPipe") return onGone?.();
        if ((error as { code?: unknown }).code !== "EAGAIN") throw error;
        Atomics.wait(pausing, 0, 0, FULL_PAUSE_MS);
      }
    }
  };
}

/** All of standard input, as text. */
export async function readStdin(): Promise<string> {
  // A closed or absent stdin is an empty one.
  try {
    fstatSync(0);
  } catch {
    return "";
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of process.stdin) text += decoder.decode(piece as Uint8Array, { stream: true });
  return text + decoder.decode();
}

/** Standard input, piece by piece; its end is the end of whoever writes there. */
export async function* stdinPieces(): AsyncGenerator<Uint8Array> {
  for await (const piece of process.stdin) yield piece as Uint8Array;
}

/**
 * Calls `handler` at each of these signals; answers how to stop that. Who has been stopped is about to end by itself: one
 * more of the same signal, as key presses and process groups bring it, is not left to the system, which would end it with
 * another exit code and without its last words. Nothing, where the system lacks the signal.
 */
export function onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", handler: () => void): () => void {
  const listener = () => handler();
  try {
    process.on(signal, listener);
  } catch {
    return () => {}; // Windows lacks some.
  }
  return () => {
    process.on(signal, ignore);
    process.off(signal, listener);
  };
}

function ignore(): void {}
