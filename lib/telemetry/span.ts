// A span that has ended, as it waits to be exported. OpenTelemetry specification, "Tracing API", "Span".
import type { Attribute } from "./mcp_conventions.ts";

/** The numbers are OTLP's. */
export const SPAN_KIND = { server: 2, client: 3 } as const;

export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly atMs: number;
  readonly attributes: readonly Attribute[];
}

/** A span that has ended, told in full only once many are: in code and memory that are warm for all but the first. */
export interface EndedSpan {
  toSpan(): Span;
}

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty at the root. */
  readonly parentSpanId: string;
  /** As it came; empty if none did. */
  readonly traceState: string;
  readonly name: string;
  readonly kind: typeof SPAN_KIND[keyof typeof SPAN_KIND];
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** Whether its status is ERROR: exactly where it has an `error.type`. */
  readonly failed: boolean;
}
