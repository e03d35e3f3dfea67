// How often callers may make Signet ask servers what their tools are: each caller over all of its sessions, outside of what
// memory may drop. Lists that nobody has seen yet as often as sessions come back after a restart; those that were asked
// for just before, by names that are not in them, seldom (docs/behaviour.md G4, M6).
import type { PrincipalKey } from "../session/caller.ts";
import { type Count, RefillingCounts } from "../session/limits/refilling_counts.ts";

const WINDOW_MS = 60_000;
/** Of one principal within the window, of lists that were asked for before. */
const MOST_ANEW = 10;

export interface AskingsOptions {
  /** Lists that one principal may have asked for within a minute. Asked each time, so that a reload is heeded. */
  readonly mostPerPrincipal: () => number;
  /** Principals counted apart; those beyond share one count. Default 50,000. */
  readonly maxEntries?: number;
}

export class Askings {
  readonly #mostPerPrincipal: () => number;
  readonly #all: RefillingCounts;
  readonly #anew: RefillingCounts;

  constructor({ mostPerPrincipal, maxEntries }: AskingsOptions) {
    this.#mostPerPrincipal = mostPerPrincipal;
    const options = { windowMs: WINDOW_MS, ...(maxEntries === undefined ? {} : { maxEntries }) };
    this.#all = new RefillingCounts(options);
    this.#anew = new RefillingCounts(options);
  }

  /** Principals that have asked lately, for metrics. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * Takes one turn to ask.
   * @param isAnew whether the same list was asked for not long ago
   * @returns 0 if it was there; else how long it is until there may be one, in ms, and nothing is taken
   */
  take(key: PrincipalKey, isAnew: boolean, nowMs: number): number {
    const most = Math.max(MOST_ANEW, this.#mostPerPrincipal());
    const all = this.#all.of(key, most, nowMs);
    const anew = isAnew ? this.#anew.of(key, MOST_ANEW, nowMs) : undefined;
    const waitMs = Math.max(waitOf(all, most, nowMs), anew === undefined ? 0 : waitOf(anew, MOST_ANEW, nowMs));
    if (waitMs > 0) return waitMs;
    all.taken++;
    if (anew !== undefined) anew.taken++;
    return 0;
  }
}

function waitOf({ taken, sinceMs }: Count, most: number, nowMs: number): number {
  return taken < most ? 0 : Math.max(1, sinceMs + WINDOW_MS / most - nowMs);
}
