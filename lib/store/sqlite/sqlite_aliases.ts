// Which sessions at servers stateless clients share, in the state file, so that the next process goes on with them
// (docs/behaviour.md S3). What is kept is sealed by whoever sets it; each ends by itself. Bounded: of more than there is
// room for the one that would end first is forgotten (M6).
import type { StatementSync } from "node:sqlite";
import type { AliasStore, Replacement } from "../shared.ts";
import type { SqliteFile } from "./sqlite_file.ts";

// Beside what the first version of the file had: an older Signet that opens it looks at neither.
const SCHEMA = `
CREATE TABLE IF NOT EXISTS pool (
  sid TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pool_by_until ON pool (until_ms);
CREATE TABLE IF NOT EXISTS pool_turn (
  sid TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

export interface SqliteAliasesOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Texts kept. Default 10,000. */
  readonly maxTexts?: number;
}

export class SqliteAliases implements AliasStore {
  readonly #file: SqliteFile;
  readonly #now: () => number;
  readonly #maxTexts: number;
  readonly #get: StatementSync;
  readonly #set: StatementSync;
  readonly #remove: StatementSync;
  readonly #touch: StatementSync;
  readonly #left: StatementSync;
  readonly #size: StatementSync;
  readonly #forget: StatementSync;
  readonly #takeTurn: StatementSync;
  readonly #shorten: StatementSync;
  readonly #giveBack: StatementSync;
  readonly #purge: StatementSync;
  readonly #purgeTurns: StatementSync;
  readonly #listeners = new Set<(text: string) => void>();

  /** @throws StoreError */
  constructor(file: SqliteFile, { now, maxTexts = 10_000 }: SqliteAliasesOptions) {
    this.#file = file;
    this.#now = now;
    this.#maxTexts = maxTexts;
    file.define(SCHEMA);
    this.#get = file.prepare("SELECT text FROM pool WHERE sid = ? AND until_ms > ?");
    this.#set = file.prepare("INSERT OR REPLACE INTO pool (sid, text, until_ms) VALUES (?, ?, ?)");
    this.#remove = file.prepare("DELETE FROM pool WHERE sid = ?");
    this.#touch = file.prepare(
      "UPDATE pool SET until_ms = max(until_ms, ?) WHERE sid = ? AND text = ? AND until_ms > ?",
    );
    this.#left = file.prepare("SELECT until_ms FROM pool WHERE sid = ? AND text = ?");
    this.#size = file.prepare("SELECT count(*) AS n FROM pool");
    this.#forget = file.prepare("DELETE FROM pool WHERE sid = (SELECT sid FROM pool ORDER BY until_ms LIMIT 1)");
    this.#takeTurn = file.prepare(
      "INSERT INTO pool_turn (sid, holder, until_ms) VALUES (?1, ?2, ?3) " +
        "ON CONFLICT (sid) DO UPDATE SET holder = ?2, until_ms = ?3 WHERE until_ms <= ?4",
    );
    this.#shorten = file.prepare("UPDATE pool_turn SET until_ms = ?2 WHERE sid = ?1 AND until_ms > ?2");
    this.#giveBack = file.prepare("DELETE FROM pool_turn WHERE sid = ? AND holder = ?");
    this.#purge = file.prepare("DELETE FROM pool WHERE until_ms <= ?");
    this.#purgeTurns = file.prepare("DELETE FROM pool_turn WHERE until_ms <= ?");
  }

  get(sid: string): Promise<string | undefined> {
    return this.#later(() => this.#found(sid));
  }

  async replace(sid: string, { before, text, ttlMs }: Replacement): Promise<boolean> {
    const isDone = await this.#later(() =>
      this.#file.immediate(() => {
        if (this.#found(sid) !== before) return false;
        this.#set.run(sid, text, this.#after(ttlMs));
        if (Number(this.#size.get()?.n) > this.#maxTexts) this.#forget.run();
        return true;
      })
    );
    if (isDone) { for (const listener of this.#listeners) listener(text); }
    return isDone;
  }

  async remove(sid: string): Promise<void> {
    await this.#later(() => this.#remove.run(sid));
  }

  touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    return this.#later(() => Number(this.#touch.run(this.#after(ttlMs), sid, text, this.#now()).changes) > 0);
  }

  removeUnused(sid: string, text: string, leftMs: number): Promise<boolean> {
    return this.#later(() =>
      this.#file.immediate(() => {
        const row = this.#left.get(sid, text);
        if (row === undefined) return true;
        if (Number(row.until_ms) > this.#after(leftMs)) return false;
        this.#remove.run(sid);
        return true;
      })
    );
  }

  takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#later(() => {
      const untilMs = this.#after(ttlMs);
      if (Number(this.#takeTurn.run(sid, holder, untilMs, this.#now()).changes) > 0) return true;
      // No turn lasts longer from now on, or one whose holder has died would if the clock is set back.
      this.#shorten.run(sid, untilMs);
      return false;
    });
  }

  async giveTurnBack(sid: string, holder: string): Promise<void> {
    await this.#later(() => this.#giveBack.run(sid, holder));
  }

  /** Of this process alone: what another one sets is found by whoever asks. */
  watch(listener: (text: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Drops what has ended; returns how many. @throws StoreError */
  purge(nowMs: number): number {
    return this.#file.run(() => Number(this.#purge.run(nowMs).changes) + Number(this.#purgeTurns.run(nowMs).changes));
  }

  #found(sid: string): string | undefined {
    const row = this.#get.get(sid, this.#now());
    return row === undefined ? undefined : String(row.text);
  }

  #after(ms: number): number {
    return Math.ceil(this.#now() + ms);
  }

  /** As a store over a network answers: at once all the same, before this returns. */
  #later<T>(step: () => T): Promise<T> {
    return new Promise((resolve) => resolve(this.#file.run(step)));
  }
}
