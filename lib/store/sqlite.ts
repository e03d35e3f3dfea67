// The durable store of one machine: a SQLite file (`--state FILE`) that a server and its command line share.
// What an acknowledged call has written survives a crash and a power cut (docs/behaviour.md T1–T3, L6).
import { SqliteFile, type SqliteFileOptions } from "./sqlite_file.ts";
import { SqliteRevocations } from "./sqlite_revocations.ts";
import { SqliteTokens } from "./sqlite_tokens.ts";
import type { Store } from "./store.ts";

/** Opens or creates the state file. Needs permission to read and write its folder. @throws StoreError */
export function openSqliteStore(path: string, options: SqliteFileOptions = {}): Store {
  const file = new SqliteFile(path, options);
  const tokens = new SqliteTokens(file);
  const revocations = new SqliteRevocations(file);
  return {
    tokens,
    revocations,
    rates: undefined,
    shared: undefined,
    purge: (nowMs) => tokens.purge(nowMs) + revocations.purge(nowMs),
    stats: () => ({ revocationsHeld: 0, revocationsForgotten: revocations.forgotten }),
    close: () => file.close(),
  };
}
