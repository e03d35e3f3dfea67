// Keep-alive comments on event streams that have been silent (N2): between events only, never inside one.
// One timer serves all streams, so that a stream costs a set entry and not a timer.
import type { BodyWriter } from "../http1/types.ts";
import { KEEP_ALIVE, SseBoundary } from "../mcp/sse_boundary.ts";

/** One event stream on its way to a client. Bytes pass unchanged; it only watches where events end. */
export class WatchedStream {
  readonly #writer: BodyWriter;
  readonly #boundary = new SseBoundary();
  readonly #now: () => number;
  #comment: Promise<void> | undefined;
  #writing = false;
  #lastWriteMs: number;

  constructor(writer: BodyWriter, now: () => number) {
    this.#writer = writer;
    this.#now = now;
    this.#lastWriteMs = now();
  }

  /** Passes bytes on, behind a comment that is being written; resolves when the socket took them. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#writing = true;
    this.#boundary.update(bytes);
    if (this.#comment) await this.#comment;
    await this.#writer.write(bytes);
    this.#lastWriteMs = this.#now();
    this.#writing = false;
  }

  /** Sends a comment if nothing was sent since `sinceMs`, an event has just ended and no write is under way. */
  keepAlive(sinceMs: number): void {
    if (this.#writing || this.#comment || this.#lastWriteMs > sinceMs || !this.#boundary.atBoundary) return;
    this.#lastWriteMs = this.#now();
    this.#comment = this.#writer.write(KEEP_ALIVE).finally(() => this.#comment = undefined);
  }

  /** Whether the stream stands between two events, so that ending it here cuts none. */
  get atBoundary(): boolean {
    return this.#boundary.atBoundary;
  }
}

/** All event streams that pass through. */
export class KeepAlive {
  readonly #streams = new Set<WatchedStream>();
  readonly #intervalMs: number;
  readonly #now: () => number;

  /** @param intervalMs silence after which a comment is sent; 0 for never */
  constructor(intervalMs: number, now: () => number) {
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  watch(writer: BodyWriter): WatchedStream {
    const stream = new WatchedStream(writer, this.#now);
    this.#streams.add(stream);
    return stream;
  }

  unwatch(stream: WatchedStream): void {
    this.#streams.delete(stream);
  }

  get size(): number {
    return this.#streams.size;
  }

  /** To be called every second or so. */
  tick(): void {
    if (this.#intervalMs === 0) return;
    const sinceMs = this.#now() - this.#intervalMs;
    for (const stream of this.#streams) stream.keepAlive(sinceMs);
  }
}
