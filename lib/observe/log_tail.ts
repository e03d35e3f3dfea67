// The last lines of the log, for whoever looks at a running Signet, and the next ones as they come. Bounded in number and
// bytes; nothing in a line drives a terminal or turns text around (escape.ts), and no line holds a secret (P1).
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

const MOST_LINES = 500;
/** Characters of all lines together, roughly. */
const MOST_CHARACTERS = 256 * 1024;
/** Of one fact: a stack trace is for the log itself. */
const MOST_OF_A_FACT = 1_000;
/** What a line costs besides its texts. */
const BESIDE = 64;

export class LogTail {
  readonly #now: () => number;
  readonly #watchers = new Set<(line: LogLine) => void>();
  #lines: LogLine[] = [];
  #characters = 0;
  #seq = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  push(level: LogLevel, event: string, facts: LogFacts): void {
    const line = { seq: ++this.#seq, atMs: this.#now(), level, event: escapeUnsafe(event), facts: shown(facts) };
    this.#lines.push(line);
    this.#characters += sizeOf(line);
    while (this.#lines.length > MOST_LINES || this.#characters > MOST_CHARACTERS) {
      this.#characters -= sizeOf(this.#lines.shift()!);
    }
    for (const watch of this.#watchers) watch(line);
  }

  /** Tells of every further line. `watch` must not throw, nor log. @returns how to stop that */
  watch(watch: (line: LogLine) => void): () => void {
    this.#watchers.add(watch);
    return () => void this.#watchers.delete(watch);
  }
}

function shown(facts: LogFacts): LogLine["facts"] {
  const entries: [string, string | number | boolean][] = [];
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    entries.push([name, typeof value === "string" ? escapeUnsafe(value.slice(0, MOST_OF_A_FACT)) : value]);
  }
  return Object.fromEntries(entries);
}

function sizeOf({ event, facts }: LogLine): number {
  return Object.entries(facts).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length,
    BESIDE + event.length,
  );
}
