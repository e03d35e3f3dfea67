// The durable store of one machine: a SQLite file (`--state FILE`) that a server and its command line share.
// What an acknowledged call has written survives a crash and a power cut (docs/behaviour.md T1–T3, L6).
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import type { Store } from "../store.ts";
import { SqliteAliases } from "./sqlite_aliases.ts";
import { SqliteFile, type SqliteFileOptions } from "./sqlite_file.ts";
import { SqliteRevocations } from "./sqlite_revocations.ts";
import { SqliteTokens } from "./sqlite_tokens.ts";

export interface SqliteStoreOptions extends SqliteFileOptions {
  /** Milliseconds since the epoch. Default: the system's. */
  readonly now?: () => number;
}

/** Opens or creates the state file. Needs permission to read and write its folder. @throws StoreError */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const file = new SqliteFile(path, options);
  try {
    return storeIn(file, options);
  } catch (fault) {
    file.close();
    throw fault;
  }
}

function storeIn(file: SqliteFile, options: SqliteStoreOptions): Store {
  const pools = new SqliteAliases(file, { now: options.now ?? SYSTEM_TIMERS.now });
  const tokens = new SqliteTokens(file);
  const revocations = new SqliteRevocations(file);
  return {
    tokens,
    revocations,
    rates: undefined,
    pools,
    shared: undefined,
    purge: (nowMs) => tokens.purge(nowMs) + revocations.purge(nowMs) + pools.purge(nowMs),
    stats: () => ({ revocationsHeld: 0, revocationsForgotten: revocations.forgotten }),
    close: () => file.close(),
  };
}
