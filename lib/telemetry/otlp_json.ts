// OTLP's requests as JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids in hex, 64-bit integers as text, enums
// as numbers. What is sent is made here and nowhere else.
import type { LogFacts, LogLevel } from "../observe/log.ts";
import type { Family, HistogramState } from "../observe/metrics.ts";
import { WrittenBytes } from "../platform/memory/written_bytes.ts";
import type { Attribute } from "./mcp_conventions.ts";
import type { Span, SpanEvent } from "./span.ts";

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
const IS_TRACE_ID = /^[0-9a-f]{32}$/;
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

const encoder = new TextEncoder();
const ascii = (text: string): Uint8Array => encoder.encode(text);

/** What an attribute of each kind begins with: there are as many as the program has names for. */
interface Beginning {
  readonly string: Uint8Array;
  readonly int: Uint8Array;
  readonly double: Uint8Array;
}

const beginnings = new Map<string, Beginning>();

function beginningOf(key: string): Beginning {
  const known = beginnings.get(key);
  if (known !== undefined) return known;
  const text = `{"key":${JSON.stringify(key)},"value":{`;
  const made = {
    string: ascii(`${text}"stringValue":`),
    int: ascii(`${text}"intValue":"`),
    double: ascii(`${text}"doubleValue":`),
  };
  if (beginnings.size < 256) beginnings.set(key, made);
  return made;
}

const ATTRIBUTES = ascii('"attributes":['), END_VALUE = ascii("}}"), END_INT = ascii('"}}');
const COMMA = 0x2c, CLOSE_LIST = 0x5d, QUOTE = 0x22;

function writeAttributes(into: WrittenBytes, attributes: readonly Attribute[]): void {
  into.put(ATTRIBUTES);
  for (let i = 0; i < attributes.length; i++) {
    const [key, value] = attributes[i]!;
    if (i > 0) into.byte(COMMA);
    const beginning = beginningOf(key);
    if (typeof value === "string") {
      into.put(beginning.string);
      into.json(value);
      into.put(END_VALUE);
    } else if (Number.isSafeInteger(value)) {
      into.put(beginning.int);
      into.number(value);
      into.put(END_INT);
    } else {
      into.put(beginning.double);
      into.text(JSON.stringify(value));
      into.put(END_VALUE);
    }
  }
  into.byte(CLOSE_LIST);
}

const BILLION = 1e9;
const DIGITS_OF_BILLION = [1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1];
const ZERO = 0x30;
const THOUSANDTHS = ascii('000"');

/** As {@link nanos}, and a quote. */
function writeNanos(into: WrittenBytes, ms: number): void {
  const micros = Math.round(ms * 1000);
  const upper = Math.floor(micros / BILLION);
  if (!(upper > 0)) into.text(String(micros));
  else {
    into.number(upper);
    const lower = micros - upper * BILLION;
    for (let i = 0; i < DIGITS_OF_BILLION.length; i++) {
      into.byte(ZERO + ((lower / DIGITS_OF_BILLION[i]!) | 0) % 10);
    }
  }
  into.put(THOUSANDTHS);
}

const TRACE_ID = ascii('{"traceId":"'), SPAN_ID = ascii('","spanId":"'), END_ID = ascii('"}');
const PARENT = ascii('","parentSpanId":"'), STATE = ascii(',"traceState":');
const FLAGS = ascii(`,"flags":${SAMPLED},"name":`), KIND = ascii(',"kind":');
const START = ascii(',"startTimeUnixNano":"'), END = ascii(',"endTimeUnixNano":"');
const EVENTS = ascii(',"events":['), LINKS = ascii('],"links":['), NAME = ascii('{"name":');
const TIME = ascii(',"timeUnixNano":"'), CLOSE_EVENT = 0x7d;
const OK = ascii('],"status":{}}'), FAILED = ascii(`],"status":{"code":${STATUS_ERROR}}}`);

/** Written by hand, as there may be hundreds a second, and as bytes: texts would be made to be encoded and thrown away. */
function writeSpan(into: WrittenBytes, span: Span): void {
  const { parentSpanId, traceState, events, links } = span;
  into.put(TRACE_ID);
  into.text(span.traceId);
  into.put(SPAN_ID);
  into.text(span.spanId);
  if (parentSpanId !== "") {
    into.put(PARENT);
    into.text(parentSpanId);
  }
  into.byte(QUOTE);
  if (traceState !== "") {
    into.put(STATE);
    into.json(traceState);
  }
  into.put(FLAGS);
  into.json(span.name);
  into.put(KIND);
  into.number(span.kind);
  into.put(START);
  writeNanos(into, span.startMs);
  into.put(END);
  writeNanos(into, span.endMs);
  into.byte(COMMA);
  writeAttributes(into, span.attributes);
  into.put(EVENTS);
  for (let i = 0; i < events.length; i++) writeEvent(into, events[i]!, i > 0);
  into.put(LINKS);
  for (let i = 0; i < links.length; i++) writeLink(into, links[i]!, i > 0);
  into.put(span.failed ? FAILED : OK);
}

function writeEvent(into: WrittenBytes, { name, atMs, attributes }: SpanEvent, isFurther: boolean): void {
  if (isFurther) into.byte(COMMA);
  into.put(NAME);
  into.json(name);
  into.put(TIME);
  writeNanos(into, atMs);
  into.byte(COMMA);
  writeAttributes(into, attributes);
  into.byte(CLOSE_EVENT);
}

function writeLink(into: WrittenBytes, { traceId, spanId }: Span["links"][number], isFurther: boolean): void {
  if (isFurther) into.byte(COMMA);
  into.put(TRACE_ID);
  into.text(traceId);
  into.put(SPAN_ID);
  into.text(spanId);
  into.put(END_ID);
}

/** What most spans take, and more: memory that grows is copied. */
const BYTES_A_SPAN = 1536;

export function encodeSpans({ resource, scope }: Sender, spans: readonly Span[]): Uint8Array<ArrayBuffer> {
  const into = new WrittenBytes(BYTES_A_SPAN * (spans.length + 1));
  into.text('{"resourceSpans":[{"resource":{');
  writeAttributes(into, resource);
  into.text(`},"scopeSpans":[{"scope":${JSON.stringify(scope)},"spans":[`);
  for (let i = 0; i < spans.length; i++) {
    if (i > 0) into.byte(COMMA);
    writeSpan(into, spans[i]!);
  }
  into.text("]}]}]}");
  return into.bytes.subarray(0, into.length);
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
    ...(typeof trace === "string" && IS_TRACE_ID.test(trace) ? { traceId: trace } : {}),
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
