// Decides which requests are traced, and hands on what became of them. A request that is not sampled costs a look at its
// context and, where it has none, one random number.
import type { ExchangeRecord } from "../observe/exchange_record.ts";
import { type HeadOfTrace, RequestTrace } from "./request_trace.ts";
import type { Sampler } from "./sampler.ts";
import type { Span } from "./span.ts";
import { parseTraceparent } from "./trace_context.ts";

export interface TracerOptions {
  readonly sampler: Sampler;
  /** Takes a span that has ended; never waits. */
  readonly take: (span: Span) => void;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
  /** From 0 to below 1. */
  readonly chance: () => number;
}

/** A request as it came. */
export interface Arrival {
  /** Of the HTTP request. */
  readonly header: string | undefined;
  /** Of the message: `params._meta.traceparent`. */
  readonly meta: string | undefined;
  /** When its head had come: of the clock, and by `performance.now`. */
  readonly startMs: number;
  readonly startedAt: number;
  /** The `tracestate` beside whichever of the two is its parent; asked for only if it is traced. */
  readonly stateOf: (from: "header" | "meta") => string | undefined;
}

/** Random bytes drawn at once: a draw costs more than what an id needs of it. */
const DRAWN = 1024;
/** Longer ones are no list that anybody has to pass on (W3C Trace Context §3.3.1.5). */
const MAX_STATE = 512;

export class Tracer {
  readonly #options: TracerOptions;
  #drawn = "";

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** Whether {@link begin} is to be asked: of most requests it need not be. */
  mayTrace(header: string | undefined, meta: string | undefined): boolean {
    const { sampler, chance } = this.#options;
    if (meta !== undefined) return true;
    return header === undefined ? sampler.rolls(chance) : !sampler.passes(header);
  }

  /** What is traced of a request that {@link mayTrace} lets through; undefined if nothing is. */
  begin(arrival: Arrival): RequestTrace | undefined {
    const { sampler } = this.#options;
    const ofMessage = arrival.meta === undefined ? undefined : parseTraceparent(arrival.meta);
    const ofRequest = arrival.header === undefined ? undefined : parseTraceparent(arrival.header);
    const parent = ofMessage ?? ofRequest;
    // Where a context came that is none, nobody has rolled yet.
    const hasCome = arrival.meta !== undefined || arrival.header !== undefined;
    if (parent === undefined ? hasCome && !sampler.rolls(this.#options.chance) : !sampler.follows(parent)) {
      return undefined;
    }
    const traceId = parent?.traceId ?? sampler.rootId(this.#id(16));
    const state = parent === undefined ? undefined : arrival.stateOf(ofMessage === undefined ? "header" : "meta");
    const { startMs, startedAt } = arrival;
    return new RequestTrace({
      traceId,
      parent,
      link: ofMessage === undefined || ofRequest?.spanId === ofMessage.spanId ? undefined : ofRequest,
      traceState: state !== undefined && state.length <= MAX_STATE && /^[\x20-\x7e]*$/.test(state) ? state : "",
      startMs,
      startedAt,
    }, () => this.#id(8));
  }

  /** The request has ended. */
  end(trace: RequestTrace, record: ExchangeRecord, head: HeadOfTrace): void {
    for (const span of trace.spans(record, head)) this.#options.take(span);
  }

  #id(bytes: number): string {
    for (;;) {
      if (this.#drawn.length < 2 * bytes) this.#drawn = this.#options.random(DRAWN).toHex();
      const id = this.#drawn.slice(0, 2 * bytes);
      this.#drawn = this.#drawn.slice(2 * bytes);
      if (/[^0]/.test(id)) return id;
    }
  }
}
