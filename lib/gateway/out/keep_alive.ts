// Keep-alive comments on event streams that have been silent (N2): between events only, never inside one.
// One timer and one look at the clock a second serve all streams, so that an event costs no more than its bytes.
import type { BodySink, BodyWriter } from "../../http1/types.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import { KEEP_ALIVE, SseBoundary } from "../../mcp/events/sse_boundary.ts";

/** The time of the last tick, in ms since the epoch. */
interface Clock {
  nowMs: number;
}

/** One event stream on its way to a client. Bytes pass unchanged; it only watches where events end. */
export class WatchedStream implements BodySink {
  readonly #writer: BodyWriter;
  readonly #boundary = new SseBoundary();
  readonly #clock: Clock;
  #lastWriteMs: number;

  constructor(writer: BodyWriter, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
    this.#lastWriteMs = clock.nowMs;
  }

  /** Passes bytes on; resolves when the socket took them. */
  write(bytes: Bytes): Promise<void> {
    this.#boundary.update(bytes);
    this.#lastWriteMs = this.#clock.nowMs;
    return this.#writer.write(bytes);
  }

  get takesChunks(): boolean {
    return this.#writer.takesChunks === true;
  }

  passChunks(chunks: Bytes, payload: number): Promise<void> {
    this.#boundary.updateChunks(chunks);
    this.#lastWriteMs = this.#clock.nowMs;
    return this.#writer.passChunks!(chunks, payload);
  }

  /**
   * Sends a comment if nothing was sent since `sinceMs` and an event has just ended. Writes go out in the order they are
   * made, so bytes that come meanwhile stand behind it.
   */
  keepAlive(sinceMs: number): void {
    const { nowMs } = this.#clock;
    // Unless the clock has been set back since.
    if ((this.#lastWriteMs > sinceMs && this.#lastWriteMs <= nowMs) || !this.#boundary.atBoundary) return;
    this.#lastWriteMs = nowMs;
    this.#writer.write(KEEP_ALIVE);
  }
}

/** All event streams that pass through. */
export class KeepAlive {
  readonly #streams = new Set<WatchedStream>();
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #clock: Clock;

  /** @param intervalMs silence after which a comment is sent; 0 for never */
  constructor(intervalMs: number, now: () => number) {
    this.#intervalMs = intervalMs;
    this.#now = now;
    this.#clock = { nowMs: now() };
  }

  watch(writer: BodyWriter): WatchedStream {
    this.#clock.nowMs = this.#now();
    const stream = new WatchedStream(writer, this.#clock);
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
    this.#clock.nowMs = this.#now();
    if (this.#intervalMs === 0) return;
    const sinceMs = this.#clock.nowMs - this.#intervalMs;
    for (const stream of this.#streams) stream.keepAlive(sinceMs);
  }
}
