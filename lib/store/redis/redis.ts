// The store that replicas share: Redis or Valkey, alone, as a cluster or behind sentinels (`--store redis://…`).
// It never holds up a start: what cannot be asked is refused or left out where it is asked for (docs/behaviour.md R6).
import type { StoreLoss } from "../shared.ts";
import type { Store } from "../store.ts";
import { MOVED, POOLED, RedisAliases } from "./redis_aliases.ts";
import { RedisLink, type RedisLinkOptions } from "./redis_link.ts";
import { RedisPlaces } from "./redis_places.ts";
import { RedisRates } from "./redis_rates.ts";
import { RedisRevocations } from "./redis_revocations.ts";
import { RedisTokens } from "./redis_tokens.ts";
import type { StoreSeal } from "./revocation_entry.ts";
import { ToldLately } from "./told_lately.ts";

export interface RedisStoreOptions extends RedisLinkOptions {
  readonly seal: StoreSeal;
  readonly now: () => number;
  /** How long one that has just begun clears nobody who was let in before. Default: ten seconds. */
  readonly settlingMs?: number;
  /** Told when it is found without revocations that it had: of each kind of loss, once a minute. Must not throw. */
  readonly onLoss?: (loss: StoreLoss) => void;
}

/** Settles once the store answers, or has not within its time-out. */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const link = new RedisLink(options);
  const tokens = new RedisTokens(link);
  const losses: Record<StoreLoss, number> = { evicted: 0, lost: 0 };
  const told = new ToldLately();
  const onLoss = (loss: StoreLoss) => {
    losses[loss]++;
    if (told.isNews(loss)) options.onLoss?.(loss);
    link.lookAtPolicy();
    tokens.removeAgain();
  };
  const revocations = new RedisRevocations(link, { ...options, onLoss, onRead: () => tokens.removeOwed() });
  link.watchComing(() => tokens.removeAgain());
  await link.open();
  return {
    tokens,
    revocations,
    rates: new RedisRates(link),
    pools: new RedisAliases(link, POOLED),
    shared: {
      places: new RedisPlaces(link),
      aliases: new RedisAliases(link, MOVED),
      state: () => ({
        ...{ up: link.up, listening: link.listening, cause: link.lastFault },
        ...{ failures: link.failures, refusals: link.refusals, losses: { ...losses } },
      }),
      probe: () => link.probe(),
      evictionPolicy: () => link.evictionPolicy(),
      watchRevocations: (wake) => revocations.watch(wake),
    },
    purge: async (nowMs) => await tokens.purge(nowMs) + await revocations.purge(nowMs),
    stats: () => ({ revocationsHeld: revocations.held, revocationsForgotten: 0 }),
    close: () => link.close(),
  };
}
