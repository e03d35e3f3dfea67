// Whether the tables of a database are the ones that Signet makes: one that keeps less, or that something else stands for,
// would take what is to be revoked and keep nothing of it (docs/behaviour.md L6). SQLite: "The Schema Table".
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../store.ts";
import { DAMAGED_REMEDY } from "./sqlite_error.ts";

/** What would change, behind a statement's back, what it does. */
const STAND_INS = "SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1";

/** @param schema statements that make tables and indexes @throws StoreError `corrupt` */
export function requireSchema(database: DatabaseSync, path: string, schema: string): void {
  const found = database.prepare(STAND_INS).get();
  if (found !== undefined) throw damaged(path, `there is a ${found.type} in it`);
  const rows = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").all();
  const made = new Set(rows.map(({ sql }) => plain(String(sql))));
  for (const statement of schema.split(";").map(plain)) {
    if (statement === "" || made.has(statement)) continue;
    const [, kind, name] = /^CREATE (TABLE|INDEX) (\w+)/.exec(statement) ?? [];
    throw damaged(path, `its ${kind?.toLowerCase()} ${name} is not as Signet makes it`);
  }
}

/** As the schema table keeps it, whatever blanks stand between the words. */
function plain(statement: string): string {
  return statement.replace(" IF NOT EXISTS", "").replace(/\s+/g, " ").trim();
}

function damaged(path: string, found: string): StoreError {
  return new StoreError("corrupt", `The state file ${path} is damaged: ${found}`, { remedy: DAMAGED_REMEDY });
}
