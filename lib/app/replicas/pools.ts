// Where the sessions that stateless clients share at servers are kept, out of the settings: in the state file, or in the
// store that replicas share (docs/behaviour.md S3).
import type { Settings } from "../../config/schema.ts";
import type { KeyRing } from "../../envelope/key_ring.ts";
import { StoreSeal } from "../../envelope/store_seal.ts";
import { randomBytes } from "../../platform/random.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { PoolHomes } from "../../replica/pool_homes.ts";
import type { Store } from "../../store/store.ts";
import { PooledSessions, type PooledSessionsOptions } from "../../upstream/peers/pooled/pooled_sessions.ts";
import type { HereFor } from "../../upstream/upstream.ts";

interface PoolParts {
  readonly store: Store;
  readonly ring: () => KeyRing;
}

/** Undefined where nothing outlives the process. */
export function createPools(
  settings: Settings,
  { store, ring, judge }: PoolParts & Pick<PooledSessionsOptions, "judge">,
): PooledSessions | undefined {
  if (store.pools === undefined) return undefined;
  return new PooledSessions({
    store: store.pools,
    seal: new StoreSeal(ring, "pool"),
    judge,
    holder: randomBytes(16).toHex(),
    idleMs: settings.sessionIdleMs,
    // Workers of one machine share all that is local to it.
    home: store.shared === undefined || settings.workers !== 1 ? "machine" : { self: settings.advertise },
    timers: SYSTEM_TIMERS,
  });
}

/** Which replica has the peers of stateless clients, and what waits here. */
export function createHere(
  settings: Settings,
  { store, ring, pools, home }: PoolParts & {
    readonly pools: PooledSessions | undefined;
    /** What others know this process by. */
    readonly home: string | undefined;
  },
): HereFor {
  const { sessionIdleMs: idleMs } = settings;
  return ({ url: server }) => {
    if (home === undefined) return undefined;
    if (store.shared === undefined || store.pools === undefined) return { home, homes: undefined };
    const homes = new PoolHomes({
      ...{ store: store.pools, seal: new StoreSeal(ring, "pool"), holder: randomBytes(16).toHex() },
      ...{ self: home, server, idleMs, timers: SYSTEM_TIMERS },
      onUnshared: () => {
        if (pools !== undefined) pools.unshared++;
      },
    });
    return { home, homes };
  };
}
