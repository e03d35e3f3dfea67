// A bound on how many lines of one kind a second may bring: whoever can cause a warning can cause a million of them.
// What is left out is counted, and told with the next line of its kind.
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
  second: number;
  lines: number;
  left: number;
}

/** Warnings and errors within the budget; everything else as it comes. */
export class BudgetedLogger implements Logger {
  readonly #log: Logger;
  readonly #budget: LogBudget;
  readonly #kinds = new Map<string, Kind>();
  #suppressed = 0;

  constructor(log: Logger, budget: LogBudget) {
    this.#log = log;
    this.#budget = budget;
  }

  /** Lines left out since the start. */
  get suppressed(): number {
    return this.#suppressed;
  }

  debug(event: string, facts?: LogFacts): void {
    this.#log.debug(event, facts);
  }

  info(event: string, facts?: LogFacts): void {
    this.#log.info(event, facts);
  }

  warn(event: string, facts?: LogFacts): void {
    const left = this.#take("warn", event, facts);
    if (left !== undefined) this.#log.warn(event, left === 0 ? facts : { ...facts, suppressed: left });
  }

  error(event: string, facts?: LogFacts): void {
    const left = this.#take("error", event, facts);
    if (left !== undefined) this.#log.error(event, left === 0 ? facts : { ...facts, suppressed: left });
  }

  /** How many lines of the kind were left out before this one; undefined if it is left out as well. */
  #take(level: string, event: string, facts: LogFacts | undefined): number | undefined {
    const kind = this.#kindOf(`${level} ${event} ${facts?.code ?? ""}`);
    const second = Math.floor(this.#budget.now() / 1000);
    if (kind.second !== second) {
      kind.second = second;
      kind.lines = 0;
    }
    if (kind.lines >= this.#budget.perSecond) {
      kind.left++;
      this.#suppressed++;
      return undefined;
    }
    kind.lines++;
    const { left } = kind;
    kind.left = 0;
    return left;
  }

  #kindOf(name: string): Kind {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    const kind = { second: -1, lines: 0, left: 0 };
    this.#kinds.set(name, kind);
    return kind;
  }
}
