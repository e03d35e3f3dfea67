// What SQLite's faults mean to whoever runs Signet: a code, what was found, what to do.
import type { StoreErrorCode } from "../store.ts";

export interface Explanation {
  readonly code: StoreErrorCode;
  readonly problem: string;
  readonly remedy: string;
}

/** Of a state file that is not as Signet leaves it. */
export const DAMAGED_REMEDY = "Restore it from a backup, or move it away to start without its revocations and tokens.";

/** Told by SQLite's own text: Deno leaves the numeric code out of some errors ("database is locked"). */
export function explainSqlite(cause: unknown): Explanation {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/database (table )?is locked|database is busy/.test(text)) {
    return {
      code: "busy",
      problem: "another process held it too long",
      remedy: "Try again; if it lasts, find the process that has it open.",
    };
  }
  if (/file is not a database/.test(text)) {
    return {
      code: "foreign",
      problem: "it is not a SQLite database",
      remedy: "Name another file; this one was not touched.",
    };
  }
  if (/no such (table|column)|has no column|views may not be/.test(text)) {
    return { code: "corrupt", problem: "its tables are not as Signet makes them", remedy: DAMAGED_REMEDY };
  }
  if (/malformed|corrupt/.test(text)) {
    return { code: "corrupt", problem: "it is damaged", remedy: DAMAGED_REMEDY };
  }
  if (/readonly database/.test(text)) {
    return {
      code: "io",
      problem: "this user may not write it, or its file system is mounted read-only",
      remedy: "Make the user Signet runs as its owner, with mode 600, on a file system that can be written.",
    };
  }
  if (/database or disk is full/.test(text)) {
    return { code: "full", problem: "the disk is full", remedy: "Make room." };
  }
  return {
    code: "io",
    problem: text,
    remedy: "Its folder must be writable, on a local disk, with permission to read and write there.",
  };
}
