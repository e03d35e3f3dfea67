// Revocations kept in a store, of one process or of several: sessions deleted by their owners, and whatever operators
// revoke (docs/behaviour.md L6). Whoever holds sessions in memory listens, and ends them at once; a store that cannot
// be asked refuses the session (503), because it might be a dead one.
import type { OwnerFingerprint } from "../../envelope/owner_fingerprint.ts";
import { failClosed, ignoreStoreError } from "../../store/fail_closed.ts";
import { PurgeClock } from "../../store/purge_clock.ts";
import {
  type MaybePromise,
  type Revocation,
  type RevocationChanges,
  type RevocationStore,
  type RevocationSubject,
  type Store,
  whenReady,
} from "../../store/store.ts";
import type { RevocationList } from "./revocation_list.ts";

/** Told of each revocation once it is in force, by whichever process. Must not throw: it would keep nobody from being told. */
export type RevocationListener = (revocation: Revocation) => void;

/**
 * @returns whether it could ask about all that it holds; else it is called again with the next poll. Rejects for faults
 * of its own
 */
export type GapListener = () => Promise<boolean>;

export interface StoredRevocationsOptions {
  readonly store: Store;
  /** The longest life a session of this deployment can have, in ms: how long a cut-off has to be kept. */
  readonly maxSessionTtlMs: number;
  /** Changes read from the store in one go. Default 1,000. */
  readonly pageSize?: number;
  /** Told of what a listener throws. Must not throw. */
  readonly onFault?: (fault: unknown) => void;
  /** Milliseconds since the epoch by a clock that nobody sets. Default: the system's. */
  readonly steady?: () => number;
}

/**
 * Ready to serve: listeners hear of everything that is added after this resolved. What was added before is found by
 * `isRevoked` when a session is opened. @throws StoreError
 */
export function openRevocations(options: StoredRevocationsOptions): MaybePromise<StoredRevocations> {
  return whenReady(options.store.revocations.head(), (cursor) => new StoredRevocations(options, cursor));
}

export class StoredRevocations implements RevocationList {
  readonly #store: Store;
  readonly #revocations: RevocationStore;
  readonly #maxSessionTtlMs: number;
  readonly #pageSize: number;
  readonly #onFault: (fault: unknown) => void;
  readonly #listeners = new Set<RevocationListener>();
  readonly #gapListeners = new Set<GapListener>();
  /** Some may have been missed, and not all that is held has been asked about since. */
  #isGapOpen = false;
  #isClosingGap = false;
  readonly #purgeClock: PurgeClock;
  #cursor: number;
  #polling: Promise<void> | undefined;
  /** The round after the one under way, for those who came too late for that one. */
  #nextRound: Promise<void> | undefined;

  /** @param cursor see {@link openRevocations} */
  constructor(options: StoredRevocationsOptions, cursor: number) {
    this.#cursor = cursor;
    this.#store = options.store;
    this.#revocations = options.store.revocations;
    this.#maxSessionTtlMs = options.maxSessionTtlMs;
    this.#pageSize = options.pageSize ?? 1_000;
    this.#onFault = options.onFault ?? (() => {});
    this.#purgeClock = new PurgeClock(options.steady);
  }

  /** Entries held in this process's memory: none where the store answers from a file. */
  get size(): number {
    return this.#store.stats().revocationsHeld;
  }

  /** Calls `listener` for every revocation from now on. @returns what stops it */
  watch(listener: RevocationListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` when some may have been missed: what is held has to be asked about again. */
  watchGaps(listener: GapListener): void {
    this.#gapListeners.add(listener);
  }

  /**
   * @throws SignetError `identity_unavailable`, also as a rejection: a store that cannot tell does not clear a session
   */
  isRevoked(session: RevocationSubject): MaybePromise<boolean> {
    // Without a function of its own each time: every id that is opened is asked about.
    try {
      const kind = this.#revocations.find(session);
      return kind instanceof Promise ? kind.then(isKnown, unread) : isKnown(kind);
    } catch (fault) {
      return unread(fault);
    }
  }

  /**
   * A client's DELETE. The caller ends the session itself; listeners hear of it at the next poll.
   * @throws SignetError `identity_unavailable`
   */
  revoke(sid: string, expiresAtMs: number, nowMs: number): MaybePromise<void> {
    if (expiresAtMs <= nowMs) return;
    return this.#guard(() => this.#revocations.add({ kind: "session", sid, untilMs: expiresAtMs, by: "client" }));
  }

  /**
   * An operator's word on one session. Without its expiry it is kept for as long as any session can live.
   * Like all operators' revocations: in force, and the listeners told, when it returns or resolves.
   * @throws SignetError `identity_unavailable`
   */
  revokeSession(sid: string, when: { readonly nowMs: number; readonly expiresAtMs?: number }): MaybePromise<void> {
    const untilMs = when.expiresAtMs ?? when.nowMs + this.#maxSessionTtlMs;
    return this.#add({ kind: "session", sid, untilMs, by: "operator" });
  }

  /** The same of several. */
  async revokeSessions(sessions: readonly { readonly sid: string; readonly expiresAtMs: number }[]): Promise<void> {
    await this.#addAll(
      sessions.map(({ sid, expiresAtMs }) => ({ kind: "session", sid, untilMs: expiresAtMs, by: "operator" })),
    );
  }

  /**
   * Every session of an owner issued at or before a moment. A fingerprint belongs to one key of the ring:
   * give those of all keys, or sessions sealed under the others live on.
   */
  async revokeOwner(fingerprints: readonly OwnerFingerprint[], beforeMs: number): Promise<void> {
    const untilMs = beforeMs + this.#maxSessionTtlMs;
    await this.#addAll(fingerprints.map((owner) => ({ kind: "principal", owner, beforeMs, untilMs })));
  }

  /** Everything issued at or before a moment, whoever owns it. */
  revokeBefore(beforeMs: number): MaybePromise<void> {
    return this.#add({ kind: "all", beforeMs, untilMs: beforeMs + this.#maxSessionTtlMs });
  }

  /**
   * Tells the listeners what has been added since the last time, here or elsewhere. Called by a timer, and it may be
   * called on requests: some microseconds over a file, nothing much over memory. Whatever was added before the call has
   * been told when it returns or resolves.
   * @throws StoreError if the store cannot be read; the next call takes up where this one stopped
   */
  poll(): MaybePromise<void> {
    if (this.#polling) return this.#nextRound ??= this.#afterwards(this.#polling);
    const polling = this.#nextPage();
    if (!(polling instanceof Promise)) return;
    return this.#polling = polling.finally(() => this.#polling = undefined);
  }

  /** Forgets what ended a while ago, as far as the time that has passed bears the clock out. */
  sweep(nowMs: number): void {
    try {
      const purged = this.#store.purge(this.#purgeClock.until(nowMs));
      // Any other fault than the store's goes on as an unhandled rejection, as it should.
      if (purged instanceof Promise) purged.catch(ignoreStoreError);
    } catch (fault) {
      ignoreStoreError(fault);
    }
  }

  async #afterwards(round: Promise<void>): Promise<void> {
    await round.catch(() => {});
    this.#nextRound = undefined;
    await this.poll();
  }

  #nextPage(): MaybePromise<void> {
    const page = this.#revocations.changesSince(this.#cursor, this.#pageSize);
    return whenReady(page, (changes) => this.#tell(changes));
  }

  #tell(changes: RevocationChanges): MaybePromise<void> {
    this.#cursor = changes.cursor;
    for (const revocation of changes.revocations) this.#tellAll(revocation);
    if (changes.missed === true) this.#isGapOpen = true;
    if (this.#isGapOpen && !this.#isClosingGap) this.#closeGap();
    if (changes.more) return this.#nextPage();
  }

  /** Nobody waits for it: each that is held is asked about, and the store takes its time. */
  async #closeGap(): Promise<void> {
    this.#isClosingGap = true;
    try {
      for (let isDone = true; this.#isGapOpen && isDone;) {
        // Whatever is missed from here on is asked about once more.
        this.#isGapOpen = false;
        isDone = (await Promise.all([...this.#gapListeners].map((listener) => listener()))).every((each) => each);
        if (!isDone) this.#isGapOpen = true;
      }
    } finally {
      this.#isClosingGap = false;
    }
  }

  #tellAll(revocation: Revocation): void {
    for (const listener of this.#listeners) this.#tellOne(listener, revocation);
  }

  /** What one cannot do with it is no reason for the others, and for what comes behind it, to live on. */
  #tellOne(listener: RevocationListener, revocation: Revocation): void {
    try {
      listener(revocation);
    } catch (fault) {
      this.#onFault(fault);
    }
  }

  /** In force before anybody is told, so that no session slips back in between. */
  #add(revocation: Revocation): MaybePromise<void> {
    return this.#guard(() => {
      const told = whenReady(this.#revocations.add(revocation), () => this.poll());
      if (!(told instanceof Promise) || this.#revocations.keepsUntaken !== true) return told;
      // In force here: whoever holds what it ends need not wait for a store that is away.
      return told.catch((fault) => {
        this.#tellAll(revocation);
        throw fault;
      });
    });
  }

  /** Where what the store does not take is in force all the same, it keeps nothing behind it from being so. */
  async #addAll(revocations: readonly Revocation[]): Promise<void> {
    let failed: { readonly fault: unknown } | undefined;
    for (const revocation of revocations) {
      try {
        await this.#add(revocation);
      } catch (fault) {
        if (this.#revocations.keepsUntaken !== true) throw fault;
        failed ??= { fault };
      }
    }
    if (failed !== undefined) throw failed.fault;
  }

  #guard<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
    try {
      const answer = ask();
      return answer instanceof Promise ? answer.catch(unread) : answer;
    } catch (fault) {
      return unread(fault);
    }
  }
}

function isKnown(kind: Revocation["kind"] | undefined): boolean {
  return kind !== undefined;
}

function unread(fault: unknown): never {
  return failClosed(fault, "The list of revoked sessions cannot be reached");
}

/** Whether a revocation concerns a session that is held in memory. */
export function concerns(revocation: Revocation, session: RevocationSubject): boolean {
  switch (revocation.kind) {
    case "session":
      return revocation.sid === session.sid;
    case "principal":
      return revocation.owner === session.owner && session.issuedAtMs <= revocation.beforeMs;
    case "all":
      return session.issuedAtMs <= revocation.beforeMs;
  }
}
