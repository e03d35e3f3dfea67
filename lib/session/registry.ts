// The sessions this process knows: found by the id's text, taken in once from a sealed id, dropped when idle, ended for
// good. What merely leaves memory loses no session: its id stays valid until it expires or is revoked
// (docs/behaviour.md L3, L6–L8). Whatever way a session ends, its reservation goes back exactly once (M1).
import type { KeyRing } from "../envelope/key_ring.ts";
import type { SessionId } from "../envelope/session_id.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import { refusalAbout, SignetError } from "../errors.ts";
import { LabelledCounter } from "../observe/metrics.ts";
import { shortHash } from "../observe/redact.ts";
import type { Revocation, RevocationSubject } from "../store/store.ts";
import type { Caller } from "./caller.ts";
import type { SessionReservation } from "./limits/holdings.ts";
import type { Limits } from "./limits/limits.ts";
import { Yields } from "./limits/yields.ts";
import type { OwnerBook } from "./owner.ts";
import { type AskedFor, type OpenedSession, type OpenOutcome, SessionOpener } from "./registry/opener.ts";
import { PrincipalSessions } from "./registry/principal_sessions.ts";
import { SidIndex } from "./registry/sid_index.ts";
import type { RevocationList } from "./revocations/revocation_list.ts";
import { concerns } from "./revocations/revocation_store.ts";
import { END_REASONS, type EndReason, Session, type SessionFacts } from "./session.ts";

export interface RegistryOptions {
  readonly ring: KeyRing;
  readonly limits: Limits;
  readonly owners: OwnerBook;
  readonly revocations: RevocationList;
  /** How long a session with nothing in flight stays in memory, in ms. Default 15 min (L7). */
  readonly idleMs?: number;
  /** Longest id looked at, in characters. Default 4,096 (E7). */
  readonly maxIdLength?: number;
  /** A session leaves memory, for whatever reason; calls in it may still finish. Must not throw. */
  readonly onLeave?: (session: Session, reason: EndReason) => void;
  /** An id was opened and taken in, that is not one just issued. Must not throw. */
  readonly onTakenIn?: (session: Session, caller: Caller) => void;
  /** After a session has left: caches keyed by it can let go. Must not throw. */
  readonly onEnd?: (session: Session, reason: EndReason) => void;
  /** What an `abort` or `onEnd` threw, against its contract. */
  readonly onFault?: (fault: unknown) => void;
}

/** Who asks for a session, and when, in ms since the epoch. */
export interface Asked {
  readonly caller: Caller;
  readonly nowMs: number;
}

const DEFAULT_IDLE_MS = 15 * 60_000;

// Made once, as the opener's are.
const OWNER_MISMATCH = new SignetError("owner_mismatch");

export class SessionRegistry {
  /** Sessions that left, by reason. */
  readonly ends = new LabelledCounter<EndReason>(END_REASONS);
  readonly #sessions = new Map<string, Session>();
  readonly #bySid = new SidIndex<Session>();
  /** Ended, but for calls that may finish: a revocation still reaches them. Bounded by the calls in flight. */
  readonly #finishing = new Set<Session>();
  readonly #byPrincipal = new PrincipalSessions<Session>();
  readonly #opener: SessionOpener;
  readonly #options: RegistryOptions;
  readonly #idleMs: number;
  readonly #yields: Yields;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? DEFAULT_IDLE_MS;
    const most = () => options.limits.caps.maxSessionsPerPrincipal;
    this.#yields = new Yields({ windowMs: this.#idleMs, most });
    this.#opener = new SessionOpener(options);
  }

  /** Opens from sealed ids, by outcome (E8). */
  get opens(): LabelledCounter<OpenOutcome> {
    return this.#opener.outcomes;
  }

  /** The ring in force. */
  get ring(): KeyRing {
    return this.#opener.ring;
  }

  /** Live sessions. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Entries of every map that sessions or callers fill, for metrics. */
  sizes(): Record<"sessions" | "finishing" | "principals" | "opening" | "revocations" | "yields", number> {
    return {
      sessions: this.#sessions.size,
      finishing: this.#finishing.size,
      principals: this.#byPrincipal.size,
      opening: this.#opener.pending,
      revocations: this.#options.revocations.size,
      yields: this.#yields.size,
    };
  }

  /** All that live, and those that have ended but for calls that may finish. */
  *sessions(): IterableIterator<Session> {
    yield* this.#sessions.values();
    yield* this.#finishing;
  }

  /** A live session by the text the client sent; undefined if it is not known here or has just expired (L8). */
  get(idText: string, nowMs: number): Session | undefined {
    const session = this.#sessions.get(idText);
    if (session === undefined || nowMs < session.expiresAtMs) return session;
    this.remove(session, "expired", nowMs);
    return undefined;
  }

  bySid(sid: string): Session | undefined {
    return this.#bySid.find(sid) ?? [...this.#finishing].find((session) => session.sid === sid);
  }

  /**
   * A place for a session about to be initialized. To be taken before the first await; ends in `add` or in `release`.
   * At its principal's cap an owner makes room for itself, with what it has not used for long enough, and not too often
   * (M5). Nobody else's gives way: a new session is not worth more than one that exists.
   * @throws SignetError `principal_limit`, `session_limit`
   */
  reserve(caller: Caller, nowMs: number): SessionReservation {
    const { limits } = this.#options;
    const { principalKey: key, owner } = caller;
    const { yieldAfterMs } = limits.caps;
    let freeInMs = yieldAfterMs;
    // More than one if the caps were lowered by a reload: that is still one new session.
    for (let evicted = 0; limits.principalFull(key); evicted++) {
      const longest = this.#byPrincipal.longestIdle(key, owner);
      if (longest === undefined) break;
      freeInMs = yieldAfterMs - (nowMs - longest.lastActiveMs);
      if (evicted === 0) freeInMs = Math.max(freeInMs, this.#yields.waitMs(key, nowMs));
      if (freeInMs > 0) break;
      if (evicted === 0) this.#yields.take(key, nowMs);
      this.#evict(longest, nowMs);
    }
    return this.#take(caller, freeInMs);
  }

  /** Makes a session of what has just been initialized. From now on `reservation` is released here. */
  add(facts: SessionFacts, reservation: SessionReservation, nowMs: number): Session {
    const said = this.#opener.forms.kinds.shared(facts.sealed);
    return this.#hold({ ...facts, sealed: { ...facts.sealed, ...said } }, reservation, nowMs);
  }

  #hold(facts: SessionFacts, reservation: SessionReservation, nowMs: number): Session {
    if (reservation.released || this.#sessions.has(facts.id)) {
      throw new Error(
        "adding a session: found an id or a reservation that is used up, want a fresh id and a reservation still held",
      );
    }
    const idle = this.#byPrincipal.join(reservation.principalKey);
    const session = new Session(facts, { idle, limits: this.#options.limits, ownerKey: reservation.owner }, nowMs);
    reservation.handOver();
    this.#sessions.set(session.id, session);
    this.#bySid.add(session);
    return session;
  }

  /**
   * The same for an id that was opened before, here or elsewhere, and is its owner's: `caller`'s. @throws as `openCold`
   */
  addOwned(facts: SessionFacts, caller: Caller, nowMs: number): Session {
    const session = this.#hold(facts, this.#reserveAgain(caller, nowMs), nowMs);
    session.lastOwner = caller;
    this.#options.onTakenIn?.(session, caller);
    return session;
  }

  /**
   * Opens an id that is not known here for its owner, and takes the session in (L3). At a cap, the principal's own
   * session that has been idle longest makes room; it can be opened again when it is needed.
   * Synchronous unless the revocation list is not.
   * @param idText kept with the session: see {@link SessionFacts}
   * @param use called in the step in which the session is taken in. Whoever enters only later may find that it has made
   * room for another by then, and would have to open it again, and again
   * @returns what `use` does
   * @throws SignetError `session_not_found`, `owner_mismatch`, `principal_limit`, `session_limit`; whatever `use` throws
   */
  openCold<Used>(idText: string, asked: Asked, use: (session: Session) => Used): Used | Promise<Used> {
    const { caller, nowMs } = asked;
    const live = this.get(idText, nowMs);
    if (live !== undefined) return use(this.#ownedBy(caller, live));
    return this.#opener.open(idText, nowMs, (opened) => use(this.#takeIn(idText, opened, asked)));
  }

  /**
   * Whether what is about to be taken in is revoked, by the list or by whoever is heard while it answers: nobody asks the
   * list by itself who takes something in then.
   * @throws SignetError `identity_unavailable`; whatever `use` throws
   */
  askRevoked<Used>(subject: RevocationSubject, asked: AskedFor<Used>): Used | Promise<Used> {
    return this.#opener.ask(subject, asked);
  }

  /** Drops a session from memory and cuts what is in flight. Its id stays valid. Again: nothing. */
  remove(session: Session, reason: EndReason, nowMs: number): void {
    if (this.#finishing.has(session)) return this.#tellFaults(session.abortAll(reason, nowMs));
    if (this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.#bySid.remove(session);
    this.#byPrincipal.leave(session.principalKey);
    this.ends.inc(reason);
    this.#options.onLeave?.(session, reason);
    this.#tellFaults(session.end(reason, nowMs));
    if (session.inFlight === 0) this.#ended(session, reason);
    else this.#finish(session, reason);
  }

  #finish(session: Session, reason: EndReason): void {
    this.#finishing.add(session);
    session.onFinished(() => this.#ended(session, reason));
  }

  #tellFaults(faults: readonly unknown[]): void {
    for (let i = 0; i < faults.length; i++) this.#options.onFault?.(faults[i]);
  }

  #ended(session: Session, reason: EndReason): void {
    this.#finishing.delete(session);
    try {
      this.#options.onEnd?.(session, reason);
    } catch (fault) {
      this.#options.onFault?.(fault);
    }
  }

  /**
   * DELETE and revocation: removed if it is live, and dead until it expires (L6). Takes effect here before it returns.
   * Resolves when the revocation list has it; rejects if that failed.
   */
  revoke(session: Session, reason: "deleted" | "revoked", nowMs: number): void | Promise<void> {
    const done = this.#opener.revoke(session.sid, session.expiresAtMs, nowMs);
    this.remove(session, reason, nowMs);
    return done;
  }

  /** Whoever has revoked it, here or in another process: what is in flight is cut at once, what is being opened does not. */
  endRevoked(revocation: Revocation, nowMs: number): void {
    this.#opener.heed(revocation);
    const sessions = revocation.kind === "session" ? [this.bySid(revocation.sid)] : [...this.sessions()];
    for (const session of sessions) {
      if (session !== undefined && concerns(revocation, session)) this.remove(session, "revoked", nowMs);
    }
  }

  /** Some revocations may have been missed: what is being opened asks again. Whatever is held is for the caller to ask about. */
  doubt(): void {
    this.#opener.doubt();
  }

  /** To be called every 30 s (L7): ends what has expired, drops what is idle, purges the revocation list. */
  sweep(nowMs: number): void {
    for (const session of this.#sessions.values()) {
      // Of a clock that has been set back since: it would be neither idle nor give way until then.
      if (session.lastActiveMs > nowMs) session.lastActiveMs = nowMs;
      if (nowMs >= session.expiresAtMs) this.remove(session, "expired", nowMs);
      else if (session.inFlight === 0 && nowMs - session.lastActiveMs >= this.#idleMs) {
        this.remove(session, "idle", nowMs);
      }
    }
    this.#yields.sweep(nowMs);
    this.#options.revocations.sweep(nowMs);
  }

  /** The ring from now on. Sessions whose key is gone end: their ids are dead (E5), and calls in flight finish. */
  setRing(ring: KeyRing, nowMs: number): void {
    this.#opener.setRing(ring);
    for (const session of this.#sessions.values()) {
      const key = ring.find(session.key.idWord);
      if (key === undefined) this.remove(session, "key_removed", nowMs);
      else session.key = key;
    }
  }

  /** Cuts everything in flight in every session, such as when draining; the sessions stay. */
  abortAll(reason: EndReason, nowMs: number): void {
    for (const session of this.sessions()) {
      this.#tellFaults(session.abortAll(reason, nowMs));
    }
  }

  #takeIn(idText: string, opened: OpenedSession, asked: Asked): Session {
    const { caller, nowMs } = asked;
    // Whoever waited for the same open may have been faster.
    const live = this.#sessions.get(idText);
    if (live !== undefined) return this.#ownedBy(caller, live);
    if (!this.#options.owners.ownsSealed(caller, opened.sealed, opened.key)) return this.#refuseOther(opened.sealed);
    const { sealed, key } = opened;
    const session = this.addOwned({ id: idText as SessionId, sealed, key }, caller, nowMs);
    this.opens.inc("opened");
    return session;
  }

  #ownedBy(caller: Caller, session: Session): Session {
    return this.#options.owners.owns(caller, session) ? session : this.#refuseOther(session);
  }

  #refuseOther({ sid }: Pick<SealedSession, "sid">): never {
    this.opens.inc("owner_mismatch");
    throw refusalAbout(OWNER_MISMATCH, { session: shortHash(sid) });
  }

  /**
   * For one that exists: whatever is idle of its principal's is worth less, at the cap of all as well; its owner's first.
   */
  #reserveAgain(caller: Caller, nowMs: number): SessionReservation {
    const { limits } = this.#options;
    const { principalKey: key, owner } = caller;
    while (limits.principalFull(key) || limits.sessionsFull) {
      const longest = this.#byPrincipal.longestIdle(key, owner) ?? this.#byPrincipal.longestIdle(key);
      if (!this.#evict(longest, nowMs)) break;
    }
    try {
      return this.#take(caller);
    } catch (fault) {
      this.opens.inc("limit");
      throw fault;
    }
  }

  #take(caller: Caller, freeInMs?: number): SessionReservation {
    const reservation = this.#options.limits.reserveSession(caller.principalKey, freeInMs);
    reservation.owner = caller.owner;
    return reservation;
  }

  #evict(session: Session | undefined, nowMs: number): boolean {
    if (session === undefined) return false;
    this.remove(session, "evicted", nowMs);
    return true;
  }
}
