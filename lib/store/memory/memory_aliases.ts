// Sealed texts by the name of what they are about, and whose turn it is to open a session, for processes that share one
// other's memory (docs/behaviour.md L4, R1, S3). Bounded in number and characters: each ends by itself, and the one that was
// set first gives way.
import type { AliasStore, Replacement } from "../shared.ts";

export interface MemoryAliasesOptions {
  /** Texts kept, and as many turns. Default 250,000. */
  readonly maxTexts?: number;
  /** Of all texts together: a byte each, as they are sealed. Default 128 Mi. */
  readonly maxCharacters?: number;
}

interface Kept {
  readonly text: string;
  untilMs: number;
  /** As long as it was to live when it was kept: no longer, if the clock is set back. */
  readonly ttlMs: number;
}

export class MemoryAliases implements AliasStore {
  readonly #now: () => number;
  readonly #aliases: Texts;
  readonly #turns: Texts;
  readonly #listeners = new Set<(text: string) => void>();

  /** @param now milliseconds since the epoch */
  constructor(now: () => number, { maxTexts = 250_000, maxCharacters = 128 * 1024 * 1024 }: MemoryAliasesOptions = {}) {
    this.#now = now;
    this.#aliases = new Texts({ maxTexts, maxCharacters });
    this.#turns = new Texts({ maxTexts, maxCharacters });
  }

  get size(): number {
    return this.#aliases.size;
  }

  get(sid: string): Promise<string | undefined> {
    return Promise.resolve(this.#aliases.get(sid, this.#now())?.text);
  }

  replace(sid: string, { before, text, ttlMs }: Replacement): Promise<boolean> {
    if (this.#aliases.get(sid, this.#now())?.text !== before) return Promise.resolve(false);
    this.#aliases.keep(sid, { text, ttlMs }, this.#now());
    for (const listener of this.#listeners) listener(text);
    return Promise.resolve(true);
  }

  remove(sid: string): Promise<void> {
    this.#aliases.delete(sid);
    return Promise.resolve();
  }

  touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    const kept = this.#aliases.get(sid, this.#now());
    if (kept?.text !== text) return Promise.resolve(false);
    this.#aliases.keep(sid, { text, ttlMs: Math.max(kept.untilMs - this.#now(), ttlMs) }, this.#now());
    return Promise.resolve(true);
  }

  removeUnused(sid: string, text: string, leftMs: number): Promise<boolean> {
    const kept = this.#aliases.get(sid, this.#now());
    if (kept?.text !== text) return Promise.resolve(true);
    if (kept.untilMs > this.#now() + leftMs) return Promise.resolve(false);
    this.#aliases.delete(sid);
    return Promise.resolve(true);
  }

  takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    if (this.#turns.get(sid, this.#now()) !== undefined) return Promise.resolve(false);
    this.#turns.keep(sid, { text: holder, ttlMs }, this.#now());
    return Promise.resolve(true);
  }

  giveTurnBack(sid: string, holder: string): Promise<void> {
    if (this.#turns.get(sid, this.#now())?.text === holder) this.#turns.delete(sid);
    return Promise.resolve();
  }

  watch(listener: (text: string) => void): void {
    this.#listeners.add(listener);
  }
}

class Texts {
  readonly #bounds: Required<MemoryAliasesOptions>;
  readonly #kept = new Map<string, Kept>();
  #characters = 0;

  constructor(bounds: Required<MemoryAliasesOptions>) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(name: string, nowMs: number): Kept | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    kept.untilMs = Math.min(kept.untilMs, nowMs + kept.ttlMs);
    if (nowMs < kept.untilMs) return kept;
    this.delete(name);
    return undefined;
  }

  keep(name: string, { text, ttlMs }: Omit<Kept, "untilMs">, nowMs: number): void {
    this.delete(name);
    this.#kept.set(name, { text, ttlMs, untilMs: nowMs + ttlMs });
    this.#characters += name.length + text.length;
    const { maxTexts, maxCharacters } = this.#bounds;
    // What is over lies at the front, or is passed over until it is.
    for (const [oldest, { untilMs }] of this.#kept) {
      if (this.size <= maxTexts && this.#characters <= maxCharacters && nowMs < untilMs) return;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#characters -= name.length + kept.text.length;
  }
}
