// A store that another process holds and this one asks, call by call: how the workers of one Signet share one. What is asked
// is what the interfaces name, and nothing else; both ends stand here, so that they cannot differ.
import type { Timers } from "../../platform/time/timers.ts";
import type { RateOutcome, RateStore, RateTake } from "../rates.ts";
import type { AliasStore, Place, PlaceBounds, PlaceOutcome, PlaceStore, SharedState } from "../shared.ts";
import {
  closedError,
  type InsertOutcome,
  type Revocation,
  type RevocationChanges,
  type RevocationStore,
  type RevocationSubject,
  type Store,
  StoreError,
  type TokenListQuery,
  type TokenRecord,
  type TokenStore,
} from "../store.ts";
import { AnswerDeadline } from "./answer_deadline.ts";

/** What can be asked of a store: part and method. */
const STORE_CALLS = [
  "tokens.insertBelowLimit",
  "tokens.get",
  "tokens.remove",
  "tokens.removeAgent",
  "tokens.count",
  "tokens.list",
  "revocations.add",
  "revocations.find",
  "revocations.head",
  "revocations.changesSince",
  "revocations.size",
  "rates.take",
  "places.take",
  "places.touch",
  "places.release",
  "places.count",
  "aliases.get",
  "aliases.replace",
  "aliases.remove",
  "aliases.touch",
  "aliases.removeUnused",
  "aliases.takeTurn",
  "aliases.giveTurnBack",
  "pools.get",
  "pools.replace",
  "pools.remove",
  "pools.touch",
  "pools.removeUnused",
  "pools.takeTurn",
  "pools.giveTurnBack",
  "store.purge",
] as const;
export type StoreCall = typeof STORE_CALLS[number];

/** What the store says unasked: there are new revocations; a session went elsewhere; a shared one was opened. */
export const STORE_NEWS = ["revoked", "moved", "pooled"] as const;

/** Asks the process that holds the store. Rejects with StoreError where it has; with anything else if it is gone. */
export type AskStore = (call: StoreCall, args: readonly unknown[]) => Promise<unknown>;

/** @returns the answer of a held store to one call. @throws StoreError; TypeError for what is no call */
export async function answerStoreCall(store: Store, call: string, args: readonly unknown[]): Promise<unknown> {
  if (!STORE_CALLS.includes(call as StoreCall)) {
    throw new TypeError(`asking the store: found ${call}, want a call of it`);
  }
  const [part, method] = call.split(".") as [string, string];
  const parts: Readonly<Record<string, unknown>> = { ...store, ...store.shared, store };
  const target = parts[part] as Record<string, (...given: readonly unknown[]) => unknown>;
  return await target[method]!(...args);
}

/**
 * The asking end. `news` is to be called with what the holder says unasked. A holder that stands still holds nobody up: it
 * is then like any store that is away (docs/behaviour.md R6).
 */
export function createAskedStore(
  ask: AskStore,
  timers: Timers,
): { readonly store: Store; readonly news: (what: typeof STORE_NEWS[number], text?: string) => void } {
  const state = { up: true, failures: 0, refusals: 0, losses: { evicted: 0, lost: 0 }, cause: "" };
  const wakes = new Set<() => void>();
  const listeners = { moved: new Set<(text: string) => void>(), pooled: new Set<(text: string) => void>() };
  let closed = false;
  const deadline = new AnswerDeadline(timers);
  const asking = async <T>(call: StoreCall, ...args: readonly unknown[]): Promise<T> => {
    if (closed) throw closedError();
    try {
      const answer = await deadline.answerOf(() => ask(call, args)) as T;
      state.up = true;
      return answer;
    } catch (fault) {
      if (closed) throw closedError();
      // An answer, whatever it says: who gives one can be reached.
      if (fault instanceof StoreError) state.up = true;
      if (fault instanceof StoreError) throw fault;
      state.up = false;
      state.failures++;
      const [cause, remedy] = deadline.isOver ? STANDS_STILL : IS_GONE;
      state.cause = cause;
      throw new StoreError("io", `The store that the workers share could not be asked: ${cause}`, {
        remedy,
        cause: fault,
      });
    }
  };
  return {
    store: {
      tokens: askedTokens(asking),
      revocations: askedRevocations(asking),
      rates: askedRates(asking),
      pools: askedAliases(asking, "pools", listeners.pooled),
      shared: {
        ...{ places: askedPlaces(asking), aliases: askedAliases(asking, "aliases", listeners.moved) },
        state: () => ({ ...state, listening: state.up }),
        probe: () => Promise.resolve(),
        evictionPolicy: () => Promise.resolve(undefined),
        watchRevocations: (wake) => void wakes.add(wake),
      } satisfies SharedState,
      purge: (nowMs) => asking<number>("store.purge", nowMs),
      stats: () => ({ revocationsHeld: 0, revocationsForgotten: 0 }),
      close: () => {
        closed = true;
        deadline.close();
      },
    },
    news: (what, text = "") => {
      if (what === "revoked") { for (const wake of wakes) wake(); }
      else for (const listener of listeners[what]) listener(text);
    },
  };
}

/** What has become of the process that holds it, and what is to be done. */
const IS_GONE = [
  "the process that holds it is gone",
  "The process that has started this one is gone, and this one ends, too.",
] as const;
const STANDS_STILL = [
  "the process that holds it does not answer",
  "See what keeps the process that has started the workers: a disk that its --state is on, or a machine without a free core.",
] as const;

type Asking = <T>(call: StoreCall, ...args: readonly unknown[]) => Promise<T>;

function askedTokens(ask: Asking): TokenStore {
  return {
    insertBelowLimit: (record, options) => ask<InsertOutcome>("tokens.insertBelowLimit", record, options),
    get: (sid) => ask<TokenRecord | undefined>("tokens.get", sid),
    remove: (sid) => ask<boolean>("tokens.remove", sid),
    removeAgent: (agent, nowMs) => ask<number>("tokens.removeAgent", agent, nowMs),
    count: (agent, nowMs) => ask<number>("tokens.count", agent, nowMs),
    list: (query: TokenListQuery) => ask<readonly TokenRecord[]>("tokens.list", query),
  };
}

function askedRevocations(ask: Asking): RevocationStore {
  return {
    add: (revocation: Revocation) => ask<void>("revocations.add", revocation),
    find: (subject: RevocationSubject) => ask<Revocation["kind"] | undefined>("revocations.find", subject),
    head: () => ask<number>("revocations.head"),
    changesSince: (cursor, limit) => ask<RevocationChanges>("revocations.changesSince", cursor, limit),
    size: () => ask<number>("revocations.size"),
  };
}

function askedRates(ask: Asking): RateStore {
  return { take: (takes: readonly RateTake[], nowMs) => ask<RateOutcome>("rates.take", takes, nowMs) };
}

function askedPlaces(ask: Asking): PlaceStore {
  return {
    take: (place: Place, bounds: PlaceBounds) => ask<PlaceOutcome>("places.take", place, bounds),
    touch: (places, bounds) => ask<void>("places.touch", places, bounds),
    release: (place) => ask<void>("places.release", place),
    count: (principal, idleMs) => ask<number>("places.count", principal, idleMs),
  };
}

function askedAliases(
  ask: Asking,
  part: "aliases" | "pools",
  listeners: Set<(text: string) => void>,
): AliasStore {
  return {
    get: (sid) => ask<string | undefined>(`${part}.get`, sid),
    replace: (sid, replacement) => ask<boolean>(`${part}.replace`, sid, replacement),
    remove: (sid) => ask<void>(`${part}.remove`, sid),
    touch: (sid, text, ttlMs) => ask<boolean>(`${part}.touch`, sid, text, ttlMs),
    removeUnused: (sid, text, leftMs) => ask<boolean>(`${part}.removeUnused`, sid, text, leftMs),
    takeTurn: (sid, holder, ttlMs) => ask<boolean>(`${part}.takeTurn`, sid, holder, ttlMs),
    giveTurnBack: (sid, holder) => ask<void>(`${part}.giveTurnBack`, sid, holder),
    watch: (listener) => void listeners.add(listener),
  };
}
