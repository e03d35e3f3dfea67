// OTLP's requests as JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids in hex, 64-bit integers as text, enums
// as numbers. What is sent is made here and nowhere else.
import type { Family, HistogramState } from "../observe/metrics.ts";
import type { LogFacts, LogLevel } from "../observe/log.ts";
import type { Attribute } from "./mcp_conventions.ts";
import type { Span } from "./span.ts";

/** Who sends: of the resource and the instrumentation scope. */
export interface Sender {
  readonly resource: readonly Attribute[];
  readonly scope: { readonly name: string; readonly version: string };
}

/** A line of the log. */
export interface LogEntry {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly facts: LogFacts;
}

/** A metric as OTLP has it: name, and points. */
export interface MetricPoints {
  readonly name: string;
  readonly help: string;
  readonly unit: string;
  readonly kind: "sum" | "gauge" | "histogram";
  readonly points: readonly { readonly attributes: readonly Attribute[]; readonly value: number | HistogramState }[];
}

const SEVERITY: Record<LogLevel, readonly [number: number, text: string]> = {
  debug: [5, "DEBUG"],
  info: [9, "INFO"],
  warn: [13, "WARN"],
  error: [17, "ERROR"],
};
const TRACE_ID = /^[0-9a-f]{32}$/;
const CUMULATIVE = 2, STATUS_ERROR = 2, SAMPLED = 1;

/** Nanoseconds since the epoch, as text; fractions of a microsecond are beyond what is measured. */
export function nanos(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

function valueOf(value: string | number | boolean) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function attributesOf(attributes: readonly (readonly [string, string | number | boolean])[]) {
  return attributes.map(([key, value]) => ({ key, value: valueOf(value) }));
}

function spanOf(span: Span) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === "" ? {} : { parentSpanId: span.parentSpanId }),
    ...(span.traceState === "" ? {} : { traceState: span.traceState }),
    flags: SAMPLED,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs),
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name, atMs, attributes }) => ({
      name,
      timeUnixNano: nanos(atMs),
      attributes: attributesOf(attributes),
    })),
    links: span.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    status: span.failed ? { code: STATUS_ERROR } : {},
  };
}

export function encodeSpans({ resource, scope }: Sender, spans: readonly Span[]): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: attributesOf(resource) },
      scopeSpans: [{ scope, spans: spans.map(spanOf) }],
    }],
  });
}

function logOf({ atMs, level, event, facts }: LogEntry) {
  const [severityNumber, severityText] = SEVERITY[level];
  const known = Object.entries(facts).filter((fact): fact is [string, string | number | boolean] =>
    fact[1] !== undefined
  );
  const { trace } = facts;
  return {
    timeUnixNano: nanos(atMs),
    observedTimeUnixNano: nanos(atMs),
    ...(typeof trace === "string" && TRACE_ID.test(trace) ? { traceId: trace } : {}),
    severityNumber,
    severityText,
    body: { stringValue: event },
    attributes: attributesOf(known.map(([name, value]) => [`signet.${name}`, value] as const)),
  };
}

export function encodeLogs({ resource, scope }: Sender, entries: readonly LogEntry[]): string {
  return JSON.stringify({
    resourceLogs: [{
      resource: { attributes: attributesOf(resource) },
      scopeLogs: [{ scope, logRecords: entries.map(logOf) }],
    }],
  });
}

/** When counting began, and now; ms since the epoch. */
export interface Period {
  readonly startMs: number;
  readonly nowMs: number;
}

function pointOf({ attributes, value }: MetricPoints["points"][number], times: object) {
  const common = { attributes: attributesOf(attributes), ...times };
  if (typeof value === "number") return { ...common, asDouble: value };
  const { bounds, counts, sum } = value;
  return {
    ...common,
    count: String(counts.reduce((total, count) => total + count, 0)),
    sum,
    bucketCounts: counts.map(String),
    explicitBounds: bounds,
  };
}

function metricOf({ name, help, unit, kind, points }: MetricPoints, { startMs, nowMs }: Period) {
  const timeUnixNano = nanos(nowMs);
  const times = kind === "gauge" ? { timeUnixNano } : { startTimeUnixNano: nanos(startMs), timeUnixNano };
  const dataPoints = points
    .filter(({ value }) => typeof value !== "number" || Number.isFinite(value)) // JSON has no infinity
    .map((point) => pointOf(point, times));
  const named = { name, description: help, unit };
  if (kind === "gauge") return { ...named, gauge: { dataPoints } };
  if (kind === "histogram") return { ...named, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
  return { ...named, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
}

export function encodeMetrics({ resource, scope }: Sender, metrics: readonly MetricPoints[], period: Period): string {
  return JSON.stringify({
    resourceMetrics: [{
      resource: { attributes: attributesOf(resource) },
      scopeMetrics: [{ scope, metrics: metrics.map((metric) => metricOf(metric, period)) }],
    }],
  });
}

/** By the ending of a name, as Prometheus has it; UCUM. */
const UNITS: readonly { readonly unit: string; readonly ending: RegExp }[] = [
  { unit: "s", ending: /_seconds(_total)?$/ },
  { unit: "By", ending: /_bytes(_total)?$/ },
];

/** A metric of the page as OTLP has it, under the same name. */
export function pointsOf(family: Family): MetricPoints {
  const { name, help, labels, type } = family;
  const attributed = (values: readonly string[]): Attribute[] => labels.map((label, at) => [label, values[at] ?? ""]);
  return {
    name,
    help,
    unit: UNITS.find(({ ending }) => ending.test(name))?.unit ?? "1",
    kind: type === "counter" ? "sum" : type,
    points: family.read().map(([values, value]) => ({ attributes: attributed(values), value })),
  };
}
