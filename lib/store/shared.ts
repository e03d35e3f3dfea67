// What replicas, or a process and its successor, leave for each other: places of sessions under a caller's cap, where
// sessions went that were opened again, and which ones stateless clients share. Interfaces only. Each step that must be
// atomic is one method; all may throw StoreError, and none is asked by a warm call (docs/behaviour.md R1, R5, R6, S3).

/** A session's place among those of its principal, over all replicas. */
export interface Place {
  /** Whose cap it counts against. Kept as a digest. */
  readonly principal: string;
  /** `SealedSession.sid`. Kept as a digest. */
  readonly session: string;
}

export interface PlaceBounds {
  /** Places of one principal. */
  readonly limit: number;
  /** How long a place must have been unused to give way, in ms. */
  readonly yieldAfterMs: number;
  /** How long an unused place is kept, in ms. */
  readonly idleMs: number;
}

/**
 * Taken, or when one can be free at the earliest. By the store's clock: replicas' clocks may differ.
 */
export type PlaceOutcome = { readonly taken: true } | { readonly taken: false; readonly freeInMs: number };

/**
 * A place says when its session was last in use. Nobody has to give it back: what no replica uses gives way to the same
 * principal's next session after `yieldAfterMs`, and is forgotten after `idleMs`. So the places of a replica that died
 * return by themselves (M1, M5).
 */
export interface PlaceStore {
  /** One atomic step: forgets what is unused, lets the longest unused give way at the cap, and takes a place. */
  take(place: Place, bounds: PlaceBounds): Promise<PlaceOutcome>;
  /** In use now. A session that comes back is refused nothing: at the cap the longest unused gives way (M5). */
  touch(places: readonly Place[], bounds: PlaceBounds): Promise<void>;
  /** Ended for good. Again: nothing. */
  release(place: Place): Promise<void>;
  /** Places of a principal that were in use within `idleMs`. */
  count(principal: string, idleMs: number): Promise<number>;
}

/** A text in place of another. */
export interface Replacement {
  /** What was found; undefined: nothing. */
  readonly before: string | undefined;
  readonly text: string;
  readonly ttlMs: number;
}

/**
 * Texts by the name of what they are about, which only holders of the ring can read; each ends by itself. There is no way
 * to write over what one has not seen: a call that lands after its caller has given up waiting changes nothing that was
 * decided meanwhile.
 */
export interface AliasStore {
  get(sid: string): Promise<string | undefined>;
  /** Told to all replicas. @returns whether what was found was still there; else nothing has changed */
  replace(sid: string, replacement: Replacement): Promise<boolean>;
  remove(sid: string): Promise<void>;
  /** Lets it live for `ttlMs` from now at least, if it is `text` still. @returns whether it is */
  touch(sid: string, text: string, ttlMs: number): Promise<boolean>;
  /**
   * Removes it if it is `text` still, and nobody has touched it since it had `leftMs` to live at this moment.
   * @returns false if somebody has: then it stays
   */
  removeUnused(sid: string, text: string, leftMs: number): Promise<boolean>;
  /**
   * Whose turn it is to open a session: one holder at a time, until it gives the turn back or `ttlMs` is over.
   * @returns whether it is the holder's
   */
  takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean>;
  giveTurnBack(sid: string, holder: string): Promise<void>;
  /** Calls `listener` with every text that takes another's place, here or at another replica, from now on. Must not throw. */
  watch(listener: (text: string) => void): void;
}

export interface SharedState {
  readonly places: PlaceStore;
  readonly aliases: AliasStore;
  state(): SharedStoreState;
  /** Asks what it is asked to know whether it is there. @throws StoreError where Signet's user may not */
  probe(): Promise<void>;
  /** Asks it what it does when it is full; undefined where it may not be asked that. @throws StoreError if it is away */
  evictionPolicy(): Promise<string | undefined>;
  /** Calls `wake` when other processes have added revocations, or may have: it is then time to poll. Must not throw. */
  watchRevocations(wake: () => void): void;
}

/** How revocations that a store had are gone: a key of them was evicted by itself; all of them, or the latest, were lost. */
export type StoreLoss = "evicted" | "lost";

/** How the store is. Never waits. */
export interface SharedStoreState {
  /** Whether the last question was answered, be it with a refusal of that one question. */
  readonly up: boolean;
  /** Whether what other replicas say is heard at once. */
  readonly listening: boolean;
  /** Why it did not answer. Holds no secret. */
  readonly cause: string;
  /** Questions without an answer since the start. */
  readonly failures: number;
  /** Questions answered with a refusal since the start. */
  readonly refusals: number;
  /** Times since the start that it was found without revocations that it had. */
  readonly losses: Readonly<Record<StoreLoss, number>>;
}
