// One session at a server that stateless clients share, as one peer here uses it: found where it is kept, opened by one
// process at a time, said to be in use now and then, and ended at the server by whoever used it last (docs/behaviour.md
// S3, L4, R1). Without an answer of the store each process opens its own, which is counted.
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import type { StoreSeal } from "../../../envelope/store_seal.ts";
import { HttpError } from "../../../http1/types.ts";
import { leftOf } from "../../../platform/time/time_of_day.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import type { OwnerKey } from "../../../session/caller.ts";
import type { Verdict } from "../../../session/revocations/revocation_list.ts";
import { ignoreStoreError } from "../../../store/fail_closed.ts";
import type { AliasStore } from "../../../store/shared.ts";
import { type MaybePromise, StoreError } from "../../../store/store.ts";
import { waitForTurn } from "../../../store/turns.ts";
import type { Greeted, PeerSession } from "../peer_session.ts";
import { KeptPlace } from "./kept_place.ts";
import { greetedBy, keptOf, type KeptSession } from "./kept_session.ts";

/** What the store could not be told is told it again after so long, in ms. */
const AGAIN_MS = 5000;
/** So many times within its idle time a session that is used is said to be. */
const TOUCHES = 10;

export interface PooledSessionParts {
  readonly owner: OwnerKey;
  /** Whether what its owner had opened by then is revoked. Never rejects. */
  readonly judge: (owner: OwnerKey, openedAtMs: number) => MaybePromise<Verdict>;
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
  /** See `KeptPlaceParts`. */
  readonly later: (ms: number, run: () => void) => void;
  readonly onUnshared: () => void;
  readonly onTaken: () => void;
  readonly enter: (session: PooledSession) => void;
  readonly leave: (session: PooledSession) => void;
}

/** A session that was opened here. */
export interface Opened extends Greeted {
  /**
   * Tells its server once more that the handshake is complete, where it has not taken it: whoever finds the session says
   * nothing of it. @returns whether the server has taken it. Never rejects
   */
  readonly confirm?: (() => Promise<boolean>) | undefined;
}

export class PooledSession {
  /** One that is kept, and revoked, is found: nobody goes on with it, and it is to end at the server. */
  onRevoked: (session: PeerSession) => void = () => {};
  readonly #parts: PooledSessionParts;
  readonly #place: KeptPlace;
  /** What is used here, and its text in the store; no text while the store does not know it. */
  #kept: KeptSession | undefined;
  #text: string | undefined;
  /** As `Opened.confirm`, while others are not to find it. */
  #confirm: (() => Promise<boolean>) | undefined;
  #dueAtMs = 0;
  #touching: Promise<void> | undefined;
  #isMoved = false;
  #isLeft = false;
  /** The last one that was found revoked: it is told of once, however often it is found. */
  #revokedId: UpstreamSessionId | undefined;

  constructor(key: string, parts: PooledSessionParts) {
    const { store, seal, timers, idleMs, later } = parts;
    this.#parts = parts;
    // Unused by anybody, it lives a little longer than who used it last keeps it: the end is his to tell the server.
    this.#place = new KeptPlace(key, { store, seal, timers, later, ttlMs: idleMs + 2 * (idleMs / TOUCHES) });
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
    const own = this.#kept;
    try {
      const found = await this.#find(own?.id);
      if (found !== undefined) {
        this.#parts.onTaken();
        return greetedBy(found);
      }
      if (own !== undefined) await this.#keepIfWhole(own);
    } catch (fault) {
      if (this.#isLeft) return undefined;
      ignoreStoreError(fault);
      this.#unshared();
    }
    return undefined;
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
   * found by others from then on if its server knows it to be complete. One process opens at a time.
   * @throws whatever `open` does; SignetError `upstream_timeout` if another's turn does not end; HttpError `aborted` if it
   * is not needed any more
   */
  async openOnce(lost: string | undefined, open: () => Promise<Opened>): Promise<Greeted & { isTaken: boolean }> {
    const { store, holder, turnMs, timers, onTaken } = this.#parts;
    const sid = this.#place.key;
    let found: KeptSession | undefined;
    const isDone = async () => (found = await this.#find(lost)) !== undefined;
    // Also one whose taking is not answered may have been taken.
    let mayBeTurn = false;
    try {
      try {
        mayBeTurn = !await isDone();
        mayBeTurn &&= await waitForTurn(store, { sid, holder, turnMs, timers, isDone });
        if (!mayBeTurn) {
          onTaken();
          return { ...greetedBy(found!), isTaken: true };
        }
      } catch (fault) {
        ignoreStoreError(fault);
        this.#unshared();
      }
      return await this.#openHere(open);
    } finally {
      if (mayBeTurn) store.giveTurnBack(sid, holder).catch(ignoreStoreError);
    }
  }

  /** It is in use. */
  use(): void {
    const { timers, idleMs } = this.#parts;
    const nowMs = timers.now();
    if (this.#kept === undefined || this.#isLeft || this.#touching !== undefined) return;
    if (leftOf(Math.max(AGAIN_MS, idleMs / TOUCHES), this.#dueAtMs, nowMs) > 0) return;
    // If nothing comes of it.
    this.#dueAtMs = nowMs + AGAIN_MS;
    this.#touching = this.#touch(this.#kept).finally(() => this.#touching = undefined);
  }

  /** Another process says which one is kept. */
  heed(id: UpstreamSessionId): void {
    this.#isMoved ||= this.#kept !== undefined && this.#kept.id !== id;
  }

  /** It is not needed here any more. @returns whether nobody else is to use it, so that it is to end at the server */
  async end(): Promise<boolean> {
    if (this.#isLeft) return false;
    const text = this.#text;
    this.letGo();
    if (text === undefined) return true;
    const verdict = this.#parts.judge(this.#parts.owner, this.#kept!.openedAtMs);
    // Where nothing has to be waited for: whoever asks next does not find it.
    const isRevoked = (verdict instanceof Promise ? await verdict : verdict) === "revoked";
    return await this.#place.withdraw(text, { isForAll: isRevoked });
  }

  /** Somebody else may go on with it. @returns whether others can find it */
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
    this.#place.abandon();
    this.#parts.leave(this);
  }

  async #openHere(open: () => Promise<Opened>): Promise<Greeted & { isTaken: boolean }> {
    this.#kept = this.#text = this.#confirm = undefined;
    this.#isMoved = false;
    const openedAtMs = this.#parts.timers.now();
    const { confirm, ...greeted } = await open();
    const kept = keptOf({ of: this.#place.key, openedAtMs }, greeted);
    if (kept !== undefined && !this.#isLeft) {
      this.#take(kept, undefined);
      this.#confirm = confirm;
      if (confirm === undefined) await this.#keep(kept);
      else this.#unshared();
    }
    return { ...greeted, isTaken: false };
  }

  /** One that its server does not know to be complete is nobody else's to find: it is told again, now and then. */
  async #keepIfWhole(kept: KeptSession): Promise<void> {
    const confirm = this.#confirm;
    if (confirm !== undefined && !await confirm()) return;
    if (this.#kept !== kept) return;
    this.#confirm = undefined;
    await this.#keep(kept);
  }

  /** From now on others find it, unless another one is there. What the store is not told now it is told later. */
  async #keep(kept: KeptSession): Promise<void> {
    const text = this.#place.textOf(kept);
    if (text === undefined || this.#isLeft) return;
    try {
      const isDone = await this.#place.write(text);
      if (this.#kept !== kept) return;
      if (!isDone) return void (this.#isMoved = !this.#isLeft);
      // Whoever opened it is to end it, unless another one has found it by now.
      if (this.#isLeft && await this.#place.withdraw(text, { isForAll: false })) return;
      this.#take(kept, text);
    } catch (fault) {
      ignoreStoreError(fault);
      if (this.#isLeft) this.#place.abandon();
      this.#unshared();
    }
  }

  #take(kept: KeptSession, text: string | undefined): void {
    const { timers, idleMs, enter } = this.#parts;
    this.#kept = kept;
    this.#text = text;
    this.#dueAtMs = text === undefined ? timers.now() + AGAIN_MS : this.#place.touchedAtMs + idleMs / TOUCHES;
    // Nobody would say again that it is not needed.
    if (!this.#isLeft) enter(this);
  }

  /**
   * What is kept, if it is not the one that was lost; it is used from then on.
   * @throws StoreError, also where nobody can tell whether it is revoked; HttpError `aborted` if it is not needed any more
   */
  async #find(lost: string | undefined): Promise<KeptSession | undefined> {
    const { timers, owner, judge } = this.#parts;
    this.#assertNeeded();
    const found = await this.#place.read();
    if (found === undefined || found.kept.id === lost) return undefined;
    const { kept, text } = found;
    const verdict = await judge(owner, kept.openedAtMs);
    // Who does not use it does not keep it for longer: its end is for the last one to tell the server.
    this.#assertNeeded();
    if (verdict === "revoked") return this.#tellRevoked(kept);
    if (verdict === "untold") {
      this.#place.spare();
      throw new StoreError("io", "It cannot be told whether a kept session is revoked", {
        remedy: "See why the store did not answer.",
      });
    }
    if (!await this.#place.touch(text)) return undefined;
    this.#isMoved = false;
    this.#confirm = undefined;
    this.#take(kept, text);
    // Before the key goes that it was sealed with.
    if (this.#place.textOf(kept) !== text) this.#dueAtMs = timers.now();
    return kept;
  }

  #tellRevoked({ id, version }: KeptSession): undefined {
    if (this.#revokedId !== id) this.onRevoked({ id, version });
    this.#revokedId = id;
  }

  /** Says that it is in use, or finds out that it is another one by now. Never rejects. */
  async #touch(kept: KeptSession): Promise<void> {
    const place = this.#place;
    const text = this.#text;
    try {
      // Under another key than before it is kept anew.
      const isCurrent = text !== undefined && place.textOf(kept) === text && await place.touch(text);
      if (this.#kept !== kept) return;
      if (isCurrent) return this.#take(kept, text);
      const found = await place.read();
      if (this.#kept !== kept) return;
      if (found === undefined || found.kept.id === kept.id) await this.#keepIfWhole(kept);
      else this.#isMoved = true;
    } catch (fault) {
      ignoreStoreError(fault);
      this.#unshared();
    }
  }

  #assertNeeded(): void {
    if (this.#isLeft) throw new HttpError("aborted", "looking for a session: not wanted any more");
  }

  #unshared(): void {
    this.#parts.onUnshared();
  }
}
