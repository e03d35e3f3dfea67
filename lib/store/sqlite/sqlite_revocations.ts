// Revocations in a SQLite file. Asked directly, without a mirror: three keys in one lookup (some 5 µs), and an answer
// that counts what any process sharing the file has committed before (docs/behaviour.md L6). Bounded as in memory: what
// operators revoked stays, deleted sessions are forgotten oldest first, and counted (M3, M6).
import type { StatementSync } from "node:sqlite";
import { DEFAULT_SET_OPTIONS } from "../memory/revocation_set.ts";
import type { Revocation, RevocationChanges, RevocationStore, RevocationSubject } from "../store.ts";
import type { SqliteFile } from "./sqlite_file.ts";

/** A session is refused whenever it was issued. */
const ANY_MOMENT = Number.MAX_SAFE_INTEGER;

/** Rows purged in one step: some milliseconds. What is past its end refuses nothing that lives. */
const PURGED_AT_ONCE = 2_000;

interface Row {
  readonly key: string;
  readonly beforeMs: number;
  readonly untilMs: number;
  readonly byOperator: boolean;
}

export class SqliteRevocations implements RevocationStore {
  readonly #file: SqliteFile;
  readonly #held: StatementSync;
  readonly #replace: StatementSync;
  readonly #find: StatementSync;
  readonly #head: StatementSync;
  readonly #changes: StatementSync;
  readonly #size: StatementSync;
  readonly #purge: StatementSync;
  readonly #forgetOldest: StatementSync;
  readonly #maxDeleted: number;
  /** Deleted sessions in the file, as far as this process knows. */
  #deleted: number;
  #forgotten = 0;

  /** @param maxDeleted sessions deleted by their owners that are kept */
  constructor(file: SqliteFile, maxDeleted: number = DEFAULT_SET_OPTIONS.maxSessions) {
    this.#file = file;
    this.#maxDeleted = maxDeleted;
    this.#held = file.prepare("SELECT key, before_ms, until_ms, by_operator FROM revocation WHERE key = ?");
    this.#replace = file.prepare(
      "INSERT OR REPLACE INTO revocation (key, before_ms, until_ms, by_operator) VALUES (?, ?, ?, ?)",
    );
    this.#find = file.prepare(
      "SELECT key FROM revocation WHERE key IN ('*', ?, ?) AND before_ms >= ? ORDER BY key LIMIT 1",
    );
    this.#head = file.prepare("SELECT coalesce(max(seq), 0) AS seq FROM revocation");
    this.#changes = file.prepare(
      "SELECT seq, key, before_ms, until_ms, by_operator FROM revocation WHERE seq > ? ORDER BY seq LIMIT ?",
    );
    this.#size = file.prepare("SELECT count(*) AS n FROM revocation");
    this.#purge = file.prepare(
      `DELETE FROM revocation WHERE seq IN (SELECT seq FROM revocation WHERE until_ms <= ? LIMIT ${PURGED_AT_ONCE})`,
    );
    this.#forgetOldest = file.prepare(
      "DELETE FROM revocation WHERE seq = (SELECT min(seq) FROM revocation WHERE by_operator = 0)",
    );
    this.#deleted = this.size();
  }

  /** Deleted sessions dropped for want of room since the file was opened. */
  get forgotten(): number {
    return this.#forgotten;
  }

  add(revocation: Revocation): void {
    const added = toRow(revocation);
    this.#file.immediate(() => {
      const found = this.#held.get(added.key);
      const held = found && readRow(found);
      const merged: Row = held
        ? {
          key: added.key,
          beforeMs: Math.max(held.beforeMs, added.beforeMs),
          untilMs: Math.max(held.untilMs, added.untilMs),
          byOperator: held.byOperator || added.byOperator,
        }
        : added;
      if (held && sameRow(held, merged)) return;
      // A replaced row gets a new sequence number, so that everybody hears of the extension.
      this.#replace.run(merged.key, merged.beforeMs, merged.untilMs, Number(merged.byOperator));
      if (!held && !merged.byOperator) this.#keepBounded();
    });
  }

  #keepBounded(): void {
    if (++this.#deleted <= this.#maxDeleted) return;
    const dropped = Number(this.#forgetOldest.run().changes);
    this.#deleted -= dropped;
    this.#forgotten += dropped;
  }

  find(subject: RevocationSubject): Revocation["kind"] | undefined {
    const row = this.#file.run(() => this.#find.get(`s${subject.sid}`, `p${subject.owner}`, subject.issuedAtMs));
    return row && kindOf(String(row.key));
  }

  head(): number {
    return this.#file.run(() => Number(this.#head.get()?.seq));
  }

  changesSince(cursor: number, limit: number): RevocationChanges {
    const rows = this.#file.run(() => this.#changes.all(cursor, limit));
    return {
      revocations: rows.map((row) => toRevocation(readRow(row))),
      cursor: Number(rows.at(-1)?.seq ?? cursor),
      more: rows.length === limit,
    };
  }

  size(): number {
    return this.#file.run(() => Number(this.#size.get()?.n));
  }

  purge(nowMs: number): number {
    const purged = this.#file.run(() => Number(this.#purge.run(nowMs).changes));
    this.#deleted = Math.max(0, this.#deleted - purged);
    return purged;
  }
}

function kindOf(key: string): Revocation["kind"] {
  return key === "*" ? "all" : key.startsWith("s") ? "session" : "principal";
}

function toRow(revocation: Revocation): Row {
  const { kind } = revocation;
  const untilMs = toInteger(revocation.untilMs);
  if (kind === "session") {
    return { key: `s${revocation.sid}`, beforeMs: ANY_MOMENT, untilMs, byOperator: revocation.by === "operator" };
  }
  const key = kind === "all" ? "*" : `p${revocation.owner}`;
  return { key, beforeMs: toInteger(revocation.beforeMs), untilMs, byOperator: true };
}

/** The column takes integers only; rounding up and capping err on the side of refusing. */
function toInteger(moment: number): number {
  return Math.min(Math.ceil(moment), Number.MAX_SAFE_INTEGER);
}

function toRevocation(row: Row): Revocation {
  const { beforeMs, untilMs } = row;
  const kind = kindOf(row.key);
  if (kind === "all") return { kind, beforeMs, untilMs };
  const id = row.key.slice(1);
  return kind === "session"
    ? { kind, sid: id, untilMs, by: row.byOperator ? "operator" : "client" }
    : { kind, owner: id, beforeMs, untilMs };
}

function readRow(row: Record<string, unknown>): Row {
  return {
    key: String(row.key),
    beforeMs: Number(row.before_ms),
    untilMs: Number(row.until_ms),
    byOperator: Number(row.by_operator) === 1,
  };
}

function sameRow(a: Row, b: Row): boolean {
  return a.beforeMs === b.beforeMs && a.untilMs === b.untilMs && a.byOperator === b.byOperator;
}
