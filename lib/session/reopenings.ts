// How often sessions are opened again upstream (L4, M2): a server that restarts stays far below the bounds; a client that
// knows how to lose sessions there could otherwise open as many as it likes. Counted for each session and each principal,
// outside of what memory may drop: an entry goes only once it holds nothing any more.
import type { PrincipalKey } from "./caller.ts";

const WINDOW_MS = 60_000;
const MOST_PER_SESSION = 10;
const MOST_ENTRIES = 50_000;
/** Looking for entries that hold nothing takes a moment: at most this often. */
const PRUNE_EVERY_MS = 1000;

export interface ReopeningsOptions {
  /** Of one principal within a minute. Asked each time, so that a reload is heeded. */
  readonly mostPerPrincipal: () => number;
  /** Sessions and principals counted apart; those beyond share one count. Default 50,000. */
  readonly maxEntries?: number;
}

/** Fills up again within a minute. */
interface Bucket {
  taken: number;
  sinceMs: number;
}

/** Leave to open one session again; to be given back if nothing was opened. */
export interface Turn {
  giveBack(): void;
}

export class Reopenings {
  readonly #mostPerPrincipal: () => number;
  readonly #maxEntries: number;
  readonly #buckets = new Map<string, Bucket>();
  /** Of everybody who came when there was no room for another count: fail closed, and bounded. */
  readonly #shared: Bucket = { taken: 0, sinceMs: 0 };
  #prunedAtMs = -Infinity;

  constructor(options: ReopeningsOptions) {
    this.#mostPerPrincipal = options.mostPerPrincipal;
    this.#maxEntries = options.maxEntries ?? MOST_ENTRIES;
  }

  /** Entries held, for metrics. */
  get size(): number {
    return this.#buckets.size;
  }

  /** A turn for one session of the principal; undefined if either has had too many. */
  take(opening: { readonly principal: PrincipalKey; readonly sid: string }, nowMs: number): Turn | undefined {
    const mostOfPrincipal = Math.max(MOST_PER_SESSION, this.#mostPerPrincipal());
    const [sessionKey, principalKey] = [`s${opening.sid}`, `p${opening.principal}`];
    // First of all: a principal that has had its turns brings no further counts into being, however many ids it has.
    const ofPrincipal = this.#bucket(principalKey, mostOfPrincipal, nowMs);
    if (ofPrincipal.taken + 1 > mostOfPrincipal) return undefined;
    const ofSession = this.#bucket(sessionKey, MOST_PER_SESSION, nowMs);
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

  /** A count of nothing is none: what never opens anything leaves nothing here. */
  #giveBack(key: string, bucket: Bucket): void {
    bucket.taken = Math.max(0, bucket.taken - 1);
    if (bucket.taken === 0 && this.#buckets.get(key) === bucket) this.#buckets.delete(key);
  }

  #bucket(key: string, most: number, nowMs: number): Bucket {
    const bucket = this.#buckets.get(key) ?? this.#create(key, nowMs);
    // What was taken comes back evenly over the window.
    const back = (nowMs - bucket.sinceMs) / WINDOW_MS * most;
    if (back >= 1) {
      bucket.taken = Math.max(0, bucket.taken - Math.floor(back));
      bucket.sinceMs = nowMs;
    }
    return bucket;
  }

  #create(key: string, nowMs: number): Bucket {
    if (this.#buckets.size >= this.#maxEntries) this.#prune(nowMs);
    if (this.#buckets.size >= this.#maxEntries) return this.#shared;
    const bucket = { taken: 0, sinceMs: nowMs };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Lets go of counts that are back at zero. */
  #prune(nowMs: number): void {
    if (nowMs - this.#prunedAtMs < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = nowMs;
    for (const [key, { sinceMs }] of this.#buckets) {
      if (nowMs - sinceMs >= WINDOW_MS) this.#buckets.delete(key);
    }
  }
}
