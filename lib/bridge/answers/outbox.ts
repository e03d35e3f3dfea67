// The client's end of one event stream: bytes wait here until they are read. Bounded not by dropping but by holding the
// writer back (`whenDrained`); a reader that takes nothing for long enough is cut off, and may resume (N3).
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import { type BodyReader, CHUNKED, HttpError } from "../../http1/types.ts";
import { gatherBody } from "../../http1/wire/bodies/gather_body.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import type { Timers } from "../../platform/time/timers.ts";

export interface OutboxOptions {
  /** Above this many waiting bytes, the writer is held back. */
  readonly highWaterBytes: number;
  /** A reader that takes nothing for this long while the writer is held back is cut off, in ms. */
  readonly stallMs: number;
  /** What waits is charged to it; while it is full, every writer is held back. */
  readonly account: ByteAccount;
  readonly timers: Timers;
}

export class Outbox implements BodyReader {
  readonly length = CHUNKED;
  readonly #options: OutboxOptions;
  #waiting: Uint8Array[] = [];
  #size = 0;
  /** Bytes that its reader was given last, and has not done with: they are held as long as they are being written. */
  #lent = 0;
  /** What is lent has held the writer back for long enough: it is being written, and cannot be called back. */
  #excused = false;
  readonly #charge: Charge;
  #state: "open" | "ended" | HttpError = "open";
  #reader: PromiseWithResolvers<Uint8Array | null> | undefined;
  #writer: PromiseWithResolvers<void> | undefined;
  #stopWatch: (() => void) | undefined;
  #hurried = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#charge = options.account.open();
  }

  /** Whether everything has been read, and nothing will come. */
  get done(): boolean {
    return this.#state !== "open" && this.#size === 0;
  }

  /** Whether it takes bytes. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Bytes that wait for the reader. */
  get size(): number {
    return this.#size;
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    this.#count();
    this.#serve();
  }

  /** No more will come; what waits can still be read. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#serve();
  }

  /** Throws away what waits: the reader sees a stream that broke off, or is not there any more. */
  fail(error: HttpError): void {
    if (this.#state instanceof HttpError) return;
    this.#state = error;
    this.#waiting = [];
    this.#size = 0;
    this.#count();
    this.#serve();
    this.#drained();
  }

  /** Its reader has done with it: nothing is held any more. */
  letGo(): void {
    this.#waiting = [];
    this.#size = this.#lent = 0;
    this.#count();
    this.#drained();
  }

  #count(): void {
    this.#charge.force(this.#size + this.#lent);
  }

  /** Resolves when the writer may go on; undefined if it may at once. */
  whenDrained(): Promise<void> | undefined {
    const { highWaterBytes, account } = this.#options;
    const mostBytes = account.isOverdrawn ? 0 : highWaterBytes;
    if (this.#size <= mostBytes && (this.#lent <= mostBytes || this.#excused)) return undefined;
    if (this.#writer === undefined) {
      this.#writer = Promise.withResolvers();
      this.#watch();
    }
    return this.#writer.promise;
  }

  /** Somebody else waits for this reader now: while it holds the writer back it has `ms` left, from the first time on. */
  hurry(ms: number): void {
    if (this.#stopWatch === undefined || this.#hurried || this.#options.stallMs <= ms) return;
    this.#hurried = true;
    this.#stopWatch();
    this.#watch(ms);
  }

  takeBuffered(): Uint8Array | undefined {
    if (this.#state !== "ended") return undefined;
    return this.#take();
  }

  /** Whoever reads on has done with what it was given before. */
  read(): Promise<Uint8Array | null> {
    this.#lend(0);
    this.#count();
    if (this.#size === 0) this.#drained();
    if (this.#size > 0) return Promise.resolve(this.#take());
    if (this.#state === "ended") return Promise.resolve(null);
    if (this.#state instanceof HttpError) return Promise.reject(this.#state);
    this.#reader ??= Promise.withResolvers();
    return this.#reader.promise;
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    return gatherBody(this, maxBytes);
  }

  #take(): Uint8Array {
    const bytes = joinBytes(this.#waiting);
    this.#waiting = [];
    this.#lend(this.#size);
    this.#size = 0;
    this.#drained();
    return bytes;
  }

  #lend(bytes: number): void {
    this.#lent = bytes;
    this.#excused = false;
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    if (this.#size > 0) reader.resolve(this.#take());
    else if (this.#state === "ended") reader.resolve(null);
    else if (this.#state instanceof HttpError) reader.reject(this.#state);
    else return;
    this.#reader = undefined;
  }

  #drained(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    this.#hurried = false;
    this.#writer?.resolve();
    this.#writer = undefined;
  }

  #watch(stallMs = this.#options.stallMs): void {
    const { timers } = this.#options;
    const message = `writing an event stream: the client has read nothing for ${stallMs} ms`;
    this.#stopWatch = timers.after(stallMs, () => {
      if (this.#size > 0) return this.fail(new HttpError("upstream_closed", message));
      this.#excused = true;
      this.#drained();
    });
  }
}
