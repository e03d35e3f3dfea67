// The store that replicas share, out of the settings. Loaded by whoever has one; the log says when it goes and comes back.
import type { Secrets } from "../../config/named/secrets.ts";
import type { Settings } from "../../config/schema.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { StoreSeal } from "../../envelope/store_seal.ts";
import type { Logger } from "../../observe/log.ts";
import { readTextFile, rereadTextFile } from "../../platform/files/files.ts";
import { openRedisStore } from "../../store/redis/redis.ts";
import type { RedisTarget } from "../../store/redis/redis_target.ts";
import type { StoreLoss } from "../../store/shared.ts";
import type { Store } from "../../store/store.ts";
import { storePasswordOf } from "./store_password.ts";

export type SharedStoreSettings =
  & Pick<Settings, "storePasswordFile" | "storeCaFile" | "storePrefix" | "storeTimeoutMs">
  & { readonly store: RedisTarget };

export interface SharedStoreOptions {
  readonly secrets: Pick<Secrets, "storePassword">;
  readonly log?: Logger;
  readonly now: () => number;
  readonly ring: () => KeyRing;
  /** Tries to connect once only: for whoever just looks. */
  readonly once?: boolean;
  /** A file that is read once; default: as the system has it. */
  readonly readOnce?: (path: string) => Promise<string>;
}

/** Settles once it answers, or has not within its time-out: Signet starts without it, too (R6). */
export async function openSharedStore(settings: SharedStoreSettings, options: SharedStoreOptions): Promise<Store> {
  const { store: target, storePasswordFile, storeCaFile, storePrefix: prefix, storeTimeoutMs: timeoutMs } = settings;
  const { secrets: { storePassword }, log, now, ring, once = false, readOnce = readTextFile } = options;
  const caCerts = storeCaFile === undefined ? undefined : [await readOnce(storeCaFile)];
  const password = storePasswordFile === undefined
    ? undefined
    : storePasswordOf(storePasswordFile, storePassword, { readAgain: rereadTextFile, clock: () => performance.now() });
  const store = await openRedisStore({
    ...{ target, password, caCerts, prefix, timeoutMs, now, once },
    seal: new StoreSeal(ring, "revocation"),
    onChange: (up, cause) => {
      if (up) log?.info("the shared store answers");
      else log?.warn("the shared store does not answer", { cause, remedy: REMEDY });
    },
    ...(log === undefined ? {} : {
      onEvicting: (policy) => log.warn("the shared store may evict revocations", evicting(policy)),
      onLoss: (loss) => log.warn("the shared store has lost revocations", LOST[loss]),
    }),
    onRefusal: ({ cause, remedy }) => log?.warn("the shared store refuses what it is asked", { cause, remedy }),
  });
  const { up, cause } = store.shared?.state() ?? { up: true, cause: "" };
  if (!up) log?.warn("the shared store does not answer", { cause, remedy: REMEDY });
  return store;
}

/** What of it is wrong, and what an operator does about it: facts of a line. */
function evicting(policy: string) {
  return {
    found: `maxmemory-policy ${policy}`,
    remedy: "Set maxmemory-policy noeviction, and see that it has memory to spare: where it forgets a revocation, a " +
      "session that was revoked lives again.",
  };
}

const LOST: Readonly<Record<StoreLoss, { readonly found: string; readonly remedy: string }>> = {
  evicted: {
    found: "a key of them is gone, and others are there: as where a full store evicts",
    remedy: "Set maxmemory-policy noeviction, and give it more memory. What is known here is written again.",
  },
  lost: {
    found: "all of them are gone, or the latest: as after a flush, a restart without its data, or a failover",
    remedy: "See that it keeps its data. What is known here is written again; see with signet token list whether " +
      "tokens that were revoked last are there again.",
  },
};

const REMEDY =
  "See whether it runs, whether it can be reached from here, and who may use it. Until then ids that are " +
  "not known here are refused, and callers' caps hold for each replica by itself.";
