// What an MCP server writes to stderr, line by line to Signet's log with the session's name (BEHAVIOUR.md B7). It is a log
// of the server's own, no error (PROTOCOL.md 37). Long lines are cut, floods thinned out and counted, and the credentials
// the process was given are blanked wherever they turn up.
import type { Logger } from "../../observe/log.ts";
import { LineSplitter } from "./lines.ts";
import type { Timers } from "../timers.ts";

const MAX_LINE_BYTES = 4096;
/** A burst may be this long; then so many lines a second get through. */
const BURST_LINES = 200;
const LINES_PER_S = 20;
/** Shorter texts are no secrets, and would blank half the log. */
const MIN_SECRET_LENGTH = 6;

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
  readonly #secrets: readonly string[];
  readonly #lines = new LineSplitter({ maxBytes: MAX_LINE_BYTES, onLonger: "cut" });
  readonly #decoder = new TextDecoder();
  #allowance = BURST_LINES;
  #refilledAtMs: number;
  #suppressed = 0;

  constructor(options: StderrLogOptions) {
    this.#options = options;
    this.#secrets = options.secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH);
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
    if (!this.#allows()) {
      this.#suppressed++;
      return;
    }
    this.#reportSuppressed();
    this.#options.log.info("MCP server says", { ...this.#options.facts(), line: this.#blank(line) });
  }

  #blank(line: Uint8Array): string {
    let text = this.#decoder.decode(line);
    for (const secret of this.#secrets) text = text.replaceAll(secret, "[redacted]");
    return text;
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
