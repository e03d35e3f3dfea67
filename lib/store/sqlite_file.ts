// One SQLite file that belongs to Signet: opened, checked, created with mode 0600, shared safely by several processes.
// Nothing is written to a file before it is known to be ours. WAL: readers never wait; writers wait for `busyTimeoutMs`.
// SQLite: "Application ID", "user_version", "Write-Ahead Logging".
import { Buffer } from "node:buffer";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StoreError, type StoreErrorCode } from "./store.ts";

/** "SGNT": what `file(1)` and we know our files by. */
const APPLICATION_ID = Buffer.from("SGNT").readInt32BE();
const SCHEMA_VERSION = 1;

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

export interface SqliteFileOptions {
  /** How long a write waits for another process's, in ms; the process stands still meanwhile. Default 1,000. */
  readonly busyTimeoutMs?: number;
}

export class SqliteFile {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  #closed = false;

  /** @throws StoreError `foreign`, `newer`, `corrupt`, `busy`, `io` */
  constructor(path: string, options: SqliteFileOptions = {}) {
    this.#path = path;
    const busyTimeoutMs = options.busyTimeoutMs ?? 1_000;
    let database: DatabaseSync | undefined;
    try {
      claimFile(path);
      database = new DatabaseSync(path, { timeout: busyTimeoutMs });
      prepareSchema(database, path);
      useWriteAheadLog(database);
      this.#begin = database.prepare("BEGIN IMMEDIATE");
      this.#commit = database.prepare("COMMIT");
      this.#rollback = database.prepare("ROLLBACK");
    } catch (cause) {
      database?.close();
      throw this.#translate(cause, "opened");
    }
    this.#database = database;
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /** Runs one statement or reads rows; SQLite makes a single statement atomic by itself. @throws StoreError */
  run<T>(step: () => T): T {
    if (this.#closed) throw this.#closedError();
    try {
      return step();
    } catch (cause) {
      throw this.#translate(cause, "used");
    }
  }

  /** Runs `step` alone among all processes, durable when it returns; undone if it throws. @throws StoreError */
  immediate<T>(step: () => T): T {
    return this.run(() => {
      this.#begin.run();
      try {
        const result = step();
        this.#commit.run();
        return result;
      } catch (fault) {
        this.#tryRollback();
        throw fault;
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  #tryRollback(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has rolled back by itself (disk full, I/O error): the first fault is the one to tell of.
    }
  }

  #closedError(): StoreError {
    return new StoreError("closed", `The state file ${this.#path} was used after it had been closed`, {
      remedy: "This is a fault of Signet",
    });
  }

  #translate(cause: unknown, attempted: string): unknown {
    if (cause instanceof StoreError) return cause;
    const { code, problem, remedy } = explain(cause);
    return new StoreError(code, `The state file ${this.#path} could not be ${attempted}: ${problem}`, {
      remedy,
      cause,
    });
  }
}

/** Creates the file for its owner only, or narrows an existing one; SQLite gives its side files the same mode. */
function claimFile(path: string): void {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
    return;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) {
      throw new StoreError("io", `The state file ${path} could not be created`, {
        remedy: "Its folder must exist and be writable by Signet, with permission to read and write there",
        cause,
      });
    }
  }
  const info = Deno.statSync(path);
  if (!info.isFile) {
    throw new StoreError("foreign", `The state file ${path} could not be opened: it is not a regular file`, {
      remedy: "Name a file",
    });
  }
  if (info.mode === null || (info.mode & 0o077) === 0 || !(info.size === 0 || bearsOurMark(path))) return;
  try {
    Deno.chmodSync(path, 0o600);
  } catch (cause) {
    throw new StoreError("io", `The state file ${path} is open to other users and cannot be narrowed`, {
      remedy: "Make the user Signet runs as its owner, or chmod it to 600",
      cause,
    });
  }
}

/** The application id stands at byte 68 of a database's header. Read by hand, so that no other program's file is changed. */
function bearsOurMark(path: string): boolean {
  const header = Buffer.alloc(72);
  using file = Deno.openSync(path, { read: true });
  return file.readSync(header) === header.length && header.readInt32BE(68) === APPLICATION_ID;
}

function prepareSchema(database: DatabaseSync, path: string): void {
  // Alone, so that two processes starting on a new file do not both create the schema. Closing the database rolls back.
  database.exec("BEGIN IMMEDIATE");
  const applicationId = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  const objects = Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || version !== 0 || objects !== 0)) {
    throw new StoreError("foreign", `The state file ${path} is a database of another program`, {
      remedy: "Name another file; this one was not touched",
    });
  }
  if (applicationId === APPLICATION_ID && version !== SCHEMA_VERSION) {
    throw new StoreError(
      "newer",
      `The state file ${path} has version ${version}, this Signet knows ${SCHEMA_VERSION}`,
      {
        remedy: "Run the newer Signet that wrote it, or name another file",
      },
    );
  }
  if (applicationId === 0) {
    database.exec(`${SCHEMA}PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
  }
  requireSound(database, path);
  database.exec("COMMIT");
}

function requireSound(database: DatabaseSync, path: string): void {
  const verdict = database.prepare("PRAGMA quick_check(1)").get();
  if (verdict?.quick_check === "ok") return;
  throw new StoreError("corrupt", `The state file ${path} is damaged`, {
    remedy: "Restore it from a backup, or move it away to start without its revocations and tokens",
  });
}

/** Persistent in the file, so it is switched once. Switching wants the file alone and does not wait by itself. */
function useWriteAheadLog(database: DatabaseSync): void {
  // FULL: what was acknowledged as revoked stays revoked after a power cut.
  database.exec("PRAGMA synchronous = FULL");
  for (let attempt = 0;; attempt++) {
    try {
      if (database.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode === "wal") return;
      throw new Error("write-ahead logging is not available there");
    } catch (fault) {
      if (attempt === 9 || explain(fault).code !== "busy") throw fault;
      // Waits, by the busy time-out, until whoever holds the file has let go.
      database.exec("BEGIN IMMEDIATE; COMMIT");
    }
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

interface Explanation {
  readonly code: StoreErrorCode;
  readonly problem: string;
  readonly remedy: string;
}

/** Told by SQLite's own text: Deno leaves the numeric code out of some errors ("database is locked"). */
function explain(cause: unknown): Explanation {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/database (table )?is locked|database is busy/.test(text)) {
    return {
      code: "busy",
      problem: "another process held it too long",
      remedy: "Try again; if it lasts, find the process that has it open",
    };
  }
  if (/file is not a database/.test(text)) {
    return {
      code: "foreign",
      problem: "it is not a SQLite database",
      remedy: "Name another file; this one was not touched",
    };
  }
  if (/malformed|corrupt/.test(text)) {
    return {
      code: "corrupt",
      problem: "it is damaged",
      remedy: "Restore it from a backup, or move it away to start without its revocations and tokens",
    };
  }
  if (/database or disk is full/.test(text)) {
    return { code: "full", problem: "the disk is full", remedy: "Make room" };
  }
  return {
    code: "io",
    problem: text,
    remedy: "Its folder must be writable, on a local disk, with permission to read and write there",
  };
}
