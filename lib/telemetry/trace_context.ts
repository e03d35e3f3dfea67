// W3C Trace Context: a `traceparent` read and written. https://www.w3.org/TR/trace-context/ §3.2; what is not valid counts
// as not there. `tracestate` and `baggage` cross as they came and are not read.

export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero: of the span that is the parent. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Characters of one of version 00, which every later one begins with. */
export const TRACEPARENT_LENGTH = 55;

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32), NO_SPAN = "0".repeat(16);

/** @returns undefined for what is none */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = FORM.exec(text) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId: traceId!, spanId: spanId!, sampled: (parseInt(flags!, 16) & 1) === 1 };
}

/** That of a sampled span. */
export function formatTraceparent(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-01`;
}
