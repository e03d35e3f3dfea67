import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../../../../lib/store/sqlite/sqlite.ts";
import { stateFault } from "../../../../lib/store/sqlite/state_header.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";

async function made(path: string, ...statements: readonly string[]): Promise<void> {
  const database = new DatabaseSync(path);
  for (const statement of statements) database.exec(statement);
  database.close();
  await Deno.chmod(path, 0o600);
}

async function ours(path: string): Promise<void> {
  await openSqliteStore(path).close();
}

/** What there can be at the place of a state file, and what is to be said of it: nothing, or words. */
const FOUND: Readonly<Record<string, readonly [make: (path: string) => Promise<void>, said: RegExp | undefined]>> = {
  "nothing": [() => Promise.resolve(), undefined],
  "an empty file": [(path) => Deno.writeTextFile(path, "", { mode: 0o600 }), undefined],
  "a file of this Signet's": [ours, undefined],
  "a database without anything in it": [
    (path) => made(path, "PRAGMA user_version = 1", "PRAGMA user_version = 0"),
    undefined,
  ],
  "a text": [(path) => Deno.writeTextFile(path, "hello\n", { mode: 0o600 }), /is not a SQLite database/],
  "a long text": [(path) => Deno.writeTextFile(path, "x".repeat(9000), { mode: 0o600 }), /is not a SQLite database/],
  "a database of another program": [
    (path) => made(path, "CREATE TABLE note (text)"),
    /is a database of another program/,
  ],
  "one with a mark of its own": [
    (path) => made(path, "PRAGMA application_id = 7", "CREATE TABLE note (text)"),
    /is a database of another program/,
  ],
  "a newer Signet's": [
    async (path) => {
      await ours(path);
      await made(path, "PRAGMA user_version = 9", "PRAGMA wal_checkpoint(TRUNCATE)");
    },
    /has version 9, this Signet knows 1/,
  ],
  "a folder": [(path) => Deno.mkdir(path), /is not a regular file/],
};

for (const [what, [make, said]] of Object.entries(FOUND)) {
  Deno.test(
    `P3 L6: of ${what} in the place of a state file its header tells what opening it tells`,
    STRICT,
    async () => {
      await using folder = await TempFolder.create();
      const path = `${folder.path}/s.db`;
      await make(path);
      const fault = stateFault(path);
      if (said === undefined) {
        assert.equal(fault, undefined);
        await openSqliteStore(path).close();
        return;
      }
      assert.match(fault!.problem, said);
      assert.throws(() => openSqliteStore(path), StoreError);
    },
  );
}
