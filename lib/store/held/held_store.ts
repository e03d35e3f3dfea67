// The store that one process holds for others: tokens, revocations and shared sessions wherever they are kept (memory, a state
// file), and what only several processes need (places, aliases, rates) in memory. It says at once what is new, whoever has added it.
import { MemoryAliases } from "../memory/memory_aliases.ts";
import { MemoryPlaces } from "../memory/memory_places.ts";
import { MemoryRates } from "../memory/memory_rates.ts";
import { PurgeClock } from "../purge_clock.ts";
import { type Store, StoreError, whenReady } from "../store.ts";

/** How often a state file is looked at for what another program has written, in ms. */
const LOOK_EVERY_MS = 100;
const PURGE_EVERY_MS = 60_000;
/** Sessions that stateless clients share, of up to 80 KB each: no more than a state file keeps. */
const POOLED_BOUNDS = { maxTexts: 10_000, maxCharacters: 64 * 1024 * 1024 };

/** @param now milliseconds since the epoch */
export function holdStore(base: Store, now: () => number): Store {
  const wakes = new Set<() => void>();
  const wake = () => {
    for (const each of wakes) each();
  };
  const places = new MemoryPlaces(now);
  const aliases = new MemoryAliases(now);
  const rates = new MemoryRates();
  const pools = base.pools ?? new MemoryAliases(now, POOLED_BOUNDS);
  const purgeClock = new PurgeClock();
  const timers = [
    setInterval(lookFor(base, wake), LOOK_EVERY_MS),
    setInterval(() => purge(base, purgeClock.until(now())), PURGE_EVERY_MS),
  ];
  const { revocations } = base;
  return {
    ...{ ...base, rates, pools },
    revocations: {
      add: (revocation) => whenReady(revocations.add(revocation), wake),
      find: (subject) => revocations.find(subject),
      head: () => revocations.head(),
      changesSince: (cursor, limit) => revocations.changesSince(cursor, limit),
      size: () => revocations.size(),
    },
    shared: {
      ...{ places, aliases },
      state: () => ({
        up: true,
        listening: true,
        cause: "",
        failures: 0,
        refusals: 0,
        losses: { evicted: 0, lost: 0 },
      }),
      probe: () => Promise.resolve(),
      evictionPolicy: () => Promise.resolve(undefined),
      watchRevocations: (each) => void wakes.add(each),
    },
    close: () => {
      for (const timer of timers) clearInterval(timer);
      return base.close();
    },
  };
}

/** Of a file; memory is written by nobody else, and looking at it is looking at a number. */
function lookFor({ revocations }: Store, wake: () => void): () => void {
  let seen: number | undefined;
  return () => {
    try {
      const head = revocations.head();
      if (head instanceof Promise) return;
      if (seen !== undefined && head !== seen) wake();
      seen = head;
    } catch (fault) {
      // Whoever asks about a session hears of it.
      if (!(fault instanceof StoreError)) throw fault;
    }
  };
}

function purge(base: Store, untilMs: number): void {
  try {
    const purged = base.purge(untilMs);
    if (purged instanceof Promise) purged.catch(() => {});
  } catch (fault) {
    if (!(fault instanceof StoreError)) throw fault;
  }
}
