// Where a session is kept that stateless clients share: read, and written over nothing but what was read, so that a word
// which lands late changes nothing that was decided meanwhile; what nobody waits for any more is taken back
// (docs/behaviour.md S3, R6).
import type { StoreSeal } from "../../../envelope/store_seal.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import { ignoreStoreError } from "../../../store/fail_closed.ts";
import type { AliasStore } from "../../../store/shared.ts";
import { type KeptSession, openKept, sealKept } from "./kept_session.ts";

export interface KeptPlaceParts {
  readonly store: AliasStore;
  readonly seal: StoreSeal;
  readonly timers: Timers;
  /** How long what nobody uses is kept, in ms. */
  readonly ttlMs: number;
  /** Runs `run` in so many ms, while the process goes on. */
  readonly later: (ms: number, run: () => void) => void;
}

/** By how much two clocks may run apart, in ms, while a session is idle. */
const DRIFT_MS = 1000;
/** What could not be taken back is tried again so often, after so long, in ms. */
const TRIES = 3, AGAIN_MS = 5000;
/** Longer than any text has to live, in ms. */
const FOREVER_MS = 100 * 365 * 24 * 3600 * 1000;

export class KeptPlace {
  readonly key: string;
  readonly #parts: KeptPlaceParts;
  /** What stood there when it was looked at last. */
  #seen: string | undefined;
  /** What may have been written: nobody waited long enough to know. */
  #doubtful: string | undefined;
  #touchedAtMs = 0;

  constructor(key: string, parts: KeptPlaceParts) {
    this.key = key;
    this.#parts = parts;
  }

  /** When it was said last that what is there is in use, in ms since the epoch, whether the store has heard of it or not. */
  get touchedAtMs(): number {
    return this.#touchedAtMs;
  }

  /** What would be kept of it; undefined if it is too long. */
  textOf(kept: KeptSession): string | undefined {
    return sealKept(this.#parts.seal, kept);
  }

  /** @throws StoreError */
  async read(): Promise<{ readonly kept: KeptSession; readonly text: string } | undefined> {
    const { store, seal } = this.#parts;
    this.#seen = undefined;
    const text = this.#seen = await store.get(this.key);
    const kept = text === undefined ? undefined : openKept(seal, text);
    // Whoever writes to the store can copy what is another's to where this one is looked for.
    return kept?.of === this.key ? { kept, text: text! } : undefined;
  }

  /** What was read may be good: it is not written over. */
  spare(): void {
    this.#seen = undefined;
  }

  /** Keeps a text in place of what was read last. @returns whether that was still there. @throws StoreError */
  async write(text: string): Promise<boolean> {
    const { store, timers, ttlMs } = this.#parts;
    const before = this.#seen;
    this.#touchedAtMs = timers.now();
    try {
      const isDone = await store.replace(this.key, { before, text, ttlMs });
      // What may land now finds something else there than it wants.
      if (isDone) [this.#seen, this.#doubtful] = [text, undefined];
      return isDone;
    } catch (fault) {
      this.#doubtful = text;
      throw fault;
    }
  }

  /** It is in use. @returns whether it is what is kept. @throws StoreError */
  async touch(text: string): Promise<boolean> {
    const { store, timers, ttlMs } = this.#parts;
    // From now on the store may have heard of it: a word of one's own is nobody else's use.
    this.#touchedAtMs = timers.now();
    return await store.touch(this.key, text, ttlMs);
  }

  /**
   * Nobody finds it from then on, unless another one has said since that it is in use.
   * @returns whether it is nobody's: it is to end at the server. Never rejects
   */
  async withdraw(text: string, { isForAll }: {
    /** Whoever else uses it, too. */
    readonly isForAll: boolean;
  }): Promise<boolean> {
    const { store, timers, ttlMs } = this.#parts;
    const leftMs = isForAll ? FOREVER_MS : ttlMs - (timers.now() - this.#touchedAtMs) + DRIFT_MS;
    try {
      return await store.removeUnused(this.key, text, leftMs);
    } catch (fault) {
      ignoreStoreError(fault);
      return isForAll;
    }
  }

  /** It is not used from here any more: what may have been written leads to what its opener ends. */
  abandon(): void {
    if (this.#doubtful !== undefined) this.#takeBack(this.#doubtful, TRIES);
    this.#doubtful = undefined;
  }

  #takeBack(text: string, tries: number): void {
    const { store, ttlMs, later } = this.#parts;
    store.removeUnused(this.key, text, ttlMs + DRIFT_MS).catch((fault) => {
      ignoreStoreError(fault);
      if (tries > 1) later(AGAIN_MS, () => this.#takeBack(text, tries - 1));
    });
  }
}
