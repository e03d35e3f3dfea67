// A bound on how many lines of one kind a second may bring: whoever can cause a warning can cause a million of them.
// What is left out is counted, and told with the next line of its kind, or by itself when there is none for a while.
import type { LogFacts, Logger } from "./log.ts";

export interface LogBudget {
  /** Lines of one level, event and `code` within one second. */
  readonly perSecond: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Kinds are constants of the program, so that there are few: this is for the day when one is not. */
const MAX_KINDS = 256;

interface Kind {
  readonly level: "info" | "warn" | "error";
  readonly event: string;
  readonly code: LogFacts[string];
  second: number;
  lines: number;
  left: number;
}

/** A kind that has been silent for so long, in seconds, has its summary written without waiting for its next line. */
const SILENT_S = 2;

/** A client can cause as many as it likes; but what a server says has a budget of its own, and no line is like another. */
function isBounded(facts: LogFacts | undefined): facts is LogFacts {
  return facts !== undefined && (facts.code !== undefined || (facts.session !== undefined && facts.line === undefined));
}

/** Warnings, errors and whatever carries a code or is about a session within the budget; everything else as it comes. */
export class BudgetedLogger implements Logger {
  readonly #log: Logger;
  readonly #budget: LogBudget;
  readonly #kinds = new Map<string, Kind>();
  #suppressed = 0;

  constructor(log: Logger, budget: LogBudget) {
    this.#log = log;
    this.#budget = budget;
  }

  /** For what was asked for line by line. */
  get unbounded(): Logger {
    return this.#log;
  }

  /** Lines left out since the start. */
  get suppressed(): number {
    return this.#suppressed;
  }

  debug(event: string, facts?: LogFacts): void {
    this.#log.debug(event, facts);
  }

  info(event: string, facts?: LogFacts): void {
    if (isBounded(facts)) this.#write("info", event, facts);
    else this.#log.info(event, facts);
  }

  warn(event: string, facts?: LogFacts): void {
    this.#write("warn", event, facts);
  }

  error(event: string, facts?: LogFacts): void {
    this.#write("error", event, facts);
  }

  /** To be called about once a second: tells what was left out of kinds that bring no more lines. */
  summarize(): void {
    const second = this.#second();
    for (const kind of this.#kinds.values()) {
      if (kind.left === 0 || kind.second + SILENT_S > second) continue;
      const suppressed = kind.left;
      kind.left = 0;
      this.#log[kind.level](kind.event, { ...(kind.code === undefined ? {} : { code: kind.code }), suppressed });
    }
  }

  #write(level: Kind["level"], event: string, facts: LogFacts | undefined): void {
    const kind = this.#kindOf(level, event, facts?.code);
    const second = this.#second();
    if (kind.second !== second) {
      kind.second = second;
      kind.lines = 0;
    }
    if (kind.lines >= this.#budget.perSecond) {
      kind.left++;
      this.#suppressed++;
      return;
    }
    kind.lines++;
    const { left } = kind;
    kind.left = 0;
    this.#log[level](event, left === 0 ? facts : { ...facts, suppressed: left });
  }

  #second(): number {
    return Math.floor(this.#budget.now() / 1000);
  }

  #kindOf(level: Kind["level"], event: string, code: LogFacts[string]): Kind {
    const name = `${level} ${event} ${code ?? ""}`;
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    const kind = { level, event, code, second: -1, lines: 0, left: 0 };
    this.#kinds.set(name, kind);
    return kind;
  }
}
