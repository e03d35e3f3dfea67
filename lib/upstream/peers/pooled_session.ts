// One session at a server that stateless clients share, as one peer here uses it: found where it is kept, opened by one
// process at a time, said to be in use now and then, and ended at the server by whoever used it last (docs/behaviour.md
// S3, L4, R1). Without an answer of the store each process opens its own, which is counted.
import { HttpError } from "../../http1/types.ts";
import type { StoreSeal } from "../../envelope/store_seal.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Timers } from "../../platform/timers.ts";
import type { OwnerKey } from "../../session/caller.ts";
import type { AliasStore } from "../../store/shared.ts";
import { type MaybePromise, StoreError } from "../../store/store.ts";
import { ignoreStoreError, waitForTurn } from "../../store/turns.ts";
import { greetedBy, keptOf, type KeptSession, openKept, sealKept } from "./kept_session.ts";
import type { Greeted } from "./peer_session.ts";

/** What the store could not be told is told it again after so long, in ms. */
const AGAIN_MS = 5000;
/** By how much two clocks may run apart, in ms, while a session is idle. */
const DRIFT_MS = 1000;
/** So many times within its idle time a session that is used is said to be. */
const TOUCHES = 10;

export interface PooledSessionParts {
  readonly owner: OwnerKey;
  /** Whether what its owner had opened by then is revoked; also where that cannot be told. Never rejects. */
  readonly isRevoked: (owner: OwnerKey, openedAtMs: number) => MaybePromise<boolean>;
  readonly store: AliasStore;
  readonly seal: StoreSeal;
  /** This process: whose turn it is. */
  readonly holder: string;
  /** How long a session is kept that nobody uses, in ms. */
  readonly idleMs: number;
  readonly timers: Timers;
  /** Whether other processes may use it at the same time: replicas with names agree on one. */
  readonly isShared: boolean;
  /** How long another process may take to open one, in ms. */
  readonly turnMs: number;
  readonly onUnshared: () => void;
  readonly onTaken: () => void;
  readonly enter: (session: PooledSession) => void;
  readonly leave: (session: PooledSession) => void;
}

/** A session that was opened here. */
export interface Opened extends Greeted {
  /** Whether its server knows that its handshake is complete. Default true. */
  readonly isWhole?: boolean;
}

export class PooledSession {
  readonly #key: string;
  readonly #parts: PooledSessionParts;
  /** What is used here, and its text in the store; no text while the store does not know it. */
  #kept: KeptSession | undefined;
  #text: string | undefined;
  #touchedAtMs = 0;
  #dueAtMs = Infinity;
  #touching: Promise<void> | undefined;
  #isMoved = false;
  #isLeft = false;

  constructor(key: string, parts: PooledSessionParts) {
    this.#key = key;
    this.#parts = parts;
  }

  get isShared(): boolean {
    return this.#parts.isShared;
  }

  /** Whether another one may have taken its place: the next request is to {@link follow}. */
  get isMoved(): boolean {
    return this.#isMoved;
  }

  /** The one that has taken its place; undefined if it is still the one. Never rejects. */
  async follow(): Promise<Greeted | undefined> {
    this.#isMoved = false;
    try {
      const found = await this.#find(this.#kept?.id);
      if (found === undefined) return undefined;
      this.#parts.onTaken();
      return greetedBy(found);
    } catch (fault) {
      if (this.#isLeft) return undefined;
      ignoreStoreError(fault);
      this.#unshared();
      return undefined;
    }
  }

  /** In ms since the epoch; undefined while there is none. */
  get openedAtMs(): number | undefined {
    return this.#kept?.openedAtMs;
  }

  /** Whether others can find this session. */
  isKept(id: string | undefined): boolean {
    return this.#text !== undefined && this.#kept?.id === id;
  }

  /**
   * The session that others have opened, if it is not the one that was lost; else the one that `open` opens, which is
   * found by others from then on if it is whole. One process opens at a time.
   * @throws whatever `open` does; SignetError `upstream_timeout` if another's turn does not end; HttpError `aborted` if it
   * is not needed any more
   */
  async openOnce(lost: string | undefined, open: () => Promise<Opened>): Promise<Greeted & { isTaken: boolean }> {
    const { store, holder, turnMs, timers, onTaken } = this.#parts;
    let found: KeptSession | undefined;
    const isDone = async () => (found = await this.#find(lost)) !== undefined;
    try {
      if (await isDone() || !await waitForTurn(store, { sid: this.#key, holder, turnMs, timers, isDone })) {
        onTaken();
        return { ...greetedBy(found!), isTaken: true };
      }
    } catch (fault) {
      if (!(fault instanceof StoreError)) throw fault;
      this.#unshared();
      return await this.#openHere(open);
    }
    try {
      return await this.#openHere(open);
    } finally {
      store.giveTurnBack(this.#key, holder).catch(ignoreStoreError);
    }
  }

  /** It is in use. */
  use(): void {
    if (this.#kept === undefined || this.#isLeft || this.#parts.timers.now() < this.#dueAtMs) return;
    this.#dueAtMs = Infinity;
    this.#touching = this.#touch().finally(() => this.#touching = undefined);
  }

  /** Another process says which one is kept. */
  heed(id: UpstreamSessionId): void {
    this.#isMoved ||= this.#kept !== undefined && this.#kept.id !== id;
  }

  /** It is not needed here any more. @returns whether nobody else uses it, so that it is to end at the server */
  async end(): Promise<boolean> {
    if (this.#isLeft) return false;
    const text = this.#text;
    this.letGo();
    // Sent before anything else is waited for: whoever asks next does not find it.
    return text === undefined || await this.#withdraw(text, this.#touchedAtMs);
  }

  /** This process ends. @returns whether others can go on with it */
  async leave(): Promise<boolean> {
    if (this.#isLeft) return true;
    // Only what the store is being told of one that is used: a first one may be what has not been answered yet.
    if (this.#touching !== undefined) await this.#touching;
    const isFound = this.#text !== undefined;
    this.letGo();
    return isFound;
  }

  /** It is used here no more, whatever the store is still asked. What others can find stays as it is. */
  letGo(): void {
    this.#isLeft = true;
    this.#parts.leave(this);
  }

  /** Others find it no more, unless one has since it was touched. @returns whether nobody has. Never rejects. */
  async #withdraw(text: string, touchedAtMs: number): Promise<boolean> {
    const { store, timers } = this.#parts;
    try {
      return await store.removeUnused(this.#key, text, this.#ttlMs - (timers.now() - touchedAtMs) + DRIFT_MS);
    } catch (fault) {
      ignoreStoreError(fault);
      return false;
    }
  }

  /** Unused by anybody, it lives a little longer than who used it last keeps it: the end is his to tell the server. */
  get #ttlMs(): number {
    return this.#parts.idleMs + 2 * this.#touchEveryMs;
  }

  get #touchEveryMs(): number {
    return this.#parts.idleMs / TOUCHES;
  }

  async #openHere(open: () => Promise<Opened>): Promise<Greeted & { isTaken: boolean }> {
    this.#kept = this.#text = undefined;
    this.#isMoved = false;
    const openedAtMs = this.#parts.timers.now();
    const greeted = await open();
    const kept = keptOf({ of: this.#key, openedAtMs }, greeted);
    if (kept !== undefined && greeted.isWhole !== false) await this.#keep(kept);
    return { ...greeted, isTaken: false };
  }

  /** From now on others find it. What the store is not told now it is told later. */
  async #keep(kept: KeptSession): Promise<void> {
    const { store, seal, timers } = this.#parts;
    const text = sealKept(seal, kept);
    if (text === undefined || this.#isLeft) return;
    this.#take(kept, undefined);
    try {
      const nowMs = timers.now();
      await store.set(this.#key, text, this.#ttlMs);
      // Whoever opened it is to end it, unless another one has found it by now.
      if (this.#isLeft && await this.#withdraw(text, nowMs)) return;
      this.#take(kept, text, nowMs);
    } catch (fault) {
      ignoreStoreError(fault);
      this.#unshared();
    }
  }

  #take(kept: KeptSession, text: string | undefined, touchedAtMs = this.#parts.timers.now()): void {
    this.#kept = kept;
    this.#text = text;
    this.#touchedAtMs = touchedAtMs;
    this.#dueAtMs = touchedAtMs + (text === undefined ? AGAIN_MS : this.#touchEveryMs);
    // Nobody would say again that it is not needed.
    if (!this.#isLeft) this.#parts.enter(this);
  }

  /**
   * What is kept, if it is not the one that was lost; it is used from then on.
   * @throws StoreError; HttpError `aborted` if it is not needed any more
   */
  async #find(lost: string | undefined): Promise<KeptSession | undefined> {
    const { store, seal, timers, owner, isRevoked } = this.#parts;
    this.#assertNeeded();
    const text = await store.get(this.#key);
    const kept = text === undefined ? undefined : openKept(seal, text);
    // Whoever writes to the store can copy what is another's to where this one is looked for.
    if (text === undefined || kept === undefined || kept.of !== this.#key || kept.id === lost) return undefined;
    if (await isRevoked(owner, kept.openedAtMs)) return undefined;
    // Who does not use it does not keep it for longer: its end is for the last one to tell the server.
    this.#assertNeeded();
    const nowMs = timers.now();
    if (!await store.touch(this.#key, text, this.#ttlMs)) return undefined;
    this.#isMoved = false;
    this.#take(kept, text, nowMs);
    // Before the key goes that it was sealed with.
    if (sealKept(seal, kept) !== text) this.#dueAtMs = nowMs;
    return kept;
  }

  /** Tells the store that it is in use, or what it is; or finds out that it is another one by now. Never rejects. */
  async #touch(): Promise<void> {
    const { store, seal, timers } = this.#parts;
    const kept = this.#kept!;
    const text = this.#text;
    const nowMs = timers.now();
    try {
      // Under another key than before it is kept anew.
      const isCurrent = text !== undefined && sealKept(seal, kept) === text;
      if (isCurrent && await store.touch(this.#key, text, this.#ttlMs)) return this.#take(kept, text, nowMs);
      const found = await store.get(this.#key);
      const other = found === undefined ? undefined : openKept(seal, found);
      if (other?.of === this.#key && other.id !== kept.id) this.#isMoved = true;
      else await this.#keep(kept);
    } catch (fault) {
      ignoreStoreError(fault);
      this.#unshared();
      this.#dueAtMs = nowMs + AGAIN_MS;
    }
  }

  #assertNeeded(): void {
    if (this.#isLeft) throw new HttpError("aborted", "looking for a session: not wanted any more");
  }

  #unshared(): void {
    this.#parts.onUnshared();
  }
}
