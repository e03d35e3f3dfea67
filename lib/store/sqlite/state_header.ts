// What a state file's first bytes say of it: whose it is, and of which version. Read by hand, so that no other program's file
// is changed and no database need be opened to tell. SQLite: "Database File Format", §1.3.
import { Buffer } from "node:buffer";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { filesBeside } from "../../platform/files/foreign_hands.ts";

/** "SGNT": what `file(1)` and we know our files by. */
export const APPLICATION_ID = Buffer.from("SGNT").readInt32BE();
export const SCHEMA_VERSION = 1;

const MAGIC = Buffer.from("SQLite format 3\0");
const LENGTH = 100;

/** The application id stands in a database's header. */
export function bearsOurMark(path: string): boolean {
  const header = readHeader(path);
  return header !== undefined && isDatabase(header) && header.readInt32BE(68) === APPLICATION_ID;
}

/**
 * Why `serve` would not start on this file, as far as its header tells; undefined where there is none yet.
 *
 * Not for a process that has the file open: closing it takes that process's locks off (sqlite.org, "How To Corrupt", §2.2).
 */
export function stateFault(path: string): { problem: string; remedy: string } | undefined {
  try {
    return judge(path) ?? usable(path);
  } catch {
    return notForThisUser(path);
  }
}

/** Its log and its index, too: SQLite makes them, and opens what it finds. */
function usable(path: string): { problem: string; remedy: string } | undefined {
  for (const file of [path, ...filesBeside(path)]) {
    if (!existsSync(file)) continue;
    try {
      closeSync(openSync(file, "r+"));
    } catch {
      return notForThisUser(file);
    }
  }
}

function notForThisUser(path: string): { problem: string; remedy: string } {
  const remedy = "Make the user Signet runs as its owner, with mode 600, or name another file.";
  return { problem: `${path} cannot be read and written by this user`, remedy };
}

function judge(path: string): { problem: string; remedy: string } | undefined {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return undefined;
  if (!info.isFile()) return { problem: `${path} is not a regular file`, remedy: "Name a file." };
  if (info.size === 0) return undefined;
  const header = readHeader(path);
  const remedy = "Name another file; Signet leaves this one as it is.";
  if (header === undefined || !isDatabase(header)) return { problem: `${path} is not a SQLite database`, remedy };
  const [mark, version] = [header.readInt32BE(68), header.readInt32BE(60)];
  if (mark === APPLICATION_ID) return version === SCHEMA_VERSION ? undefined : foreignVersion(path, version);
  const isBlank = mark === 0 && version === 0 && info.size <= pageSize(header);
  return isBlank ? undefined : { problem: `${path} is a database of another program`, remedy };
}

export function foreignVersion(path: string, version: number): { problem: string; remedy: string } {
  return {
    problem: `${path} has version ${version}, this Signet knows ${SCHEMA_VERSION}`,
    remedy: "Run the newer Signet that wrote it, or name another file.",
  };
}

function readHeader(path: string): Buffer | undefined {
  const header = Buffer.alloc(LENGTH);
  const file = openSync(path, "r");
  try {
    return readSync(file, header) === LENGTH ? header : undefined;
  } finally {
    closeSync(file);
  }
}

const isDatabase = (header: Buffer): boolean => header.subarray(0, MAGIC.length).equals(MAGIC);

/** 1 stands for what two bytes do not hold. */
function pageSize(header: Buffer): number {
  const size = header.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}
