// OTLP's requests as JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids in hex, 64-bit integers as text, enums
// as numbers. What is sent is made here and nowhere else.
import type { LogFacts, LogLevel } from "../observe/log.ts";
import type { Family, HistogramState } from "../observe/metrics.ts";
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

/** What stands in JSON as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** What each attribute begins with: there are as many as the program has names for. */
const beginnings = new Map<string, string>();

function beginningOf(key: string): string {
  const known = beginnings.get(key);
  if (known !== undefined) return known;
  const text = `{"key":${JSON.stringify(key)},"value":{`;
  if (beginnings.size < 256) beginnings.set(key, text);
  return text;
}

function attributesText(attributes: readonly Attribute[]): string {
  let text = "";
  for (let i = 0; i < attributes.length; i++) {
    const [key, value] = attributes[i]!;
    if (i > 0) text += ",";
    text += beginningOf(key);
    if (typeof value === "string") text += `"stringValue":${quoted(value)}}}`;
    else if (Number.isSafeInteger(value)) text += `"intValue":"${value}"}}`;
    else text += `"doubleValue":${JSON.stringify(value)}}}`;
  }
  return `[${text}]`;
}

/**
 * Written by hand, as there may be hundreds a second: a tree of objects for `JSON.stringify` would cost three times as
 * much as the text.
 */
function spanText(span: Span): string {
  const { traceId, spanId, parentSpanId, traceState, name, kind, startMs, endMs } = span;
  const parent = parentSpanId === "" ? "" : `,"parentSpanId":"${parentSpanId}"`;
  const state = traceState === "" ? "" : `,"traceState":${quoted(traceState)}`;
  const events = span.events.map((event) =>
    `{"name":${quoted(event.name)},"timeUnixNano":"${nanos(event.atMs)}",` +
    `"attributes":${attributesText(event.attributes)}}`
  );
  const links = span.links.map((link) => `{"traceId":"${link.traceId}","spanId":"${link.spanId}"}`);
  return `{"traceId":"${traceId}","spanId":"${spanId}"${parent}${state},"flags":${SAMPLED},"name":${quoted(name)},` +
    `"kind":${kind},"startTimeUnixNano":"${nanos(startMs)}","endTimeUnixNano":"${nanos(endMs)}",` +
    `"attributes":${attributesText(span.attributes)},"events":[${events.join(",")}],"links":[${links.join(",")}],` +
    `"status":${span.failed ? `{"code":${STATUS_ERROR}}` : "{}"}}`;
}

export function encodeSpans({ resource, scope }: Sender, spans: readonly Span[]): string {
  return `{"resourceSpans":[{"resource":{"attributes":${attributesText(resource)}},"scopeSpans":[{"scope":` +
    `${JSON.stringify(scope)},"spans":[${spans.map(spanText).join(",")}]}]}]}`;
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
