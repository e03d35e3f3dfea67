// What the system says of this process and its machine.
import { hostname } from "node:os";
import process from "node:process";

/** Bytes of memory that are resident. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** CPU time that the process has had since it started, in seconds. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What this machine is called; undefined where the runtime may not tell. */
export function machineName(): string | undefined {
  try {
    return hostname();
  } catch {
    return undefined;
  }
}

export function processId(): number {
  return process.pid;
}
