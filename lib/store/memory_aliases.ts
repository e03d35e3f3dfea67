// Sealed texts by the name of what they are about, and whose turn it is to open a session, for processes that share one
// other's memory (docs/behaviour.md L4, R1, S3). Bounded: each ends by itself, and the one that was set first gives way.
import type { AliasStore } from "./shared.ts";

/** Some hundred bytes each. */
const MOST_ALIASES = 250_000;

interface Kept {
  readonly text: string;
  readonly untilMs: number;
}

export class MemoryAliases implements AliasStore {
  readonly #now: () => number;
  readonly #aliases = new Map<string, Kept>();
  readonly #turns = new Map<string, Kept>();
  readonly #listeners = new Set<(text: string) => void>();

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#aliases.size;
  }

  get(sid: string): Promise<string | undefined> {
    return Promise.resolve(this.#of(this.#aliases, sid)?.text);
  }

  set(sid: string, text: string, ttlMs: number): Promise<void> {
    this.#keep(this.#aliases, sid, { text, untilMs: this.#now() + ttlMs });
    for (const listener of this.#listeners) listener(text);
    return Promise.resolve();
  }

  remove(sid: string): Promise<void> {
    this.#aliases.delete(sid);
    return Promise.resolve();
  }

  touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    const kept = this.#of(this.#aliases, sid);
    if (kept?.text !== text) return Promise.resolve(false);
    this.#keep(this.#aliases, sid, { text, untilMs: Math.max(kept.untilMs, this.#now() + ttlMs) });
    return Promise.resolve(true);
  }

  removeUnused(sid: string, text: string, leftMs: number): Promise<boolean> {
    const kept = this.#of(this.#aliases, sid);
    if (kept?.text !== text) return Promise.resolve(true);
    if (kept.untilMs > this.#now() + leftMs) return Promise.resolve(false);
    this.#aliases.delete(sid);
    return Promise.resolve(true);
  }

  takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    if (this.#of(this.#turns, sid) !== undefined) return Promise.resolve(false);
    this.#keep(this.#turns, sid, { text: holder, untilMs: this.#now() + ttlMs });
    return Promise.resolve(true);
  }

  giveTurnBack(sid: string, holder: string): Promise<void> {
    if (this.#of(this.#turns, sid)?.text === holder) this.#turns.delete(sid);
    return Promise.resolve();
  }

  watch(listener: (text: string) => void): void {
    this.#listeners.add(listener);
  }

  #of(map: Map<string, Kept>, sid: string): Kept | undefined {
    const kept = map.get(sid);
    if (kept === undefined || this.#now() < kept.untilMs) return kept;
    map.delete(sid);
    return undefined;
  }

  #keep(map: Map<string, Kept>, sid: string, kept: Kept): void {
    map.delete(sid);
    map.set(sid, kept);
    // What is over lies at the front, or is passed over until it is.
    for (const [oldest, { untilMs }] of map) {
      if (map.size <= MOST_ALIASES && this.#now() < untilMs) return;
      map.delete(oldest);
    }
  }
}
