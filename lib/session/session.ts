// A live session: what one process knows of it beyond what its id says, and everything in flight in it. There is none
// that the registry does not hold: it takes a place to make one, and whoever has lost his place lets nothing in (M1,
// L6). Entering and leaving are O(1); a token leaves once, and only what it stands for (docs/behaviour.md L7, N1, E9).
import type { MasterKey } from "../envelope/key_ring.ts";
import type { OwnerFingerprint } from "../envelope/owner_fingerprint.ts";
import type { SessionId, UpstreamSessionId } from "../envelope/session_id.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import { SignetError } from "../errors.ts";
import type { FieldList } from "../http1/types.ts";
import { detachText } from "../http1/wire/fields/fields.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import { shortHash } from "../observe/redact.ts";
import type { JsonObject } from "../platform/json.ts";
import type { PendingClaim } from "./adoption.ts";
import type { Caller, OwnerKey, PrincipalKey } from "./caller.ts";
import type { IdleSessions, Listed } from "./registry/principal_sessions.ts";
import { isMoreThanId, type Reopened, type UpstreamLink } from "./upstream_link.ts";

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
  /** Calls that it is, of one body; 1 unless it is a batch. Nobody asks it of a stream. */
  readonly calls: number;
  /**
   * Cuts it. Called at most once, and never after `leave`. Must not throw; if it does, the others are cut all the same.
   */
  abort(reason: EndReason): void;
}

/**
 * What {@link Session.enter} hands out and {@link Session.leave} wants back, or whoever is one himself brings along. Opaque to
 * its holder.
 */
export class ActiveToken {
  /** What came into the session after it, and before. */
  previous: ActiveToken | undefined = undefined;
  next: ActiveToken | undefined = undefined;
  /** Whose it is; undefined before it has entered, and once it has left or was cut. */
  session: Session | undefined = undefined;
  readonly active: Active;

  constructor(active: Active) {
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
  /** `caps` is looked at on every `enter`, so that a reload reaches sessions that live. `Limits` fits. */
  readonly limits: { readonly caps: SessionCaps; releaseSession(key: PrincipalKey): void };
  /** Whose it is, of its principal's; undefined: nobody's who could make room with it. */
  readonly ownerKey: OwnerKey | undefined;
}

/** What few sessions have, or few at a time. */
class Seldom {
  transient: FieldList = NO_FIELDS;
  /** What is sealed for its upstream, where that is more than the id there. */
  remembered: Readonly<Record<string, string>> | undefined = undefined;
  claim: PendingClaim | undefined = undefined;
  reviving: Promise<void> | undefined = undefined;
  reopened: Reopened | undefined = undefined;
  move: string | undefined = undefined;
  finished: (() => void) | undefined = undefined;
}

const NO_FIELDS: FieldList = [];
const NOTHING: readonly unknown[] = [];
// Made once: capturing a stack for every late request would cost more than answering it.
const ENDED = new SignetError("session_not_found", { facts: { outcome: "ended" } });

/**
 * What its id has sealed, the upstream's link and what is in flight, in one object: of small ones a process has as many
 * again in garbage, and a collector that moves nothing keeps the memory of all as long as one of them lives. 26 fields
 * (224 bytes) at most: the next belongs into {@link Seldom}.
 */
export class Session implements Listed<Session>, UpstreamLink, Omit<SealedSession, "home" | "upstreams"> {
  readonly id: SessionId;
  readonly sid: string;
  readonly owner: OwnerFingerprint;
  readonly issuedAtMs: number;
  /** Milliseconds since the epoch; at this instant it is expired (L8). */
  readonly expiresAtMs: number;
  readonly protocolVersion: string;
  readonly clientInfo: JsonObject;
  readonly capabilities: JsonObject;
  /** The ring's key that sealed it; an equal one after the ring was reloaded. */
  key: MasterKey;
  readonly upstreamUrl: string;
  upstreamSessionId: UpstreamSessionId | undefined;
  home: string | undefined;
  generation = 0;
  /** When something was last entered or left, in ms since the epoch. */
  lastActiveMs: number;
  /** The last caller that proved to own it: a memo of `OwnerBook.owns`, never an authority. */
  lastOwner: Caller | undefined = undefined;
  readonly ownerKey: OwnerKey | undefined;
  previous: Session | undefined = undefined;
  next: Session | undefined = undefined;

  #tag: string | undefined = undefined;
  #calls = 0;
  #streams = 0;
  #ended: EndReason | undefined = undefined;
  readonly #idle: IdleSessions<Session>;
  readonly #limits: SessionPlace["limits"];
  /** Of what is in flight, the last that came. */
  #newest: ActiveToken | undefined = undefined;
  #seldom: Seldom | undefined = undefined;

  /** For the registry: stands among its principal's idle ones from now on. */
  constructor({ id, sealed, key, transient }: SessionFacts, { idle, limits, ownerKey }: SessionPlace, nowMs: number) {
    // Signet seals one. Of several, which an id could hold, the first is the session's.
    const [url = ""] = Object.keys(sealed.upstreams);
    const remembered = sealed.upstreams[url];
    this.id = id;
    this.sid = sealed.sid;
    this.owner = sealed.owner;
    this.issuedAtMs = sealed.issuedAtMs;
    this.expiresAtMs = sealed.expiresAtMs;
    this.protocolVersion = sealed.protocolVersion;
    this.clientInfo = sealed.clientInfo;
    this.capabilities = sealed.capabilities;
    this.key = key;
    this.upstreamUrl = url;
    this.upstreamSessionId = remembered?.[SESSION_ID_FIELD] as UpstreamSessionId | undefined;
    this.home = sealed.home;
    this.lastActiveMs = nowMs;
    this.ownerKey = ownerKey;
    this.#idle = idle;
    this.#limits = limits;
    if (isMoreThanId(remembered)) this.#ensureSeldom().remembered = remembered;
    if (transient !== undefined) this.replaceTransient(transient);
    idle.append(this);
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  /** Where its messages go; undefined if it was sealed for no upstream. */
  get link(): UpstreamLink | undefined {
    return this.upstreamUrl === "" ? undefined : this;
  }

  /** Header fields sealed for the link's upstream besides the id, name → value; undefined: none. */
  get remembered(): Readonly<Record<string, string>> | undefined {
    return this.#seldom?.remembered;
  }

  get reviving(): Promise<void> | undefined {
    return this.#seldom?.reviving;
  }

  set reviving(reviving: Promise<void> | undefined) {
    this.#ensureSeldom().reviving = reviving;
  }

  get reopened(): Reopened | undefined {
    return this.#seldom?.reopened;
  }

  set reopened(reopened: Reopened | undefined) {
    this.#ensureSeldom().reopened = reopened;
  }

  get move(): string | undefined {
    return this.#seldom?.move;
  }

  set move(move: string | undefined) {
    this.#ensureSeldom().move = move;
  }

  /** Of an adopted id: pending until the upstream has answered for the session (O5). */
  get claim(): PendingClaim | undefined {
    return this.#seldom?.claim;
  }

  set claim(claim: PendingClaim | undefined) {
    this.#ensureSeldom().claim = claim;
  }

  /** Names it in the log and to upstreams, over restarts: a short hash, never an id. */
  get tag(): string {
    return this.#tag ??= detachText(shortHash(this.sid));
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
    return this.#idle.key;
  }

  /** Header fields to send upstream that are never sealed (E9), as `[name, value, …]`. */
  get transient(): FieldList {
    return this.#seldom?.transient ?? NO_FIELDS;
  }

  /** Replaces them as a whole: what an earlier initialize brought and this one does not is gone (E9). */
  replaceTransient(fields: FieldList): void {
    if (fields.length > 0) this.#ensureSeldom().transient = fields;
    else if (this.#seldom !== undefined) this.#seldom.transient = NO_FIELDS;
  }

  /**
   * Registers something in flight. Must be left with {@link leave} on every path. To be called before the first await
   * after the session was found: one with nothing in flight may be evicted at any time, and is then opened cold again.
   * @throws SignetError `session_not_found` once the session has ended, `principal_limit` at the session's own cap
   */
  enter(active: Active, nowMs: number): ActiveToken {
    const token = new ActiveToken(active);
    this.enterAs(token, nowMs);
    return token;
  }

  /** The same by a token that is in no session, and never was. @throws as {@link enter}; nothing has entered then */
  enterAs(token: ActiveToken, nowMs: number): void {
    const { active } = token;
    if (this.#ended !== undefined) throw ENDED;
    const stream = active.kind === "stream";
    this.#checkCap(active, this.#limits.caps);
    if (this.inFlight === 0) this.#idle.remove(this);
    if (stream) this.#streams++;
    else this.#calls += active.calls;
    this.lastActiveMs = nowMs;
    token.session = this;
    this.#attach(token);
  }

  /** Takes out what `token` stands for. A token that has left, was cut, or is another session's does nothing (N1). */
  leave(token: ActiveToken, nowMs: number): void {
    if (token.session !== this) return;
    this.#detach(token);
    this.lastActiveMs = nowMs;
    if (this.inFlight > 0) return;
    if (this.#ended === undefined) this.#idle.append(this);
    else this.#finish();
  }

  /** Runs `run` once nothing is in flight any more: at once, or when the last that may finish has left. */
  onFinished(run: () => void): void {
    this.#ensureSeldom().finished = run;
    if (this.inFlight === 0) this.#finish();
  }

  #finish(): void {
    const seldom = this.#seldom;
    if (seldom?.finished === undefined) return;
    const run = seldom.finished;
    seldom.finished = undefined;
    run();
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
    for (let token = this.#newest; token !== undefined;) {
      const { next } = token;
      if (concerns(token.active)) {
        this.leave(token, nowMs);
        cut.push(token.active);
      }
      token = next;
    }
    const faults: unknown[] = [];
    for (const active of cut.reverse()) {
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
    if (this.inFlight === 0) this.#idle.remove(this);
    this.#limits.releaseSession(this.#idle.key);
    return this.inFlight === 0 ? NOTHING : this.#cutFor(reason, nowMs);
  }

  #cutFor(reason: EndReason, nowMs: number): readonly unknown[] {
    // What has begun under a key that is withdrawn may finish; a stream has no end of its own.
    return this.#cut(reason, nowMs, (active) => reason !== "key_removed" || active.kind === "stream");
  }

  #attach(token: ActiveToken): void {
    const next = this.#newest;
    if (next !== undefined) next.previous = token;
    token.next = next;
    this.#newest = token;
  }

  #detach(token: ActiveToken): void {
    const { previous, next } = token;
    if (previous === undefined) this.#newest = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    token.previous = undefined;
    token.next = undefined;
    token.session = undefined;
    if (token.active.kind === "stream") this.#streams--;
    else this.#calls -= token.active.calls;
  }

  #checkCap({ kind, calls }: Active, caps: SessionCaps): void {
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
