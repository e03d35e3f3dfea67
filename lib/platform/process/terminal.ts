// The terminal behind the standard streams of this process, where there is one.
import { fstatSync } from "node:fs";
import process from "node:process";
import { isatty } from "../runtime/builtin.ts";
import { STDOUT } from "./output.ts";

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
