// One SQLite file that belongs to Signet, shared safely by several processes: readers never wait, writers wait for
// `busyTimeoutMs` (once: while another process keeps the file, each further one is refused at once, as the process would
// stand still for all of them together), and what must be one step is one transaction. Every fault is a StoreError with its cure.
import { statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { filesBeside } from "../../platform/files/foreign_hands.ts";
import { closedError, StoreError } from "../store.ts";
import { explainSqlite } from "./sqlite_error.ts";
import { openStateFile } from "./sqlite_open.ts";
import { requireSchema } from "./sqlite_schema.ts";

export interface SqliteFileOptions {
  /** How long a write waits for another process's, in ms; the process stands still meanwhile. Default 1,000. */
  readonly busyTimeoutMs?: number;
  /** Opens a file that other users own or could replace (`--unsafe-files`). Default false. */
  readonly trustsOthers?: boolean;
  /** A clock that nobody sets, in ms. Default: the system's. */
  readonly elapsed?: () => number;
}

interface OpenedFile {
  readonly at: string;
  /** Its device and inode; undefined where there is none. */
  readonly opened: string | undefined;
}

/** How often it is looked at whether the files are still where they were, at most, in ms; before every step that writes, too. */
const LOOK_EVERY_MS = 50;

export class SqliteFile {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #busyTimeoutMs: number;
  /** Whether a write waits: the last one was not in vain. */
  #waits = true;
  readonly #elapsed: () => number;
  /** Which files were opened: what a name leads to can change. */
  readonly #files: readonly OpenedFile[];
  #lookedAtMs = -Infinity;
  #closed = false;

  /** @throws StoreError `foreign`, `newer`, `corrupt`, `busy`, `io` */
  constructor(path: string, options: SqliteFileOptions = {}) {
    this.#path = path;
    const { busyTimeoutMs = 1_000, trustsOthers = false, elapsed = () => performance.now() } = options;
    this.#elapsed = elapsed;
    this.#busyTimeoutMs = busyTimeoutMs;
    try {
      this.#database = openStateFile(path, { busyTimeoutMs, trustsOthers });
    } catch (cause) {
      throw this.#translate(cause, "opened");
    }
    // From here on they are there for as long as this is open: the log and its index, too.
    this.#database.prepare("SELECT count(*) FROM sqlite_schema").get();
    const opened = (at: string) => ({ at, opened: fileAt(at) });
    this.#files = [opened(path), ...filesBeside(path).map(opened).filter(isThere)];
    this.#begin = this.#database.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#database.prepare("COMMIT");
    this.#rollback = this.#database.prepare("ROLLBACK");
  }

  /** @throws StoreError */
  prepare(sql: string): StatementSync {
    try {
      return this.#database.prepare(sql);
    } catch (cause) {
      throw this.#translate(cause, "used");
    }
  }

  /** Makes tables and indexes where they are not there. @throws StoreError, also where others are */
  define(schema: string): void {
    this.immediate(() => {
      this.#database.exec(schema);
      requireSchema(this.#database, this.#path, schema);
    });
  }

  /** Runs one statement or reads rows; SQLite makes a single statement atomic by itself. @throws StoreError */
  run<T>(step: () => T): T {
    if (this.#closed) throw closedError(`The state file ${this.#path}`);
    if (this.#elapsed() - this.#lookedAtMs >= LOOK_EVERY_MS) this.#requireThere();
    try {
      return step();
    } catch (cause) {
      const fault = this.#translate(cause, "used");
      if (fault instanceof StoreError && fault.code === "busy") this.#wait(false);
      throw fault;
    }
  }

  /** Runs `step` alone among all processes, durable when it returns; undone if it throws. @throws StoreError */
  immediate<T>(step: () => T): T {
    this.#lookedAtMs = -Infinity;
    return this.run(() => {
      this.#begin.run();
      try {
        const result = step();
        this.#commit.run();
        this.#wait(true);
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

  #wait(waits: boolean): void {
    if (waits === this.#waits) return;
    this.#waits = waits;
    this.#database.exec(`PRAGMA busy_timeout = ${waits ? this.#busyTimeoutMs : 0}`);
  }

  /**
   * What is written to a file that nobody finds any more would be acknowledged and lost, and what others revoke in the one
   * that has taken its place never heard of. What is new is in the log beside it at first, and found by that one's index.
   */
  #requireThere(): void {
    const moved = this.#files.find(({ at, opened }) => fileAt(at) !== opened);
    if (moved === undefined) {
      this.#lookedAtMs = this.#elapsed();
      return;
    }
    const which = moved.at === this.#path ? "it is" : `${moved.at} beside it is`;
    throw new StoreError("io", `The state file ${this.#path} could not be used: ${which} not the one that was opened`, {
      remedy: "It was moved, deleted or replaced: put it back, or restart Signet with the one that is to count.",
    });
  }

  #tryRollback(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has rolled back by itself (disk full, I/O error): the first fault is the one to tell of.
    }
  }

  #translate(cause: unknown, attempted: string): unknown {
    if (cause instanceof StoreError) return cause;
    const { code, problem, remedy } = explainSqlite(cause);
    return new StoreError(code, `The state file ${this.#path} could not be ${attempted}: ${problem}`, {
      remedy,
      cause,
    });
  }
}

function isThere({ opened }: OpenedFile): boolean {
  return opened !== undefined;
}

/** Undefined where there is none to be found. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
