// What all that lasts stands on: settings, secrets, the store, the keys in force, limits, memory, counts. Made first, once.
import { loadSecrets, type Secrets } from "../config/named/secrets.ts";
import type { Settings } from "../config/schema.ts";
import type { KeyRing } from "../envelope/key_ring.ts";
import { GatewayMetrics } from "../gateway/metrics.ts";
import { ByteAccount } from "../http1/byte_account.ts";
import type { Logger } from "../observe/log.ts";
import { BudgetedLogger } from "../observe/log_budget.ts";
import { readTextFile } from "../platform/files/files.ts";
import { Limits } from "../session/limits/limits.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import type { Store } from "../store/store.ts";
import { capsOf } from "./caps.ts";
import type { Telemetry } from "./telemetry.ts";
import type { WorkerPlace } from "./worker_place.ts";

/** Of one kind: a fault that meets every request is told often enough, and fills no disk. */
const WARNINGS_PER_SECOND = 20;

export interface GroundOptions {
  readonly settings: Settings;
  readonly ring: KeyRing;
  readonly log: Logger;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  /** Of one of several processes that serve as one. */
  readonly worker?: WorkerPlace | undefined;
}

/** What all the parts stand on. */
export interface Ground {
  readonly settings: Settings;
  readonly worker: WorkerPlace | undefined;
  readonly log: BudgetedLogger;
  readonly now: () => number;
  readonly limits: Limits;
  readonly account: ByteAccount;
  readonly metrics: GatewayMetrics;
  readonly secrets: Secrets;
  readonly store: Store;
  /** A file that is read at the start alone: a worker that takes another's place gets what that one had. */
  readonly readOnce: (path: string) => Promise<string>;
  /** The keys in force at the moment. */
  readonly ring: () => KeyRing;
}

/** @param ring the keys in force @throws ConfigError if a secret cannot be used; StoreError if the state file cannot */
export async function openGround(options: GroundOptions, ring: () => KeyRing): Promise<Ground> {
  const { settings, now, telemetry, worker } = options;
  const log = new BudgetedLogger(options.log, { perSecond: WARNINGS_PER_SECOND, now });
  const readOnce = worker?.readOnce ?? readTextFile;
  const secrets = await loadSecrets(settings, { readTextFile: readOnce });
  return {
    ...{ settings, worker, log, now, secrets, readOnce, ring },
    limits: new Limits(capsOf(settings)),
    account: new ByteAccount(settings.maxBufferedBytes),
    metrics: new GatewayMetrics({ countsSent: telemetry?.exportsMetrics ?? false }),
    store: worker?.store ?? await createStore(settings, { secrets, log, now, readOnce, ring }),
  };
}

interface StoreOptions {
  readonly secrets: Secrets;
  readonly log: Logger;
  readonly now: () => number;
  /** The keys in force at the moment. */
  readonly ring: () => KeyRing;
  readonly readOnce: (path: string) => Promise<string>;
}

/** What restarts remember, and what replicas share, where it is configured. @throws StoreError if it cannot be used */
async function createStore(settings: Settings, options: StoreOptions): Promise<Store> {
  if (settings.store !== "memory") {
    const { openSharedStore } = await import("./replicas/shared_store.ts");
    return await openSharedStore({ ...settings, store: settings.store }, options);
  }
  if (settings.stateFile === undefined) return createMemoryStore();
  const { openSqliteStore } = await import("../store/sqlite/sqlite.ts");
  return openSqliteStore(settings.stateFile, { trustsOthers: settings.unsafeFiles, now: options.now });
}
