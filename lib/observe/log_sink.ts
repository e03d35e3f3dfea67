// Where log lines wait for whoever reads them. Nobody who logs is ever made to wait: what is not taken is kept up to a
// bound in bytes, then dropped and counted, and the count is told when lines flow again (P1). A reader that is gone for
// good costs nothing.
import { faultCode, isOnlyNow } from "../platform/faults/system_fault.ts";
import { joinBytes } from "../platform/memory/join_bytes.ts";
import { pause, SYSTEM_TIMERS } from "../platform/time/timers.ts";

/** Of one write: a slow reader gets lines in pieces it can take. */
const MOST_AT_ONCE = 64 * 1024;
/** After a fault that may pass: a full disk, a pipe that somebody else has made non-blocking. */
const RETRY_MS = 50;
/** Faults after which nobody will ever read. */
const GONE: ReadonlySet<unknown> = new Set(["EPIPE", "EBADF", "BrokenPipe", "BadResource"]);

export interface LogSinkOptions {
  /** Writes some of the bytes and answers how many; the next is asked only when it has settled. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Most bytes that wait. */
  readonly maxBytes: number;
  /** Lines were dropped, and there is room again; may log. */
  readonly onFlow: (dropped: number) => void;
}

export class LogSink {
  readonly #options: LogSinkOptions;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #gone = false;
  /** The last write: what was dropped is told only where lines go through. */
  #failed = false;
  #flowing: Promise<void> | undefined;
  #dropped = 0;
  /** Of those, how many have not been told of. */
  #untold = 0;

  constructor(options: LogSinkOptions) {
    this.#options = options;
  }

  /** Lines nobody will see, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#bytes;
  }

  /** Takes one line with its end, or drops it. Never waits, never throws. */
  push(line: string): void {
    const bytes = this.#encoder.encode(line);
    if (this.#gone || this.#bytes + bytes.length > this.#options.maxBytes) return this.#drop(1);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    // The first write is started here and now: what ends the process a moment later has been handed over.
    this.#flowing ??= this.#flow();
  }

  /** Resolves when nothing waits any more, and after `ms` at the latest. */
  async flush(ms: number): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, ms);
    await Promise.race([timeout.promise, this.#flowing]);
    clearTimeout(timer);
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }

  async #flow(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#take();
      await this.#writeAll(joinBytes(lines), lines.length);
      if (this.#gone) this.#abandon();
      else this.#tellDropped();
    }
    this.#flowing = undefined;
  }

  /** The next lines, as many as go into one write. */
  #take(): Uint8Array[] {
    let size = 0;
    let count = 0;
    while (count < this.#waiting.length) {
      size += this.#waiting[count]!.length;
      if (count > 0 && size > MOST_AT_ONCE) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** They count as waiting until they are written. */
  async #writeAll(bytes: Uint8Array, lines: number): Promise<void> {
    const { write } = this.#options;
    let rest = bytes;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(await write(rest));
        this.#failed = false;
      } catch (error) {
        if (!isOnlyNow(error)) {
          this.#gone = GONE.has(faultCode(error));
          this.#failed = true;
          this.#drop(lines);
          break;
        }
        await pause(RETRY_MS, SYSTEM_TIMERS);
      }
    }
    this.#bytes -= bytes.length;
  }

  #abandon(): void {
    this.#drop(this.#waiting.length);
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** Not before half of the room is free, or the news itself would be what is dropped next. */
  #tellDropped(): void {
    const { maxBytes, onFlow } = this.#options;
    if (this.#untold === 0 || this.#failed || this.#bytes > maxBytes / 2) return;
    const dropped = this.#untold;
    this.#untold = 0;
    onFlow(dropped);
  }
}
