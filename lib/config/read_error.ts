// Why a file could not be read, in words: one table for every file that configuration names.
import { systemFault } from "../platform/system_fault.ts";

const READ_FAULTS: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  NotFound: ["there is no such file", "Create FILE, or name another file."],
  PermissionDenied: ["this user may not read the file", "Let the user Signet runs as read FILE, or name another file."],
  NotCapable: ["the runtime may not read the file", "Allow reading FILE, or name another file."],
  IsADirectory: ["this is a directory", "Name a file in FILE."],
  InvalidData: ["the file is not text", "Replace FILE, or name another file."],
};

/** Why a file could not be read, in words. */
export function explainReadError(error: unknown, path: string): { problem: string; remedy: string } {
  const [problem, remedy] = READ_FAULTS[systemFault(error) ?? ""] ??
    ["the file cannot be read", "See what is wrong with FILE, or name another file."];
  return { problem, remedy: remedy.replace("FILE", () => path) };
}
