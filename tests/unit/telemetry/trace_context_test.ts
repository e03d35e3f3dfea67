import assert from "node:assert/strict";
import { formatTraceparent, parseTraceparent, TRACEPARENT_LENGTH } from "../../../lib/telemetry/trace_context.ts";
import { STRICT } from "../../support/strict.ts";

const T = "4bf92f3577b34da6a3ce929d0e0e4736", S = "00f067aa0ba902b7";

Deno.test("a traceparent is read as W3C Trace Context has it, of whatever version", STRICT, () => {
  const sampled = { traceId: T, spanId: S, sampled: true };
  assert.deepEqual(parseTraceparent(`00-${T}-${S}-01`), sampled);
  assert.deepEqual(parseTraceparent(`00-${T}-${S}-03`), sampled);
  assert.deepEqual(parseTraceparent(`00-${T}-${S}-00`), { ...sampled, sampled: false });
  assert.deepEqual(parseTraceparent(`cc-${T}-${S}-01`), sampled);
  assert.deepEqual(parseTraceparent(`cc-${T}-${S}-01-what-comes`), sampled);
});

Deno.test("what is no traceparent counts as not there", STRICT, () => {
  const wrong = [
    ...["", "no", `00-${T}-${S}`, `00-${T}-${S}-1`, `00-${T}-${S}-01-more`, `ff-${T}-${S}-01`, `00-${T}-${S}-01 `],
    ...[`00-${T.toUpperCase()}-${S}-01`, `00-${"0".repeat(32)}-${S}-01`, `00-${T}-${"0".repeat(16)}-01`],
    ...[`00-${T}-${S}-0g`, `00_${T}_${S}_01`, `cc-${T}-${S}-01what`, `\n00-${T}-${S}-01`],
  ];
  for (const text of wrong) assert.equal(parseTraceparent(text), undefined, JSON.stringify(text));
});

Deno.test("what is written reads as it was meant", STRICT, () => {
  const text = formatTraceparent(T, S);
  assert.equal(text.length, TRACEPARENT_LENGTH);
  assert.deepEqual(parseTraceparent(text), { traceId: T, spanId: S, sampled: true });
});
