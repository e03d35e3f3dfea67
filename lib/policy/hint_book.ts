// What servers have said of their tools, by session: kept out of the lists that pass, for calls that are judged by it.
// Bounded in bytes; what is forgotten, or older than five minutes, has to be asked for again (docs/behaviour.md G4, M6).
import { LruMap } from "../platform/memory/lru_map.ts";
import type { ToolHints } from "./hints.ts";

const DEFAULT_BYTES = 16 * 1024 * 1024;
const MAX_AGE_MS = 5 * 60_000;
/** Of one session. */
const MOST_TOOLS = 10_000;
const LONGEST_NAME = 1024;
/** What an entry takes besides its name, and a session besides its entries; roughly, in bytes. */
const ENTRY_BYTES = 64, TABLE_BYTES = 256;
/** A whole list this young says what is not there, too. */
const FRESH_MS = 1000;

interface Said {
  readonly hints: ToolHints;
  readonly atMs: number;
}

class Table {
  readonly tools = new Map<string, Said>();
  bytes = TABLE_BYTES;
  /** When a whole list had come, in ms since the epoch. */
  wholeAtMs = -Infinity;
  /** When it was asked for, whatever came of it, in ms since the epoch. */
  askedAtMs = -Infinity;
}

/** Whose lists they are: a session's, or those that one caller gets outside of any. */
export type HintKey = string;

export class HintBook {
  readonly #tables: LruMap<Table>;

  constructor({ maxBytes = DEFAULT_BYTES }: { readonly maxBytes?: number } = {}) {
    this.#tables = new LruMap({ maxWeight: maxBytes, weigh: ({ bytes }) => bytes });
  }

  /** Sessions of which anything is known, for metrics. */
  get size(): number {
    return this.#tables.size;
  }

  /** Undefined where it has to be asked. */
  find(key: HintKey, tool: string, nowMs: number): ToolHints | undefined {
    const said = this.#tables.get(key)?.tools.get(tool);
    return said === undefined || nowMs - said.atMs >= MAX_AGE_MS || nowMs < said.atMs ? undefined : said.hints;
  }

  /** Whether a whole list has come just now: a tool that is not known then is not there. */
  isFresh(key: HintKey, nowMs: number): boolean {
    return isWithin(FRESH_MS, this.#tables.get(key)?.wholeAtMs, nowMs);
  }

  /** Whether a whole list is known, as good as anything that is kept here. */
  isWhole(key: HintKey, nowMs: number): boolean {
    return isWithin(MAX_AGE_MS, this.#tables.get(key)?.wholeAtMs, nowMs);
  }

  /** Whether it was asked for not long ago. */
  wasAsked(key: HintKey, nowMs: number): boolean {
    return isWithin(MAX_AGE_MS, this.#tables.get(key)?.askedAtMs, nowMs);
  }

  /** It is being asked for, by Signet itself. */
  noteAsked(key: HintKey, nowMs: number): void {
    const table = this.#tables.get(key) ?? new Table();
    table.askedAtMs = nowMs;
    this.#keep(key, table);
  }

  learn(key: HintKey, tool: string, said: Said): void {
    if (tool.length > LONGEST_NAME) return;
    const table = this.#tables.get(key) ?? new Table();
    const isNew = !table.tools.has(tool);
    if (isNew && table.tools.size >= MOST_TOOLS) return;
    if (isNew) table.bytes += ENTRY_BYTES + 2 * tool.length;
    table.tools.set(tool, said);
    if (isNew) this.#keep(key, table);
  }

  /** The list that has come last was whole. */
  complete(key: HintKey, nowMs: number): void {
    const table = this.#tables.get(key) ?? new Table();
    table.wholeAtMs = nowMs;
    this.#keep(key, table);
  }

  /** Weighed anew: it may have grown. */
  #keep(key: HintKey, table: Table): void {
    this.#tables.set(key, table);
  }
}

function isWithin(ms: number, atMs: number | undefined, nowMs: number): boolean {
  const ageMs = nowMs - (atMs ?? -Infinity);
  return ageMs >= 0 && ageMs < ms;
}
