// How often sessions are opened again upstream (L4, M2): a server that restarts stays far below the bounds; a client that
// knows how to lose sessions there could otherwise open as many as it likes. Counted for each session and each principal,
// outside of what memory may drop: an entry goes only once it holds nothing any more.
import type { PrincipalKey } from "../caller.ts";
import { type Count, RefillingCounts } from "./refilling_counts.ts";

const WINDOW_MS = 60_000;
const MOST_PER_SESSION = 10;

export interface ReopeningsOptions {
  /** Of one principal within a minute. Asked each time, so that a reload is heeded. */
  readonly mostPerPrincipal: () => number;
  /** Sessions and principals counted apart; those beyond share one count. Default 50,000. */
  readonly maxEntries?: number;
}

/** Leave to open one session again; to be given back if nothing was opened. */
export interface Turn {
  giveBack(): void;
}

export class Reopenings {
  readonly #mostPerPrincipal: () => number;
  readonly #counts: RefillingCounts;

  constructor({ mostPerPrincipal, maxEntries }: ReopeningsOptions) {
    this.#mostPerPrincipal = mostPerPrincipal;
    this.#counts = new RefillingCounts({ windowMs: WINDOW_MS, ...(maxEntries === undefined ? {} : { maxEntries }) });
  }

  /** Entries held, for metrics. */
  get size(): number {
    return this.#counts.size;
  }

  /** A turn for one session of the principal; undefined if either has had too many. */
  take(opening: { readonly principal: PrincipalKey; readonly sid: string }, nowMs: number): Turn | undefined {
    const mostOfPrincipal = Math.max(MOST_PER_SESSION, this.#mostPerPrincipal());
    const [sessionKey, principalKey] = [`s${opening.sid}`, `p${opening.principal}`];
    // First of all: a principal that has had its turns brings no further counts into being, however many ids it has.
    const ofPrincipal = this.#counts.of(principalKey, mostOfPrincipal, nowMs);
    if (ofPrincipal.taken + 1 > mostOfPrincipal) return undefined;
    const ofSession = this.#counts.of(sessionKey, MOST_PER_SESSION, nowMs);
    if (ofSession.taken + 1 > MOST_PER_SESSION) return undefined;
    ofSession.taken++;
    if (ofPrincipal !== ofSession) ofPrincipal.taken++;
    return {
      giveBack: () => {
        this.#giveBack(sessionKey, ofSession);
        if (ofPrincipal !== ofSession) this.#giveBack(principalKey, ofPrincipal);
      },
    };
  }

  #giveBack(key: string, count: Count): void {
    count.taken = Math.max(0, count.taken - 1);
    this.#counts.dropIfNothing(key, count);
  }
}
