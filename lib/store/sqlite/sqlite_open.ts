// How a state file comes to be open: created with mode 0600 or narrowed to it, known to be Signet's and of a version this one
// knows, sound, with a write-ahead log. Nothing is written to a file before it is known to be ours.
// SQLite: "Application ID", "user_version", "Write-Ahead Logging".
import { chmodSync, closeSync, lstatSync, openSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { systemFault } from "../../platform/faults/system_fault.ts";
import { filesBeside, foreignHands } from "../../platform/files/foreign_hands.ts";
import { openDatabase } from "../../platform/runtime/builtin.ts";
import { StoreError } from "../store.ts";
import { DAMAGED_REMEDY, explainSqlite } from "./sqlite_error.ts";
import { requireSchema } from "./sqlite_schema.ts";
import { APPLICATION_ID, bearsOurMark, foreignVersion, SCHEMA_VERSION } from "./state_header.ts";

// `revocation.key` is `s` + sid, `p` + owner, or `*`: one lookup by three keys decides about a session.
// AUTOINCREMENT: a sequence number is never used again, so that nobody's cursor skips a change.
const SCHEMA = `
CREATE TABLE token (
  sid TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  expires_s INTEGER NOT NULL,
  digest TEXT NOT NULL,
  issued_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_agent ON token (agent, expires_s);
CREATE INDEX token_by_expiry ON token (expires_s);
CREATE TABLE revocation (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  before_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  by_operator INTEGER NOT NULL
) STRICT;
CREATE INDEX revocation_by_until ON revocation (until_ms);
`;

export interface OpenOptions {
  readonly busyTimeoutMs: number;
  /** `--unsafe-files`: opens what other users own or could replace. */
  readonly trustsOthers: boolean;
}

/** @throws StoreError `foreign`, `newer`, `corrupt`, `io`; what SQLite throws */
export function openStateFile(path: string, { busyTimeoutMs, trustsOthers }: OpenOptions): DatabaseSync {
  if (!trustsOthers) requireOwn(path);
  claimFile(path);
  for (const side of filesBeside(path)) requirePlain(side);
  const database = openDatabase(path, { timeout: busyTimeoutMs });
  try {
    prepareSchema(database, path);
    useWriteAheadLog(database);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** What another user has written says what he wants: that nothing was revoked, that his tokens are live. */
function requireOwn(path: string): void {
  const found = foreignHands(path, "state");
  if (found === undefined) return;
  throw new StoreError("foreign", `The state file ${path} could not be trusted: ${found.problem}`, {
    remedy: found.remedy.replace(/\.$/, ""),
  });
}

/** Creates the file for its owner only, or narrows an existing one; SQLite gives its side files the same mode. */
function claimFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
    return;
  } catch (cause) {
    if (systemFault(cause) !== "AlreadyExists") {
      throw new StoreError("io", `The state file ${path} could not be created`, {
        remedy: "Its folder must exist and be writable by Signet, with permission to read and write there.",
        cause,
      });
    }
  }
  const info = statSync(path);
  if (!info.isFile()) {
    throw new StoreError("foreign", `The state file ${path} could not be opened: it is not a regular file`, {
      remedy: "Name a file.",
    });
  }
  if ((info.mode & 0o077) === 0 || !(info.size === 0 || bearsOurMark(path))) return;
  try {
    chmodSync(path, 0o600);
  } catch (cause) {
    throw new StoreError("io", `The state file ${path} is open to other users and cannot be narrowed`, {
      remedy: "Make the user Signet runs as its owner, or chmod it to 600.",
      cause,
    });
  }
}

/** SQLite opens what is there, and would wait for whoever opens the other end of a pipe. */
function requirePlain(side: string): void {
  if (lstatSync(side, { throwIfNoEntry: false })?.isFile() ?? true) return;
  throw new StoreError(
    "foreign",
    `The file ${side}, which belongs to the state file, could not be opened: it is no file`,
    {
      remedy: "Move it away.",
    },
  );
}

function prepareSchema(database: DatabaseSync, path: string): void {
  // Alone, so that two processes starting on a new file do not both create the schema. Closing the database rolls back.
  database.exec("BEGIN IMMEDIATE");
  const applicationId = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  const objects = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || version !== 0 || objects !== 0)) {
    throw new StoreError("foreign", `The state file ${path} is a database of another program`, {
      remedy: "Name another file; this one was not touched.",
    });
  }
  if (applicationId === APPLICATION_ID && version !== SCHEMA_VERSION) {
    const { problem, remedy } = foreignVersion(path, version);
    throw new StoreError("newer", `The state file ${problem}`, { remedy });
  }
  if (applicationId === 0) database.exec(`${SCHEMA}PRAGMA application_id = ${APPLICATION_ID};`);
  // Also where it stands there: SQLite opens what it may only read, and says so with the first revocation.
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  requireSound(database, path);
  requireSchema(database, path, SCHEMA);
  database.exec(applicationId === 0 ? "COMMIT" : "ROLLBACK");
}

function requireSound(database: DatabaseSync, path: string): void {
  const verdict = database.prepare("PRAGMA quick_check(1)").get();
  if (verdict?.quick_check === "ok") return;
  throw new StoreError("corrupt", `The state file ${path} is damaged`, {
    remedy: DAMAGED_REMEDY,
  });
}

/** Persistent in the file, so it is switched once. Switching wants the file alone and does not wait by itself. */
function useWriteAheadLog(database: DatabaseSync): void {
  // FULL: what was acknowledged as revoked stays revoked after a power cut.
  database.exec("PRAGMA synchronous = FULL");
  for (let attempt = 0;; attempt++) {
    try {
      if (database.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode === "wal") return;
      throw new Error("switching to write-ahead logging: it is not available there");
    } catch (fault) {
      if (attempt === 9 || explainSqlite(fault).code !== "busy") throw fault;
      // Waits, by the busy time-out, until whoever holds the file has let go.
      database.exec("BEGIN IMMEDIATE; COMMIT");
    }
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
