// M6: what is kept of a request while its spans wait is what they tell, and nothing that it came with.
import assert from "node:assert/strict";
import { ExchangeRecord } from "../../../lib/observe/exchange_record.ts";
import { Sampler } from "../../../lib/telemetry/sampler.ts";
import type { EndedSpan } from "../../../lib/telemetry/span.ts";
import { Tracer } from "../../../lib/telemetry/tracer.ts";
import { grownBy } from "../../support/held_memory.ts";
import { STRICT } from "../../support/strict.ts";

const COUNT = 256, LONG = 64 * 1024;

const hex = (at: number, digits: number) => (at + 1).toString(16).padStart(digits, "0");

/** As a parser has them: pieces of the text of a head. */
function headOf(at: number) {
  const traceparent = `00-${hex(at, 32)}-${hex(at, 16)}-01`;
  const texts = [traceparent, `state=${hex(at, 64)}`, `revision-${hex(at, 40)}`, `METHOD-${hex(at, 40)}`];
  const head = new TextDecoder().decode(new TextEncoder().encode(texts.join("") + "p".repeat(LONG)));
  let from = 0;
  return texts.map((text) => head.slice(from, from += text.length));
}

Deno.test("M6: a span that waits keeps none of the head that its context came in", STRICT, () => {
  const spans: EndedSpan[] = [];
  const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
  const sampler = new Sampler({ name: "always_on", ratio: 1 });
  const tracer = new Tracer({ sampler, take: (span) => void spans.push(span), random, chance: () => 0 });
  const grown = grownBy(COUNT, (at) => {
    const [header, state, protocolVersion, httpMethod] = headOf(at);
    const meta = at % 2 === 0 ? undefined : `00-${hex(at, 32)}-${hex(at + 1, 16)}-01`;
    const trace = tracer.begin({ header, meta, startMs: 0, startedAt: 0, stateOf: () => state })!;
    const record = Object.assign(new ExchangeRecord(0, "127.0.0.1"), { httpMethod });
    tracer.end(trace, record, { minorVersion: 1, protocolVersion });
  });
  assert.equal(spans.length, COUNT);
  const { traceId, parentSpanId, traceState, name } = spans[2]!.toSpan();
  assert.deepEqual([traceId, parentSpanId], [hex(2, 32), hex(2, 16)]);
  assert.deepEqual([traceState, name], [`state=${hex(2, 64)}`, `METHOD-${hex(2, 40)}`]);
  assert.ok(grown < COUNT * LONG / 4, `${grown} bytes are held for ${COUNT} spans`);
});
