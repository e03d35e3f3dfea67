// Places of sessions under their principal's cap, for processes that share one other's memory (docs/behaviour.md M1, M5, R5):
// what the Redis store does in scripts, by one clock. Bounded: what is unused for long is forgotten, and beyond a number
// the store says that it is full, so that each process's own cap holds.
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { Place, PlaceBounds, PlaceOutcome, PlaceStore } from "../shared.ts";
import { StoreError } from "../store.ts";

/** Of all principals. */
const MOST_PLACES = 1_000_000;
/** Looking at all of them takes a moment: at most this often, in ms. */
const PRUNE_EVERY_MS = 60_000;
/** A clock is corrected by moments again and again; one that goes back by more has been set. */
const NOT_SET_MS = 1000;

class Principal {
  /** Session → when it was last in use; the longest unused first. */
  readonly places = new Map<string, number>();
  /** How many have given way since when: no more within an idle time than there may be. */
  yields = 0;
  yieldsUntilMs = -Infinity;
  idleMs = 0;
  yieldAfterMs = 0;
  #seenAtMs = -Infinity;

  /**
   * To be called before anything is judged by the clock. Where it has been set back, nobody can tell how long places have
   * been unused: they hold nobody up and are forgotten as others are, in the order in which they were used; what has given
   * way counts as long again.
   */
  heed(nowMs: number): void {
    const isSetBack = this.#seenAtMs - nowMs > NOT_SET_MS;
    this.#seenAtMs = isSetBack ? nowMs : Math.max(nowMs, this.#seenAtMs);
    if (!isSetBack) return;
    for (const [session, usedAtMs] of this.places) {
      this.places.set(session, Math.min(usedAtMs, nowMs - this.yieldAfterMs));
    }
    this.yieldsUntilMs = Math.min(this.yieldsUntilMs, nowMs + this.idleMs);
  }
}

export class MemoryPlaces implements PlaceStore {
  readonly #now: () => number;
  readonly #principals = new Map<string, Principal>();
  #size = 0;
  #prunedAtMs = -Infinity;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Places of all. */
  get size(): number {
    return this.#size;
  }

  // deno-lint-ignore require-await -- so that a refusal is a rejection
  async take({ principal: name, session }: Place, bounds: PlaceBounds): Promise<PlaceOutcome> {
    const nowMs = this.#now();
    const principal = this.#of(name, bounds, nowMs);
    if (!principal.places.has(session)) {
      const over = principal.places.size - bounds.limit + 1;
      if (over > 0) {
        const refused = this.#makeRoom(principal, { over, bounds, nowMs });
        if (refused !== undefined) return refused;
      }
      this.#requireRoom(nowMs);
    }
    this.#use(name, principal, session);
    return { taken: true };
  }

  async touch(places: readonly Place[], bounds: PlaceBounds): Promise<void> {
    const nowMs = this.#now();
    for (const { principal: name, session } of places) {
      const principal = this.#of(name, bounds, nowMs);
      if (!principal.places.has(session)) this.#requireRoom(nowMs);
      this.#use(name, principal, session);
      this.#drop(principal, principal.places.size - bounds.limit);
    }
    await Promise.resolve();
  }

  release({ principal: name, session }: Place): Promise<void> {
    const principal = this.#principals.get(name);
    if (principal?.places.delete(session)) this.#size--;
    return Promise.resolve();
  }

  count(name: string, idleMs: number): Promise<number> {
    const nowMs = this.#now();
    const principal = this.#principals.get(name);
    principal?.heed(nowMs);
    const sinceMs = nowMs - idleMs;
    const places = principal?.places.values() ?? [];
    return Promise.resolve([...places].filter((usedAtMs) => usedAtMs > sinceMs).length);
  }

  #makeRoom(
    principal: Principal,
    { over, bounds, nowMs }: { readonly over: number; readonly bounds: PlaceBounds; readonly nowMs: number },
  ): PlaceOutcome | undefined {
    const usedAtMs = [...principal.places.values()][over - 1]!;
    const { yieldAfterMs } = bounds;
    const freeInMs = Math.min(yieldAfterMs, usedAtMs + yieldAfterMs - nowMs);
    if (freeInMs > 0) return { taken: false, freeInMs };
    if (nowMs >= principal.yieldsUntilMs) {
      [principal.yields, principal.yieldsUntilMs] = [0, nowMs + bounds.idleMs];
    }
    if (principal.yields >= bounds.limit) {
      return { taken: false, freeInMs: Math.max(1, principal.yieldsUntilMs - nowMs) };
    }
    principal.yields++;
    this.#drop(principal, over);
    return undefined;
  }

  /** The principal, without what was unused for too long. */
  #of(name: string, { idleMs, yieldAfterMs }: PlaceBounds, nowMs: number): Principal {
    const principal = this.#principals.get(name) ?? new Principal();
    [principal.idleMs, principal.yieldAfterMs] = [idleMs, yieldAfterMs];
    this.#forgetUnused(principal, nowMs);
    return principal;
  }

  #forgetUnused(principal: Principal, nowMs: number): void {
    principal.heed(nowMs);
    const { places, idleMs } = principal;
    for (const [session, usedAtMs] of places) {
      if (usedAtMs > nowMs - idleMs) return;
      places.delete(session);
      this.#size--;
    }
  }

  #use(name: string, principal: Principal, session: string): void {
    this.#principals.set(name, principal);
    // Behind all others: they stay in the order of their last use.
    if (!principal.places.delete(session)) this.#size++;
    principal.places.set(session, this.#now());
  }

  #drop({ places }: Principal, count: number): void {
    for (const session of places.keys()) {
      if (count-- <= 0) return;
      places.delete(session);
      this.#size--;
    }
  }

  /** @throws StoreError `full` */
  #requireRoom(nowMs: number): void {
    if (!isWithin(nowMs, this.#prunedAtMs, PRUNE_EVERY_MS)) {
      this.#prunedAtMs = nowMs;
      for (const [name, principal] of this.#principals) {
        this.#forgetUnused(principal, nowMs);
        if (principal.places.size === 0 && nowMs >= principal.yieldsUntilMs) this.#principals.delete(name);
      }
    }
    if (this.#size < MOST_PLACES) return;
    throw new StoreError("full", `A session was not counted: ${MOST_PLACES} are counted already`, {
      remedy: "Each worker's own cap holds for it.",
    });
  }
}
