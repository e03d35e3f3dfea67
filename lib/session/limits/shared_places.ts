// A caller's cap on sessions, held over all replicas (docs/behaviour.md M1, M2, M5, R5). Only initialize waits for the
// store; what is in use is told every few seconds, and nobody has to give a place back, so that a replica that dies
// takes none with it. Without the store each replica's own cap holds alone, which is counted.
import { SignetError } from "../../errors.ts";
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { PlaceBounds, PlaceStore } from "../../store/shared.ts";
import { StoreError } from "../../store/store.ts";
import type { Caller } from "../caller.ts";
import type { EndReason, Session } from "../session.ts";

export interface SharedPlacesOptions {
  readonly store: PlaceStore;
  /** Asked each time, so that a reload is heeded. */
  readonly bounds: () => PlaceBounds;
  readonly now: () => number;
}

/** How often it is told what is in use, at most, in ms. */
const TOUCH_EVERY_MS = 10_000;
const LEAST_PAUSE_MS = 250;

/** After these there is no session any more; what leaves memory otherwise can come back. */
const FOR_GOOD: ReadonlySet<EndReason> = new Set(["deleted", "revoked", "expired", "upstream_gone"]);

export class SharedPlaces {
  /** New sessions that the store could not be asked about, and refused ones. */
  unshared = 0;
  refused = 0;
  readonly #options: SharedPlacesOptions;
  #touchedAtMs: number;
  #touching = false;

  constructor(options: SharedPlacesOptions) {
    this.#options = options;
    this.#touchedAtMs = options.now();
  }

  /**
   * A place for a session about to be initialized; it ends in `drop` if none comes of it.
   * @throws SignetError `principal_limit`
   */
  async take({ principalKey }: Caller, sid: string): Promise<void> {
    const bounds = this.#options.bounds();
    let outcome;
    try {
      outcome = await this.#options.store.take({ principal: principalKey, session: sid }, bounds);
    } catch (fault) {
      if (!(fault instanceof StoreError)) throw fault;
      this.unshared++;
      return;
    }
    if (outcome.taken) return;
    this.refused++;
    throw new SignetError("principal_limit", {
      retryAfterS: Math.max(1, Math.ceil(outcome.freeInMs / 1000)),
      facts: { what: "sessions of one caller, over all replicas", limit: bounds.limit },
      remedy: "All are in use: end some with DELETE, or raise --max-sessions-per-principal or lower --yield-after.",
    });
  }

  /** No session came of it. Nobody waits for it. */
  drop({ principalKey }: Caller, sid: string): void {
    this.#release(principalKey, sid);
  }

  /** The session has left memory. */
  leave(session: Session, reason: EndReason): void {
    if (FOR_GOOD.has(reason)) this.#release(session.principalKey, session.sid);
  }

  /** To be called every second or so. Never rejects. */
  async touch(sessions: Iterable<Session>): Promise<void> {
    const nowMs = this.#options.now();
    const bounds = this.#options.bounds();
    const pauseMs = Math.max(LEAST_PAUSE_MS, Math.min(TOUCH_EVERY_MS, bounds.yieldAfterMs / 3));
    if (this.#touching || isWithin(nowMs, this.#touchedAtMs, pauseMs)) return;
    const sinceMs = Math.min(this.#touchedAtMs, nowMs - pauseMs);
    const places = [];
    for (const session of sessions) {
      if (session.inFlight === 0 && session.lastActiveMs < sinceMs) continue;
      places.push({ principal: session.principalKey, session: session.sid });
    }
    this.#touching = true;
    try {
      if (places.length > 0) await this.#options.store.touch(places, bounds);
      this.#touchedAtMs = nowMs;
    } catch (fault) {
      // Told the next time, with all that was in use since.
      if (!(fault instanceof StoreError)) throw fault;
    } finally {
      this.#touching = false;
    }
  }

  #release(principal: string, session: string): void {
    this.#options.store.release({ principal, session }).catch((fault) => {
      // It is forgotten by itself.
      if (!(fault instanceof StoreError)) throw fault;
    });
  }
}
