// A store of sealed texts and turns in this process, which can be away: what `AliasStore` promises, without a network.
import type { AliasStore, Replacement } from "../../lib/store/shared.ts";
import { StoreError } from "../../lib/store/store.ts";

export class FakeAliases implements AliasStore {
  /** Whether it answers. */
  isUp = true;
  readonly texts = new Map<string, { text: string; untilMs: number }>();
  readonly #turns = new Map<string, { holder: string; untilMs: number }>();
  readonly #listeners = new Set<(text: string) => void>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(sid: string): Promise<string | undefined> {
    return this.#answer(() => this.#live(sid)?.text);
  }

  replace(sid: string, { before, text, ttlMs }: Replacement): Promise<boolean> {
    return this.#answer(() => {
      if (this.#live(sid)?.text !== before) return false;
      this.texts.set(sid, { text, untilMs: this.#now() + ttlMs });
      for (const listener of this.#listeners) listener(text);
      return true;
    });
  }

  remove(sid: string): Promise<void> {
    return this.#answer(() => void this.texts.delete(sid));
  }

  touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    return this.#answer(() => {
      const live = this.#live(sid);
      if (live?.text !== text) return false;
      this.texts.set(sid, { text, untilMs: Math.max(live.untilMs, this.#now() + ttlMs) });
      return true;
    });
  }

  removeUnused(sid: string, text: string, leftMs: number): Promise<boolean> {
    return this.#answer(() => {
      const live = this.#live(sid);
      if (live?.text !== text) return true;
      return live.untilMs <= this.#now() + leftMs && this.texts.delete(sid);
    });
  }

  takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#answer(() => {
      if ((this.#turns.get(sid)?.untilMs ?? 0) > this.#now()) return false;
      this.#turns.set(sid, { holder, untilMs: this.#now() + ttlMs });
      return true;
    });
  }

  giveTurnBack(sid: string, holder: string): Promise<void> {
    return this.#answer(() => {
      if (this.#turns.get(sid)?.holder === holder) this.#turns.delete(sid);
    });
  }

  watch(listener: (text: string) => void): void {
    this.#listeners.add(listener);
  }

  #live(sid: string) {
    const kept = this.texts.get(sid);
    return kept !== undefined && kept.untilMs > this.#now() ? kept : undefined;
  }

  #answer<T>(step: () => T): Promise<T> {
    if (this.isUp) return Promise.resolve(step());
    return Promise.reject(new StoreError("io", "The store does not answer", { remedy: "Start it." }));
  }
}
