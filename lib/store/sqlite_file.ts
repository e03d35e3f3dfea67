// One SQLite file that belongs to Signet, shared safely by several processes: readers never wait, writers wait for
// `busyTimeoutMs` (once: while another process keeps the file, each further one is refused at once, as the process would
// stand still for all of them together), and what must be one step is one transaction. Every fault is a StoreError with its cure.
import { statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { explainSqlite } from "./sqlite_error.ts";
import { openStateFile } from "./sqlite_open.ts";
import { StoreError } from "./store.ts";

export interface SqliteFileOptions {
  /** How long a write waits for another process's, in ms; the process stands still meanwhile. Default 1,000. */
  readonly busyTimeoutMs?: number;
  /** Opens a file that other users own or could replace (`--unsafe-files`). Default false. */
  readonly trustsOthers?: boolean;
  /** A clock that nobody sets, in ms. Default: the system's. */
  readonly elapsed?: () => number;
}

/** How often it is looked at whether the file is still where it was, at most, in ms; before every step that writes, too. */
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
  /** Which file was opened: what a name leads to can change. */
  readonly #opened: string | undefined;
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
    this.#opened = fileAt(path);
    this.#begin = this.#database.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#database.prepare("COMMIT");
    this.#rollback = this.#database.prepare("ROLLBACK");
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /** Runs statements without parameters, within a step. */
  execute(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs one statement or reads rows; SQLite makes a single statement atomic by itself. @throws StoreError */
  run<T>(step: () => T): T {
    if (this.#closed) throw this.#closedError();
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
   * that has taken its place never heard of.
   */
  #requireThere(): void {
    if (fileAt(this.#path) === this.#opened) {
      this.#lookedAtMs = this.#elapsed();
      return;
    }
    throw new StoreError("io", `The state file ${this.#path} could not be used: it is not the one that was opened`, {
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

  #closedError(): StoreError {
    return new StoreError("closed", `The state file ${this.#path} was used after it had been closed`, {
      remedy: "This is a fault of Signet.",
    });
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

/** Undefined where there is none to be found. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
