// This program once more: how it was started, and whether the platform lets several of it share a port.
// Linux alone balances connections over the sockets of a port (socket(7), SO_REUSEPORT), and tells the whole command line.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { mayStartPrograms } from "../runtime/runtime.ts";
import { NETWORK } from "../sockets.ts";

/** Cores that this process may use. */
export function cores(): number {
  return availableParallelism();
}

/** Why several processes of this program cannot share the work here; undefined where they can. */
export async function whyNoWorkers(): Promise<"platform" | "port" | "permission" | undefined> {
  if (process.platform !== "linux") return "platform";
  if (!NETWORK.sharesPorts) return "port";
  return await mayStartPrograms() ? undefined : "permission";
}

/** The command and its arguments that start this very program with other words behind it. */
export function programWith(words: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
  const line = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  // What a runtime was told stands before the program's own words.
  const before = line.slice(1, line.length - (process.argv.length - 2));
  return { command: process.execPath, args: [...before, ...words] };
}
