// A live session: what one process knows of it beyond what its id says, and everything in flight in it. There is none
// that the registry does not hold: it takes a place to make one, and whoever has lost his place lets nothing in (M1,
// L6). Entering and leaving are O(1); a token leaves once, and only what it stands for (docs/behaviour.md L7, N1, E9).
import type { MasterKey } from "../envelope/key_ring.ts";
import type { SessionId } from "../envelope/session_id.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import { SignetError } from "../errors.ts";
import type { FieldList } from "../http1/types.ts";
import { shortHash } from "../observe/redact.ts";
import type { PendingClaim } from "./adoption.ts";
import type { Caller, OwnerKey, PrincipalKey } from "./caller.ts";
import type { SessionReservation } from "./holdings.ts";
import { type Linked, LinkedList } from "./linked_list.ts";
import type { IdleSessions, Listed } from "./principal_sessions.ts";
import { linksOf, type UpstreamLink } from "./upstream_link.ts";

/** Why a session left memory, or what was in flight in it was cut. Bounded, fit for a metric label. */
export const END_REASONS = [
  "deleted",
  "revoked",
  "expired",
  "idle",
  "evicted",
  "key_removed",
  "upstream_gone",
  "credential_expired",
  "drain",
] as const;

export type EndReason = (typeof END_REASONS)[number];

/** Something in flight in a session. */
export interface Active {
  /**
   * A call ends by itself; a stream (GET, or a POST answered by SSE) may stay open for as long as the session lives.
   */
  readonly kind: "call" | "stream";
  /** Calls that it is, of one body; 1 unless it is a batch. */
  readonly calls?: number;
  /**
   * Cuts it. Called at most once, and never after `leave`. Must not throw; if it does, the others are cut all the same.
   */
  abort(reason: EndReason): void;
}

/** What {@link Session.enter} hands out and {@link Session.leave} wants back. Opaque to its holder. */
export class ActiveToken implements Linked<ActiveToken> {
  previous: ActiveToken | undefined = undefined;
  next: ActiveToken | undefined = undefined;
  /** Whose it is; undefined once it has left or was cut. */
  session: Session | undefined;
  readonly active: Active;

  constructor(session: Session, active: Active) {
    this.session = session;
    this.active = active;
  }
}

/** Caps on one session; `LimitCaps` fits. */
export interface SessionCaps {
  readonly maxCallsPerSession: number;
  readonly maxStreamsPerSession: number;
}

export interface SessionFacts {
  /** The text the client holds. Must not be a slice of a larger string, which would be kept in memory with it. */
  readonly id: SessionId;
  readonly sealed: SealedSession;
  /** The ring's key that sealed it. */
  readonly key: MasterKey;
  /** See {@link Session.transient}. */
  readonly transient?: FieldList;
}

/** What the registry lends to a session it takes in, and nobody else can: a session is made with it. */
export interface SessionPlace {
  /** Where it stands whenever nothing is in flight: its principal's. */
  readonly idle: IdleSessions<Session>;
  /** Looked at on every `enter`, so that a reload reaches sessions that live. `Limits` fits. */
  readonly limits: { readonly caps: SessionCaps };
  /** Released when it ends. */
  readonly reservation: SessionReservation;
}

const NO_FIELDS: FieldList = [];
const NOTHING: readonly unknown[] = [];
// Made once: capturing a stack for every late request would cost more than answering it.
const ENDED = new SignetError("session_not_found", { facts: { outcome: "ended" } });

export class Session implements Listed<Session> {
  readonly id: SessionId;
  readonly sealed: SealedSession;
  /** The ring's key that sealed it; an equal one after the ring was reloaded. */
  key: MasterKey;
  readonly links: readonly UpstreamLink[];
  /** Milliseconds since the epoch; at this instant it is expired (L8). */
  readonly expiresAtMs: number;
  /** When something was last entered or left, in ms since the epoch. */
  lastActiveMs: number;
  /** The last caller that proved to own it: a memo of `OwnerBook.owns`, never an authority. */
  lastOwner: Caller | undefined = undefined;
  previous: Session | undefined = undefined;
  next: Session | undefined = undefined;
  /** Of an adopted id: pending until the upstream has answered for the session (O5). */
  claim: PendingClaim | undefined = undefined;

  #tag: string | undefined = undefined;
  #transient: FieldList = NO_FIELDS;
  #calls = 0;
  #streams = 0;
  #ended: EndReason | undefined = undefined;
  #finished: (() => void) | undefined = undefined;
  readonly #place: SessionPlace;
  readonly #active = new LinkedList<ActiveToken>();

  /** For the registry: stands among its principal's idle ones from now on. */
  constructor(facts: SessionFacts, place: SessionPlace, nowMs: number) {
    this.id = facts.id;
    this.sealed = facts.sealed;
    this.key = facts.key;
    this.links = linksOf(facts.sealed);
    this.expiresAtMs = facts.sealed.expiresAtMs;
    this.lastActiveMs = nowMs;
    if (facts.transient !== undefined) this.replaceTransient(facts.transient);
    this.#place = place;
    place.idle.append(this);
  }

  /** Names it in the log and to upstreams, over restarts: a short hash, never an id. */
  get tag(): string {
    return this.#tag ??= shortHash(this.sealed.sid);
  }

  /** Calls and streams in flight. */
  get inFlight(): number {
    return this.#calls + this.#streams;
  }

  get openStreams(): number {
    return this.#streams;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  get endReason(): EndReason | undefined {
    return this.#ended;
  }

  /** Whose cap it counts against. */
  get principalKey(): PrincipalKey {
    return this.#place.reservation.principalKey;
  }

  get owner(): OwnerKey | undefined {
    return this.#place.reservation.owner;
  }

  /** Header fields to send upstream that are never sealed (E9), as `[name, value, …]`. */
  get transient(): FieldList {
    return this.#transient;
  }

  /** Replaces them as a whole: what an earlier initialize brought and this one does not is gone (E9). */
  replaceTransient(fields: FieldList): void {
    this.#transient = fields.length === 0 ? NO_FIELDS : fields;
  }

  /**
   * Registers something in flight. Must be left with {@link leave} on every path. To be called before the first await
   * after the session was found: one with nothing in flight may be evicted at any time, and is then opened cold again.
   * @throws SignetError `session_not_found` once the session has ended, `principal_limit` at the session's own cap
   */
  enter(active: Active, nowMs: number): ActiveToken {
    if (this.#ended !== undefined) throw ENDED;
    const stream = active.kind === "stream";
    this.#checkCap(active, this.#place.limits.caps);
    if (this.inFlight === 0) this.#place.idle.remove(this);
    if (stream) this.#streams++;
    else this.#calls += active.calls ?? 1;
    this.lastActiveMs = nowMs;
    const token = new ActiveToken(this, active);
    this.#active.append(token);
    return token;
  }

  /** Takes out what `token` stands for. A token that has left, was cut, or is another session's does nothing (N1). */
  leave(token: ActiveToken, nowMs: number): void {
    if (token.session !== this) return;
    this.#detach(token);
    this.lastActiveMs = nowMs;
    if (this.inFlight > 0) return;
    if (this.#ended === undefined) this.#place.idle.append(this);
    else this.#finish();
  }

  /** Runs `run` once nothing is in flight any more: at once, or when the last that may finish has left. */
  onFinished(run: () => void): void {
    this.#finished = run;
    if (this.inFlight === 0) this.#finish();
  }

  #finish(): void {
    const run = this.#finished;
    this.#finished = undefined;
    run?.();
  }

  /**
   * Cuts everything in flight; the session itself goes on.
   * @returns what callbacks threw, against their contract; the others were cut all the same
   */
  abortAll(reason: EndReason, nowMs: number): readonly unknown[] {
    return this.#cut(reason, nowMs, () => true);
  }

  #cut(reason: EndReason, nowMs: number, concerns: (active: Active) => boolean): readonly unknown[] {
    if (this.inFlight === 0) return NOTHING;
    const cut: Active[] = [];
    // All have left before the first callback runs: a callback's own `leave` does nothing, and what it enters is not cut.
    for (let token = this.#active.first; token !== undefined;) {
      const { next } = token;
      if (concerns(token.active)) {
        this.leave(token, nowMs);
        cut.push(token.active);
      }
      token = next;
    }
    const faults: unknown[] = [];
    for (const active of cut) {
      try {
        active.abort(reason);
      } catch (fault) {
        faults.push(fault);
      }
    }
    return faults;
  }

  /**
   * The registry's: gives its place back, cuts what is in flight, and lets nothing enter from now on.
   * Only the first reason counts.
   * @returns as {@link abortAll}
   */
  end(reason: EndReason, nowMs: number): readonly unknown[] {
    if (this.#ended !== undefined) return NOTHING;
    this.#ended = reason;
    if (this.inFlight === 0) this.#place.idle.remove(this);
    this.#place.reservation.release();
    // What has begun under a key that is withdrawn may finish; a stream has no end of its own.
    return this.#cut(reason, nowMs, (active) => reason !== "key_removed" || active.kind === "stream");
  }

  #detach(token: ActiveToken): void {
    token.session = undefined;
    this.#active.remove(token);
    if (token.active.kind === "stream") this.#streams--;
    else this.#calls -= token.active.calls ?? 1;
  }

  #checkCap({ kind, calls = 1 }: Active, caps: SessionCaps): void {
    const stream = kind === "stream";
    const limit = stream ? caps.maxStreamsPerSession : caps.maxCallsPerSession;
    if ((stream ? this.#streams + 1 : this.#calls + calls) <= limit) return;
    const what = stream ? "streams" : "calls";
    throw new SignetError("principal_limit", {
      publicMessage: `Too many ${what} at once in this session`,
      retryAfterS: 1,
      facts: { what: `${what} of one session`, limit },
      remedy: `Let earlier ones end, or raise --max-${what}-per-session.`,
    });
  }
}
