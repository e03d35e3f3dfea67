// Bytes of a pipe to lines: one message a line, ended by a line feed (MCP 2025-11-25, Transports, "stdio").
// Memory is bounded by the longest line allowed; what to do about a longer one is the reader's choice, and the
// next one is whole again.
import { joinBytes } from "../../platform/memory/join_bytes.ts";

const LF = 0x0a, CR = 0x0d;
const NOTHING: LongLine = { head: new Uint8Array(0), tail: new Uint8Array(0), bytes: 0 };

/** What is kept of a line that is left out, most often one beyond the cap: enough to tell what it was about. */
export interface LongLine {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
  /** Its whole length. */
  readonly bytes: number;
  /** It was no longer than it may be, but had not ended when others had to be read. */
  readonly overdue?: true;
}

const HEAD_BYTES = 4096, TAIL_BYTES = 256;

export interface LineOptions {
  readonly maxBytes: number;
  /** `cut` hands out the beginning of a longer line and skips the rest; a function is told of it in its place. */
  readonly onLonger: "cut" | ((line: LongLine) => void);
}

export class LineSplitter {
  readonly #options: LineOptions;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** The line whose rest is being skipped. */
  #skipped: LongLine | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /**
   * The lines that `bytes` complete, without their ends; blank ones are left out. They are views of `bytes` where they
   * lie in it whole.
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

  /** Bytes that are kept of the line under way. */
  get size(): number {
    return this.#size;
  }

  /** The line under way is not waited for: its rest is skipped, as one's that is too long. */
  giveUp(): void {
    if (this.#size > 0 && this.#options.onLonger !== "cut") this.#beginSkipping(new Uint8Array(0), { overdue: true });
  }

  /** The last line, if it had no end. */
  end(): Uint8Array[] {
    const lines: Uint8Array[] = [];
    this.#finish(lines);
    return lines;
  }

  #take(part: Uint8Array, lines: Uint8Array[]): void {
    if (this.#skipped !== undefined) return this.#skip(part);
    const { maxBytes, onLonger } = this.#options;
    if (this.#size + part.length <= maxBytes) {
      this.#parts.push(part);
      this.#size += part.length;
      return;
    }
    if (onLonger === "cut") {
      this.#parts.push(part.subarray(0, maxBytes - this.#size));
      this.#finish(lines);
      this.#skipped = NOTHING;
    } else this.#beginSkipping(part);
  }

  #beginSkipping(part: Uint8Array, why: Pick<LongLine, "overdue"> = {}): void {
    const sofar = joinBytes([...this.#parts, part]);
    this.#parts = [];
    this.#size = 0;
    this.#skipped = { head: sofar.slice(0, HEAD_BYTES), tail: sofar.slice(-TAIL_BYTES), bytes: sofar.length, ...why };
  }

  #skip(part: Uint8Array): void {
    const { tail, bytes } = this.#skipped!;
    const end = part.length >= TAIL_BYTES ? part : joinBytes([tail, part]);
    this.#skipped = { ...this.#skipped!, tail: end.slice(-TAIL_BYTES), bytes: bytes + part.length };
  }

  #finish(lines: Uint8Array[]): void {
    if (this.#skipped !== undefined) {
      const { onLonger } = this.#options;
      if (onLonger !== "cut") onLonger(this.#skipped);
      this.#skipped = undefined;
      return;
    }
    const line = joinBytes(this.#parts);
    this.#parts = [];
    this.#size = 0;
    const end = line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (end > 0) lines.push(line.subarray(0, end));
  }
}
