// What is written by hand is the JSON that OTLP wants, whatever stands in names and values.
import fc from "fast-check";
import assert from "node:assert/strict";
import { encodeSpans, nanos, pointsOf } from "../../../lib/telemetry/otlp_json.ts";
import { type Span, SPAN_KIND } from "../../../lib/telemetry/span.ts";
import { STRICT } from "../../support/strict.ts";

const value = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const attributes = fc.array(fc.tuple(fc.string({ unit: "grapheme" }), value), { maxLength: 5 });
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const span: fc.Arbitrary<Span> = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: fc.oneof(fc.constant(""), hex(16)),
  traceState: fc.string(),
  name: fc.string({ unit: "binary" }),
  kind: fc.constantFrom(SPAN_KIND.server, SPAN_KIND.client),
  startMs: fc.constant(1_764_000_000_000.25),
  endMs: fc.constant(1_764_000_000_001),
  attributes,
  events: fc.array(fc.record({ name: fc.string(), atMs: fc.constant(1), attributes }), { maxLength: 2 }),
  links: fc.array(fc.record({ traceId: hex(32), spanId: hex(16) }), { maxLength: 2 }),
  failed: fc.boolean(),
});

function attributeOf([key, value]: readonly [string, string | number]) {
  if (typeof value === "string") return { key, value: { stringValue: value } };
  // JSON knows no negative zero.
  return { key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}

function wanted(span: Span) {
  const { traceId, spanId, parentSpanId, traceState, name, kind, events, links, failed } = span;
  return {
    ...{ traceId, spanId },
    ...(parentSpanId === "" ? {} : { parentSpanId }),
    ...(traceState === "" ? {} : { traceState }),
    ...{ flags: 1, name, kind, startTimeUnixNano: "1764000000000250000", endTimeUnixNano: "1764000000001000000" },
    attributes: span.attributes.map(attributeOf),
    events: events.map((event) => ({
      ...{ name: event.name, timeUnixNano: "1000000" },
      attributes: event.attributes.map(attributeOf),
    })),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    status: failed ? { code: 2 } : {},
  };
}

Deno.test("spans are the JSON that OTLP wants, whatever stands in them", STRICT, () => {
  const scope = { name: "signet", version: "1" };
  fc.assert(
    fc.property(fc.array(span, { maxLength: 3 }), attributes, (spans, resource) => {
      const parsed = JSON.parse(new TextDecoder().decode(encodeSpans({ resource, scope }, spans)));
      const scopeSpans = [{ scope, spans: spans.map(wanted) }];
      assert.deepEqual(parsed, {
        resourceSpans: [{ resource: { attributes: resource.map(attributeOf) }, scopeSpans }],
      });
    }),
    { numRuns: 300, seed: 7 },
  );
});

Deno.test("a time is in nanoseconds, to the microsecond", STRICT, () => {
  assert.equal(nanos(1_764_000_000_000), "1764000000000000000");
  assert.equal(nanos(1_764_000_000_000.001), "1764000000000001000");
});

Deno.test("a metric has the unit that its name ends with", STRICT, () => {
  const unitOf = (name: string) => pointsOf({ name, help: "", labels: [], type: "gauge", read: () => [] }).unit;
  assert.deepEqual(["a_seconds", "a_seconds_total", "a_bytes", "a_total", "a"].map(unitOf), ["s", "s", "By", "1", "1"]);
});
