// Whether an audit log that is there already can be gone on with, told before anything is started. Writes nothing.
import { open, stat } from "node:fs/promises";
import { NoAuditLog, recoverChain } from "./recover.ts";

export const AUDIT_FILE_REMEDY = "Name a file in a folder that Signet may write to, or move this one away.";

/** What `serve` would find wrong with the file, and the cure; undefined if nothing, and where there is no file yet. */
export async function auditLogFault(path: string): Promise<{ problem: string; remedy: string } | undefined> {
  const fault = await judge(path);
  return fault === undefined ? undefined : { problem: `the audit log ${path} ${fault}`, remedy: AUDIT_FILE_REMEDY };
}

async function judge(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  // Opening the reading end of a pipe waits for whoever writes.
  if (!info.isFile()) return "is no plain file";
  try {
    const file = await open(path, "a+");
    try {
      await recoverChain(file);
    } finally {
      await file.close();
    }
    return undefined;
  } catch (error) {
    return error instanceof NoAuditLog ? error.message : "cannot be read and written by this user";
  }
}
