// Bytes of a pipe to lines: one message a line, ended by a line feed (MCP 2025-11-25, Transports, "stdio").
// Memory is bounded by the longest line allowed; what to do about a longer one is the reader's choice.
import { joinBytes } from "../../mcp/join_bytes.ts";

const LF = 0x0a, CR = 0x0d;

/** A line that grew beyond the cap. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";

  constructor(maxBytes: number) {
    super(`reading a line: found more than ${maxBytes} bytes without a line feed`);
  }
}

export interface LineOptions {
  readonly maxBytes: number;
  /** `fail` throws at a longer line; `cut` hands out its beginning and skips the rest. */
  readonly onLonger: "fail" | "cut";
}

export class LineSplitter {
  readonly #options: LineOptions;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Whether the rest of a line that was cut is being skipped. */
  #skipping = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /**
   * The lines that `bytes` complete, without their ends; blank ones are left out. They are views of `bytes` where they
   * lie in it whole.
   * @throws LineTooLongError with `onLonger: "fail"`
   */
  push(bytes: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, start)) {
      this.#take(bytes.subarray(start, at), lines);
      this.#finish(lines);
      start = at + 1;
    }
    if (start < bytes.length) this.#take(bytes.slice(start), lines);
    return lines;
  }

  /** The last line, if it had no end. */
  end(): Uint8Array[] {
    const lines: Uint8Array[] = [];
    this.#finish(lines);
    return lines;
  }

  #take(part: Uint8Array, lines: Uint8Array[]): void {
    if (this.#skipping) return;
    const { maxBytes, onLonger } = this.#options;
    if (this.#size + part.length <= maxBytes) {
      this.#parts.push(part);
      this.#size += part.length;
      return;
    }
    if (onLonger === "fail") throw new LineTooLongError(maxBytes);
    this.#parts.push(part.subarray(0, maxBytes - this.#size));
    this.#finish(lines);
    this.#skipping = true;
  }

  #finish(lines: Uint8Array[]): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const line = joinBytes(this.#parts);
    this.#parts = [];
    this.#size = 0;
    const end = line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (end > 0) lines.push(line.subarray(0, end));
  }
}
