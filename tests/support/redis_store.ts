// Stores that share a real Redis, as replicas do, of a test that says what they are told and by which clock.
import { openRedisStore, type RedisStoreOptions } from "../../lib/store/redis/redis.ts";
import type { Store } from "../../lib/store/store.ts";
import type { RedisServer } from "./redis_server.ts";
import { until } from "./until.ts";

export const PREFIX = "signet-test";
export const NOW_MS = 1_700_000_000_000;
export const LATER_MS = NOW_MS + 3_600_000;

/** Turned round: enough to tell that nothing is kept as it is said. */
export const SEAL = {
  seal: (text: string) => btoa(text.split("").reverse().join("")),
  open: (sealed: string) => {
    try {
      return atob(sealed).split("").reverse().join("");
    } catch {
      return undefined;
    }
  },
};

/** @param options default: a single server at its own port, two seconds for an answer, and one that has begun long ago */
export function openTestStore(
  { port }: Pick<RedisServer, "port">,
  options: Partial<RedisStoreOptions> = {},
): Promise<Store> {
  return openRedisStore({
    target: {
      ...{ kind: "single", nodes: [{ host: "127.0.0.1", port }] },
      ...{ master: undefined, database: 0, tls: false, username: undefined },
    },
    ...{ prefix: PREFIX, timeoutMs: 2000, seal: SEAL, now: () => NOW_MS, settlingMs: 0, ...options },
  });
}

/** Both connections are up: what the library waits for between two attempts to connect cannot be taken back. */
export async function closeWhole(...stores: readonly Store[]): Promise<void> {
  for (const store of stores) {
    await until(() => isWhole(store), "both connections");
    await store.close();
  }
}

export async function isWhole(store: Store): Promise<boolean> {
  return await answers(store) && store.shared?.state().listening === true;
}

export async function answers(store: Store): Promise<boolean> {
  try {
    await store.tokens.get("s");
    return true;
  } catch {
    return false;
  }
}
