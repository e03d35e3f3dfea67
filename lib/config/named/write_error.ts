// Why a file could not be made where it is named, in words: one table for every file that Signet makes.
import { codeInBrackets, systemFault } from "../../platform/faults/system_fault.ts";
import { pathInFull } from "./path_in_full.ts";

const WRITE_FAULTS: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  NotFound: ["its folder is not there", "Make the folder of FILE, or name another file."],
  PermissionDenied: ["this user may not write in its folder", "Let the user Signet runs as write beside FILE."],
  NotCapable: [
    "the runtime may not write there",
    "Name a file below /var/lib/signet or /run, which compiled programs may write, or allow writing beside FILE.",
  ],
  ReadOnly: [
    "its folder is on a file system that is mounted read-only",
    "Mount one that can be written where FILE is to be (a volume, in a container), or name another file.",
  ],
  NoSpace: ["there is no room for it in its file system", "Make room where FILE is to be, or name another file."],
  IsADirectory: ["this is a directory", "Name a file in it."],
};

/** Why a file could not be made, in words. */
export function explainWriteError(error: unknown, path: string): { problem: string; remedy: string } {
  const fault = systemFault(error) ?? "";
  const [problem, remedy] = WRITE_FAULTS[fault] ??
    [
      `nothing can be written in its folder${codeInBrackets(error)}`,
      "See what is wrong with the folder of FILE, or name another file.",
    ];
  const inFull = fault === "NotFound" ? pathInFull(path) : undefined;
  return { problem, remedy: inFull ?? remedy.replace("FILE", () => path) };
}
