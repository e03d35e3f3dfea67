// What an MCP server writes to stderr, line by line to Signet's log with the session's name (docs/behaviour.md B7). It
// is a log of the server's own, no error (docs/protocol.md 37). Whatever secret the process was given is blanked, then
// long lines are cut; floods are thinned out and counted.
import { Blanker } from "../../observe/blank.ts";
import type { Logger } from "../../observe/log.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { LineSplitter } from "./lines.ts";

const MAX_LINE_CHARS = 4096;
/** Of a UTF-16 unit in UTF-8. */
const MOST_BYTES_A_CHAR = 3;
/** A burst may be this long; then so many lines a second get through. */
const BURST_LINES = 200;
const LINES_PER_S = 20;

export interface StderrLogOptions {
  readonly log: Logger;
  /** Names the session in every line. */
  readonly facts: () => Readonly<Record<string, string | number>>;
  readonly timers: Timers;
  /** Values that must not be logged. */
  readonly secrets: readonly string[];
}

export class StderrLog {
  readonly #options: StderrLogOptions;
  readonly #blanker: Blanker;
  readonly #lines: LineSplitter;
  readonly #decoder = new TextDecoder();
  #allowance = BURST_LINES;
  #refilledAtMs: number;
  #suppressed = 0;

  constructor(options: StderrLogOptions) {
    this.#options = options;
    this.#blanker = new Blanker(options.secrets);
    // One that begins within what is shown is seen whole, so that it can be known for what it is.
    const seen = MAX_LINE_CHARS + this.#blanker.longest;
    this.#lines = new LineSplitter({ maxBytes: seen * MOST_BYTES_A_CHAR, onLonger: "cut" });
    this.#refilledAtMs = options.timers.now();
  }

  push(bytes: Uint8Array): void {
    for (const line of this.#lines.push(bytes)) this.#write(line);
  }

  end(): void {
    for (const line of this.#lines.end()) this.#write(line);
    this.#reportSuppressed();
  }

  #write(line: Uint8Array): void {
    // Lines that are left out count too: a secret may go on from one into the next.
    const text = this.#blanker.line(this.#decoder.decode(line));
    if (!this.#allows()) {
      this.#suppressed++;
      return;
    }
    this.#reportSuppressed();
    this.#options.log.info("MCP server says", { ...this.#options.facts(), line: cut(text) });
  }

  /** A bucket of lines that fills up again with time. */
  #allows(): boolean {
    const nowMs = this.#options.timers.now();
    const refill = Math.max(0, nowMs - this.#refilledAtMs) / 1000 * LINES_PER_S;
    this.#allowance = Math.min(BURST_LINES, this.#allowance + refill);
    this.#refilledAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #reportSuppressed(): void {
    if (this.#suppressed === 0) return;
    const lines = this.#suppressed;
    this.#suppressed = 0;
    this.#options.log.warn("MCP server said too much: lines left out", { ...this.#options.facts(), lines });
  }
}

/** Not through a character. */
function cut(text: string): string {
  return text.length <= MAX_LINE_CHARS ? text : text.slice(0, MAX_LINE_CHARS).replace(/[\ud800-\udbff]$/, "");
}
