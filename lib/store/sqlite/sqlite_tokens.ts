// Records of session tokens in a SQLite file. Purge, count and insert are one immediate transaction, so the limit holds
// over every process that has the file open (docs/behaviour.md T1).
import type { StatementSync } from "node:sqlite";
import { ENDED_KEPT_MS } from "../purge_clock.ts";
import { conflictError, type InsertOutcome, type TokenListQuery, type TokenRecord, type TokenStore } from "../store.ts";
import type { SqliteFile } from "./sqlite_file.ts";

const COLUMNS = "sid, agent, expires_s, digest, issued_ms";

export class SqliteTokens implements TokenStore {
  readonly #file: SqliteFile;
  readonly #insert: StatementSync;
  readonly #get: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAgent: StatementSync;
  readonly #count: StatementSync;
  readonly #list: StatementSync;
  readonly #purge: StatementSync;

  constructor(file: SqliteFile) {
    this.#file = file;
    this.#insert = file.prepare(`INSERT INTO token (${COLUMNS}) VALUES (?, ?, ?, ?, ?)`);
    this.#get = file.prepare(`SELECT ${COLUMNS} FROM token WHERE sid = ?`);
    this.#remove = file.prepare("DELETE FROM token WHERE sid = ?");
    this.#removeAgent = file.prepare("DELETE FROM token WHERE agent = ?");
    this.#count = file.prepare("SELECT count(*) AS n FROM token WHERE agent = ? AND expires_s > ?");
    this.#list = file.prepare(
      `SELECT ${COLUMNS} FROM token WHERE sid > ?1 AND expires_s > ?2 AND (?3 IS NULL OR agent = ?3) ORDER BY sid LIMIT ?4`,
    );
    this.#purge = file.prepare("DELETE FROM token WHERE expires_s <= ?");
  }

  insertBelowLimit(record: TokenRecord, options: { readonly limit: number; readonly nowMs: number }): InsertOutcome {
    const nowS = Math.floor(options.nowMs / 1000);
    return this.#file.immediate(() => {
      this.#purge.run(nowS - ENDED_KEPT_MS / 1000);
      const live = this.#countLive(record.agent, nowS);
      if (live >= options.limit) return { inserted: false, reason: "agent_limit", live };
      if (this.#get.get(record.sid)) throw conflictError();
      this.#insert.run(record.sid, record.agent, record.expiresAtS, record.digest, record.issuedAtMs);
      return { inserted: true, live: live + 1 };
    });
  }

  get(sid: string): TokenRecord | undefined {
    const row = this.#file.run(() => this.#get.get(sid));
    return row && toRecord(row);
  }

  remove(sid: string): boolean {
    return this.#file.run(() => Number(this.#remove.run(sid).changes) > 0);
  }

  removeAgent(agent: string, nowMs: number): number {
    return this.#file.immediate(() => {
      const live = this.#countLive(agent, Math.floor(nowMs / 1000));
      this.#removeAgent.run(agent);
      return live;
    });
  }

  count(agent: string, nowMs: number): number {
    return this.#file.run(() => this.#countLive(agent, Math.floor(nowMs / 1000)));
  }

  list(query: TokenListQuery): readonly TokenRecord[] {
    const nowS = Math.floor(query.nowMs / 1000);
    const rows = this.#file.run(() => this.#list.all(query.afterSid ?? "", nowS, query.agent ?? null, query.limit));
    return rows.map(toRecord);
  }

  purge(nowMs: number): number {
    return this.#file.run(() => Number(this.#purge.run(Math.floor(nowMs / 1000)).changes));
  }

  #countLive(agent: string, nowS: number): number {
    return Number(this.#count.get(agent, nowS)?.n);
  }
}

function toRecord(row: Record<string, unknown>): TokenRecord {
  return {
    sid: String(row.sid),
    agent: String(row.agent),
    expiresAtS: Number(row.expires_s),
    digest: String(row.digest),
    issuedAtMs: Number(row.issued_ms),
  };
}
