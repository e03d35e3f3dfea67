// The last lines of the log, for whoever looks at a running Signet, and the next ones as they come. Bounded in number and
// characters; nothing in a line drives a terminal or turns text around (escape.ts), and no line holds a secret (P1).
// A line costs next to nothing until somebody looks: it is kept as it was logged.
import { escapeUnsafe } from "./escape.ts";
import type { LogFacts, LogLevel } from "./log.ts";

export interface LogLine {
  /** Rises by one with each line of this process. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

interface Kept {
  readonly seq: number;
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: LogFacts;
  /** Characters of its texts. */
  readonly size: number;
}

const MOST_LINES = 500;
/** Characters of all lines together. */
const MOST_CHARACTERS = 256 * 1024;
/** Of one fact: a stack trace is for the log itself. */
const MOST_OF_A_FACT = 1_000;

export class LogTail {
  readonly #now: () => number;
  readonly #watchers = new Set<(line: LogLine) => void>();
  #kept: Kept[] = [];
  #characters = 0;
  #seq = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Oldest first. */
  get lines(): readonly LogLine[] {
    return this.#kept.map(shown);
  }

  /** @param facts not to be changed by whoever logs them */
  push(level: LogLevel, event: string, facts: LogFacts): void {
    const kept = { seq: ++this.#seq, atMs: this.#now(), level, event, facts, size: sizeOf(event, facts) };
    this.#kept.push(kept);
    this.#characters += kept.size;
    while (this.#kept.length > MOST_LINES || this.#characters > MOST_CHARACTERS) {
      this.#characters -= this.#kept.shift()!.size;
    }
    if (this.#watchers.size === 0) return;
    const line = shown(kept);
    for (const watch of this.#watchers) watch(line);
  }

  /** Tells of every further line. `watch` must not throw, nor log. @returns how to stop that */
  watch(watch: (line: LogLine) => void): () => void {
    this.#watchers.add(watch);
    return () => void this.#watchers.delete(watch);
  }
}

function sizeOf(event: string, facts: LogFacts): number {
  let size = event.length;
  for (const name in facts) {
    const value = facts[name];
    size += name.length + (typeof value === "string" ? value.length : 8);
  }
  return size;
}

function shown({ seq, atMs, level, event, facts }: Kept): LogLine {
  const entries: [string, string | number | boolean][] = [];
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    entries.push([name, typeof value === "string" ? escapeUnsafe(value.slice(0, MOST_OF_A_FACT)) : value]);
  }
  return { seq, atMs, level, event: escapeUnsafe(event), facts: Object.fromEntries(entries) };
}
