// How much Signet takes on at once (docs/behaviour.md M1, M2): sessions, streams, requests in flight; of all, and of
// each principal. A reservation is one synchronous step, taken before the first await, and released exactly once
// whatever happens.
import { SignetError } from "../../errors.ts";
import type { PrincipalKey } from "../caller.ts";
import { ByteShare, type Holding, Holdings, type SessionReservation, SessionUnit } from "./holdings.ts";

/** Seconds after which a refused caller may try again (M2). */
const RETRY_AFTER_S = 30;
/** Requests end sooner than sessions do. */
const REQUEST_RETRY_AFTER_S = 1;
/** What the streams and requests of one principal may be of all, at most, unless configured. */
const DEFAULT_SHARE = 0.5;

export interface LimitOptions {
  /** Sessions known to this process, those being initialized included. Default 10,000. */
  readonly maxSessions?: number;
  /** The same, of one principal. Default 100. */
  readonly maxSessionsPerPrincipal?: number;
  /** Sessions at servers that one principal's stateless clients share; all anonymous callers are one. Default 100. */
  readonly maxSharedPerPrincipal?: number;
  /** How long a session must have been unused to give way to another of its principal's, in ms. Default 30 s (M5). */
  readonly yieldAfterMs?: number;
  /** Open streams over all sessions. Default 10,000. */
  readonly maxStreams?: number;
  /** Requests in flight over all sessions, streams not counted. Default 4,096. */
  readonly maxRequests?: number;
  /** Open streams of one principal. Default 5,000. */
  readonly maxStreamsPerPrincipal?: number;
  /** Requests in flight of one principal, streams not counted. Default 2,048. */
  readonly maxRequestsPerPrincipal?: number;
  /**
   * Streams and requests of one principal, together: each holds a connection, of which there are so many. Default: no
   * such bound.
   */
  readonly maxBusyPerPrincipal?: number;
  /** Memory of one principal's request bodies, in bytes. Default: no such bound. */
  readonly maxBytesPerPrincipal?: number;
  /** Calls in flight in one session; see `Session.enter`. Default 100. */
  readonly maxCallsPerSession?: number;
  /** Open streams of one session; see `Session.enter`. Default 16. */
  readonly maxStreamsPerSession?: number;
}

export type LimitCaps = Required<LimitOptions>;

export const DEFAULT_CAPS: LimitCaps = {
  maxSessions: 10_000,
  maxSessionsPerPrincipal: 100,
  maxSharedPerPrincipal: 100,
  yieldAfterMs: 30_000,
  maxStreams: 10_000,
  maxRequests: 4_096,
  maxStreamsPerPrincipal: 10_000 * DEFAULT_SHARE,
  maxRequestsPerPrincipal: 4_096 * DEFAULT_SHARE,
  maxBusyPerPrincipal: Infinity,
  maxBytesPerPrincipal: Infinity,
  maxCallsPerSession: 100,
  maxStreamsPerSession: 16,
};

type Lasting = "streams" | "requests";

/** How each is called where somebody is told, and by which cap each is bounded. */
const KINDS = {
  streams: { name: "streams", cap: "maxStreams", ofPrincipal: "maxStreamsPerPrincipal", flag: "--max-streams" },
  requests: { name: "calls", cap: "maxRequests", ofPrincipal: "maxRequestsPerPrincipal", flag: "--max-in-flight" },
} as const;

/** Every count Signet is limited by. */
export class Limits {
  #caps: LimitCaps;
  readonly #holdings = new Holdings();
  readonly #refusedOfPrincipals = { sessions: 0, streams: 0, requests: 0, bytes: 0 };

  constructor(options: LimitOptions = {}) {
    this.#caps = { ...DEFAULT_CAPS, ...options };
  }

  get caps(): LimitCaps {
    return this.#caps;
  }

  /** New caps for what is reserved from now on; what is out already stays out. */
  setCaps(options: LimitOptions): void {
    this.#caps = { ...DEFAULT_CAPS, ...options };
  }

  /**
   * @param freeInMs when a place of the principal's own can be free at the earliest
   * @throws SignetError `principal_limit` (429) or `session_limit` (503), both with `Retry-After`
   */
  reserveSession(key: PrincipalKey, freeInMs = this.#caps.yieldAfterMs): SessionReservation {
    if (this.principalFull(key)) {
      this.#refusedOfPrincipals.sessions++;
      throw new SignetError("principal_limit", {
        retryAfterS: Math.max(1, Math.ceil(freeInMs / 1000)),
        facts: { what: "sessions of one caller", limit: this.#caps.maxSessionsPerPrincipal },
        remedy: "All are in use: end some with DELETE, or raise --max-sessions-per-principal or lower --yield-after.",
      });
    }
    const { sessions } = this.#holdings.tallies;
    if (this.sessionsFull) {
      sessions.refused++;
      throw new SignetError("session_limit", {
        retryAfterS: RETRY_AFTER_S,
        facts: { limit: this.#caps.maxSessions },
        remedy: "Add replicas, shorten --session-idle, or raise --max-sessions.",
      });
    }
    return new SessionUnit("sessions", this.#holdings.of(key));
  }

  /** Of a session that a reservation was handed over to; once for each. */
  releaseSession(key: PrincipalKey): void {
    this.#holdings.of(key).giveBack("sessions");
  }

  /** Of the principal's share of memory, for one body. */
  openBytes(key: PrincipalKey): ByteShare {
    return new ByteShare(this.#holdings, key, () => this.#caps.maxBytesPerPrincipal);
  }

  /** What a body is refused with that finds no room in it. */
  refuseBytes(): SignetError {
    this.#refusedOfPrincipals.bytes++;
    return new SignetError("principal_limit", {
      publicMessage: "Too many bytes at once for this caller",
      retryAfterS: REQUEST_RETRY_AFTER_S,
      facts: { what: "bytes of bodies of one caller", limit: this.#caps.maxBytesPerPrincipal },
      remedy: "Let earlier requests end, or raise --principal-share or --max-buffered.",
    });
  }

  get sessionsFull(): boolean {
    return this.#holdings.tallies.sessions.taken >= this.#caps.maxSessions;
  }

  principalFull(key: PrincipalKey): boolean {
    return this.#holdings.count(key, "sessions") >= this.#caps.maxSessionsPerPrincipal;
  }

  /** What is out now, for metrics: all zero once everything has ended. */
  counts(): { sessions: number; streams: number; requests: number; principals: number } {
    const { sessions, streams, requests } = this.#holdings.tallies;
    return {
      sessions: sessions.taken,
      streams: streams.taken,
      requests: requests.taken,
      principals: this.#holdings.size,
    };
  }

  /** Refusals since the start: at the cap of all, and at a principal's own (`principals` for sessions). */
  refusals(): Record<
    "sessions" | "streams" | "requests" | "principals" | "own_streams" | "own_requests" | "own_bytes",
    number
  > {
    const { sessions, streams, requests } = this.#holdings.tallies;
    return {
      sessions: sessions.refused,
      streams: streams.refused,
      requests: requests.refused,
      principals: this.#refusedOfPrincipals.sessions,
      own_streams: this.#refusedOfPrincipals.streams,
      own_requests: this.#refusedOfPrincipals.requests,
      own_bytes: this.#refusedOfPrincipals.bytes,
    };
  }

  /**
   * Where there is room for a stream or for requests, to be taken by a `Unit` in the same step.
   * @param count requests in one body: a batch is no cheaper than its calls one by one
   * @throws SignetError `principal_limit` (429) at the principal's share, `request_limit` (503) at the cap of all
   */
  roomFor(what: Lasting, key: PrincipalKey, count = 1): Holding {
    const tally = this.#holdings.tallies[what];
    const { name, cap, ofPrincipal, flag } = KINDS[what];
    const holding = this.#holdings.of(key);
    const { maxBusyPerPrincipal } = this.#caps;
    const isBusy = holding.streams + holding.requests >= maxBusyPerPrincipal;
    const limitOfOne = isBusy ? maxBusyPerPrincipal : this.#caps[ofPrincipal];
    const isOwn = isBusy || holding[what] + count > limitOfOne;
    if (!isOwn && tally.taken + count <= this.#caps[cap]) return holding;
    holding.drop();
    if (isOwn) {
      this.#refusedOfPrincipals[what]++;
      throw new SignetError("principal_limit", {
        publicMessage: `Too many ${name} at once for this caller`,
        retryAfterS: REQUEST_RETRY_AFTER_S,
        facts: { what: `${name} of one caller`, limit: limitOfOne },
        remedy: `Let earlier ones end, or raise --principal-share or ${isBusy ? "--max-connections" : flag}.`,
      });
    }
    tally.refused++;
    throw new SignetError("request_limit", {
      publicMessage: `Too many ${name} at once`,
      retryAfterS: REQUEST_RETRY_AFTER_S,
      facts: { what: name, limit: this.#caps[cap] },
      remedy: `Add replicas, or raise ${flag}.`,
    });
  }
}
