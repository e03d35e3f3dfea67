// How much Signet takes on at once (BEHAVIOUR.md M1, M2): sessions, sessions of one principal, streams, requests in flight.
// A reservation is one synchronous step, taken before the first await, and released exactly once whatever happens.
// Counts of principals live in a map whose entries vanish at zero, so the session cap bounds it too.
import { SignetError } from "../errors.ts";
import type { PrincipalKey } from "./caller.ts";

/** Seconds after which a refused caller may try again (M2). */
const RETRY_AFTER_S = 30;
/** Requests end sooner than sessions do. */
const REQUEST_RETRY_AFTER_S = 1;

export interface LimitOptions {
  /** Sessions known to this process, those being initialized included. Default 10,000. */
  readonly maxSessions?: number;
  /** The same, of one principal. Default 100. */
  readonly maxSessionsPerPrincipal?: number;
  /** Open streams over all sessions. Default 10,000. */
  readonly maxStreams?: number;
  /** Requests in flight over all sessions, streams not counted. Default 4,096. */
  readonly maxRequests?: number;
  /** Calls in flight in one session; see `Session.enter`. Default 100. */
  readonly maxCallsPerSession?: number;
  /** Open streams of one session; see `Session.enter`. Default 16. */
  readonly maxStreamsPerSession?: number;
}

export type LimitCaps = Required<LimitOptions>;

export const DEFAULT_CAPS: LimitCaps = {
  maxSessions: 10_000,
  maxSessionsPerPrincipal: 100,
  maxStreams: 10_000,
  maxRequests: 4_096,
  maxCallsPerSession: 100,
  maxStreamsPerSession: 16,
};

/** One unit of something limited. `release` gives it back; calling it again does nothing. */
export interface Reservation {
  release(): void;
  readonly released: boolean;
}

/** A session's place: one of the total and one of its principal's. */
export interface SessionReservation extends Reservation {
  readonly principalKey: PrincipalKey;
}

/** How many of one kind are out. */
class Tally {
  taken = 0;
  refused = 0;
}

class Unit implements Reservation {
  #tally: Tally | undefined;

  constructor(tally: Tally) {
    this.#tally = tally;
    tally.taken++;
  }

  get released(): boolean {
    return this.#tally === undefined;
  }

  release(): void {
    if (this.#tally === undefined) return;
    this.#tally.taken--;
    this.#tally = undefined;
  }
}

/** How many sessions one principal holds. Shared by its reservations, so its key is stored once. */
interface Holding {
  readonly key: PrincipalKey;
  sessions: number;
}

class SessionUnit extends Unit implements SessionReservation {
  readonly #holding: Holding;
  readonly #holdings: Map<string, Holding>;

  constructor(tally: Tally, holding: Holding, holdings: Map<string, Holding>) {
    super(tally);
    this.#holding = holding;
    this.#holdings = holdings;
    holding.sessions++;
  }

  get principalKey(): PrincipalKey {
    return this.#holding.key;
  }

  override release(): void {
    if (this.released) return;
    super.release();
    if (--this.#holding.sessions === 0) this.#holdings.delete(this.#holding.key);
  }
}

/** Every count Signet is limited by. */
export class Limits {
  #caps: LimitCaps;
  readonly #sessions = new Tally();
  readonly #streams = new Tally();
  readonly #requests = new Tally();
  readonly #holdings = new Map<string, Holding>();
  #principalsRefused = 0;

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
   * @throws SignetError `principal_limit` (429) or `session_limit` (503), both with `Retry-After`
   */
  reserveSession(key: PrincipalKey): SessionReservation {
    if (this.principalFull(key)) {
      this.#principalsRefused++;
      throw new SignetError("principal_limit", {
        retryAfterS: RETRY_AFTER_S,
        facts: { limit: this.#caps.maxSessionsPerPrincipal },
        remedy: "End sessions with DELETE, wait until idle ones are dropped, or raise --max-sessions-per-principal",
      });
    }
    if (this.sessionsFull) {
      this.#sessions.refused++;
      throw new SignetError("session_limit", {
        retryAfterS: RETRY_AFTER_S,
        facts: { limit: this.#caps.maxSessions },
        remedy: "Add replicas, shorten --session-idle, or raise --max-sessions",
      });
    }
    const holding = this.#holdings.get(key) ?? { key, sessions: 0 };
    if (holding.sessions === 0) this.#holdings.set(key, holding);
    return new SessionUnit(this.#sessions, holding, this.#holdings);
  }

  /** @throws SignetError `request_limit` (503) */
  reserveStream(): Reservation {
    return this.#reserve(this.#streams, this.#caps.maxStreams, "streams");
  }

  /** @throws SignetError `request_limit` (503) */
  reserveRequest(): Reservation {
    return this.#reserve(this.#requests, this.#caps.maxRequests, "requests");
  }

  get sessionsFull(): boolean {
    return this.#sessions.taken >= this.#caps.maxSessions;
  }

  principalFull(key: PrincipalKey): boolean {
    return (this.#holdings.get(key)?.sessions ?? 0) >= this.#caps.maxSessionsPerPrincipal;
  }

  /** What is out now, for metrics: all zero once everything has ended. */
  counts(): { sessions: number; streams: number; requests: number; principals: number } {
    return {
      sessions: this.#sessions.taken,
      streams: this.#streams.taken,
      requests: this.#requests.taken,
      principals: this.#holdings.size,
    };
  }

  /** Refusals since the start. */
  refusals(): { sessions: number; streams: number; requests: number; principals: number } {
    return {
      sessions: this.#sessions.refused,
      streams: this.#streams.refused,
      requests: this.#requests.refused,
      principals: this.#principalsRefused,
    };
  }

  #reserve(tally: Tally, cap: number, what: string): Reservation {
    if (tally.taken < cap) return new Unit(tally);
    tally.refused++;
    throw new SignetError("request_limit", {
      retryAfterS: REQUEST_RETRY_AFTER_S,
      facts: { what, limit: cap },
      remedy: `Add replicas, or raise the limit of ${what} at once`,
    });
  }
}
