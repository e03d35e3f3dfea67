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

/** Longer ones are no list that anybody has to pass on (W3C Trace Context §3.3.1.5). */
const MAX_STATE = 512;

export class Tracer {
  readonly #options: TracerOptions;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  /** What is traced of a request; undefined if nothing is. */
  begin(arrival: Arrival): RequestTrace | undefined {
    const { sampler } = this.#options;
    const ofMessage = arrival.meta === undefined ? undefined : parseTraceparent(arrival.meta);
    const ofRequest = arrival.header === undefined ? undefined : parseTraceparent(arrival.header);
    const parent = ofMessage ?? ofRequest;
    const traceId = parent === undefined
      ? sampler.begin(this.#options.chance, () => this.#id(16))
      : sampler.follows(parent)
      ? parent.traceId
      : undefined;
    if (traceId === undefined) return undefined;
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
      const id = this.#options.random(bytes).toHex();
      if (/[^0]/.test(id)) return id;
    }
  }
}
