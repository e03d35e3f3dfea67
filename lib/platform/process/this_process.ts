// What the system says of this process and its machine.
import { hostname } from "node:os";
import process from "node:process";

let lastResident = 0;

/** Bytes of memory that are resident; what they were when last asked for, where the system has no descriptor left to tell. */
export function residentBytes(): number {
  try {
    // Deno answers 0 then, Bun throws.
    lastResident = process.memoryUsage.rss() || lastResident;
  } catch {
    // Who watches wants to see all else the more.
  }
  return lastResident;
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
