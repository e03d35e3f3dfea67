// What servers have said of themselves to stateless clients, told again where a client's probe would meet a server that is
// down, or a limit: a client that finds out which revision to speak would fail, or fall back to a session for good
// (docs/behaviour.md S5; docs/protocol.md 38). Each answer is for the owner and the kind of client it was given to, and
// nobody else. Bounded in number, bytes and time.
import { isWithin } from "../../../platform/time/time_of_day.ts";

export interface DiscoveriesOptions {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  /** How long one is good for, in ms. */
  readonly lifeMs?: number;
}

interface Discovery {
  /** JSON of the result. */
  readonly result: string;
  readonly atMs: number;
}

/** Of one result, in UTF-16 units: beyond, nothing is remembered. */
export const MAX_DISCOVERY = 64 * 1024;

export class Discoveries {
  /** How often one was told in place of an answer. */
  told = 0;
  readonly #options: Required<DiscoveriesOptions>;
  /** By digest of whose it is; the one that was remembered longest ago first. */
  readonly #known = new Map<string, Discovery>();
  #bytes = 0;

  constructor({ maxEntries = 1000, maxBytes = 4 * 1024 * 1024, lifeMs = 60 * 60_000 }: DiscoveriesOptions = {}) {
    this.#options = { maxEntries, maxBytes, lifeMs };
  }

  get size(): number {
    return this.#known.size;
  }

  remember(key: string, result: string, nowMs: number): void {
    this.#forget(key);
    if (result.length > MAX_DISCOVERY) return;
    this.#known.set(key, { result, atMs: nowMs });
    this.#bytes += 2 * result.length;
    const { maxEntries, maxBytes } = this.#options;
    while (this.#known.size > maxEntries || this.#bytes > maxBytes) this.#forget(this.#known.keys().next().value!);
  }

  find(key: string, nowMs: number): string | undefined {
    const known = this.#known.get(key);
    if (known === undefined || isWithin(nowMs, known.atMs, this.#options.lifeMs)) return known?.result;
    return void this.#forget(key);
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#bytes -= 2 * known.result.length;
    this.#known.delete(key);
  }
}
