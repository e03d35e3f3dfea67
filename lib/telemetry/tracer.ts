// Decides which requests are traced, and hands on what became of them. A request that is not sampled costs a look at its
// context and, where it has none, one random number.
import { detachText } from "../http1/wire/fields/fields.ts";
import type { ExchangeRecord } from "../observe/exchange_record.ts";
import { type HeadOfTrace, RequestTrace } from "./request_trace.ts";
import type { Sampler } from "./sampler.ts";
import type { EndedSpan } from "./span.ts";
import { parseTraceparent, type TraceContext } from "./trace_context.ts";

export interface TracerOptions {
  readonly sampler: Sampler;
  /** Takes a span that has ended; never waits. */
  readonly take: (span: EndedSpan) => void;
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

/** Ids of spans made at once, and half as many of traces: in code that is warm for all but the first. */
const MADE = 64;
const SPAN_DIGITS = 16, TRACE_DIGITS = 32;
const NO_SPAN = "0".repeat(SPAN_DIGITS), NO_TRACE = "0".repeat(TRACE_DIGITS);
/** Longer ones are no list that anybody has to pass on (W3C Trace Context §3.3.1.5). */
const MAX_STATE = 512;

export class Tracer {
  readonly #options: TracerOptions;
  readonly #spanIds: string[] = [];
  readonly #traceIds: string[] = [];

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
    const link = ofMessage === undefined || ofRequest?.spanId === ofMessage.spanId ? undefined : ofRequest;
    const kept = parent && detached(parent);
    // As a field has it: whoever gets one reads no blanks around it.
    const state = parent && arrival.stateOf(ofMessage === undefined ? "header" : "meta")?.trim();
    const { startMs, startedAt } = arrival;
    return new RequestTrace({
      traceId: kept?.traceId ?? this.#newTraceId(),
      parent: kept,
      link: link && detached(link),
      traceState: state !== undefined && state.length <= MAX_STATE && /^[\x20-\x7e]*$/.test(state)
        ? detachText(state)
        : "",
      startMs,
      startedAt,
    }, this.#newSpanId);
  }

  /** The request has ended. */
  end(trace: RequestTrace, record: ExchangeRecord, head: HeadOfTrace): void {
    for (const span of trace.end(record, head)) this.#options.take(span);
  }

  readonly #newSpanId = (): string => {
    if (this.#spanIds.length === 0) this.#make();
    return this.#spanIds.pop()!;
  };

  #newTraceId(): string {
    if (this.#traceIds.length === 0) this.#make();
    return this.#traceIds.pop()!;
  }

  /** Some more of both. An id of zeroes is none (W3C Trace Context §3.2.2.3). */
  #make(): void {
    const { random, sampler } = this.#options;
    while (this.#spanIds.length < MADE || this.#traceIds.length < MADE / 2) {
      const digits = random((MADE * SPAN_DIGITS + (MADE / 2) * TRACE_DIGITS) / 2).toHex();
      let at = 0;
      for (const end = MADE * SPAN_DIGITS; at < end; at += SPAN_DIGITS) {
        const id = digits.slice(at, at + SPAN_DIGITS);
        if (id !== NO_SPAN && this.#spanIds.length < MADE) this.#spanIds.push(id);
      }
      for (; at < digits.length; at += TRACE_DIGITS) {
        const id = digits.slice(at, at + TRACE_DIGITS);
        if (id !== NO_TRACE && this.#traceIds.length < MADE / 2) this.#traceIds.push(sampler.rootId(id));
      }
    }
  }
}

/** Without the head that it came in: spans wait for their batch. */
function detached({ traceId, spanId, sampled }: TraceContext): TraceContext {
  return { traceId: detachText(traceId), spanId: detachText(spanId), sampled };
}
