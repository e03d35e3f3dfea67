// Why a file could not be read, in words: one table for every file that configuration names.
import { codeInBrackets, systemFault } from "../../platform/faults/system_fault.ts";
import { pathInFull } from "./path_in_full.ts";

const READ_FAULTS: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  NotFound: ["there is no such file", "Create FILE, or name another file."],
  PermissionDenied: ["this user may not read the file", "Let the user Signet runs as read FILE, or name another file."],
  NotCapable: ["the runtime may not read the file", "Allow reading FILE, or name another file."],
  IsADirectory: ["this is a directory", "Name a file in it."],
  InvalidData: ["the file is not text", "Replace FILE, or name another file."],
  TimedOut: [
    "this is a pipe that has not given all it holds within 5s",
    "See what writes into FILE, or name another file.",
  ],
  FileTooLarge: ["the file is larger than 16MiB", "Name another file than FILE."],
};

/** Of a file that holds what `signet keys new` prints: who has none yet is told how to make it. */
const MAKE_KEY: Readonly<Record<string, string>> = {
  NotFound: "Make it with `(umask 077; signet keys new > FILE)`, or name another file.",
  InvalidData: "Write base64 into it, as `signet keys new` prints it, and no bare bytes; or name another file.",
};

/** What stands in a command as it is, in every shell. */
const PLAIN = /^[\w./-]+$/;

/**
 * Why a file could not be read, in words.
 * @param options.holdsKey `signet keys new` makes what it holds
 */
export function explainReadError(
  error: unknown,
  path: string,
  { holdsKey = false }: { readonly holdsKey?: boolean } = {},
): { problem: string; remedy: string } {
  const fault = systemFault(error) ?? "";
  const [problem, remedy] = READ_FAULTS[fault] ??
    [`the file cannot be read${codeInBrackets(error)}`, "See what is wrong with FILE, or name another file."];
  const inFull = fault === "NotFound" ? pathInFull(path) : undefined;
  if (inFull !== undefined) return { problem, remedy: inFull };
  const asKey = holdsKey && PLAIN.test(path) ? MAKE_KEY[fault] : undefined;
  return { problem, remedy: (asKey ?? remedy).replace("FILE", () => path) };
}
