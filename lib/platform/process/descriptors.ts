// How many files and sockets this process may have open.
import { readFileSync } from "node:fs";
import { RUNTIME } from "../runtime/runtime.ts";

/** Whether a listener burns a core when there is no descriptor left for the next connection (Bun 1.4.5), instead of pausing. */
export const ACCEPT_SPINS: boolean = RUNTIME === "bun";

/** The limit in force; undefined where it cannot be told. Both runtimes raise it as far as they may. */
export function openFilesLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined; // not Linux, or not permitted
  }
}
