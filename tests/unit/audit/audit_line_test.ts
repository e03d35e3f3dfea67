// G1, G3: whatever an exchange holds, its line is one line of JSON, bounded, and says of each text what it was.
import fc from "fast-check";
import assert from "node:assert/strict";
import { batchWriters, writeEvent, writeExchange } from "../../../lib/audit/audit_line.ts";
import { Chain } from "../../../lib/audit/chain.ts";
import { Verifier } from "../../../lib/audit/verify.ts";
import { ExchangeRecord } from "../../../lib/observe/exchange_record.ts";
import { WrittenBytes } from "../../../lib/platform/memory/written_bytes.ts";
import { sealTexts } from "../../support/audit.ts";

const KEY = { id: "00000001", secret: new Uint8Array(32).fill(1) };

/** What forges a line for some readers, or drives a terminal that shows it (P1). */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** What is written, as text. */
function written(write: (line: WrittenBytes) => void): string {
  const line = new WrittenBytes();
  write(line);
  return new TextDecoder("utf-8", { fatal: true }).decode(line.bytes.subarray(0, line.length));
}

function exchangeLines(record: ExchangeRecord): string[] {
  if (record.batch !== undefined) return batchWriters(record).map(written);
  return [written((line) => writeExchange(line, record))];
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom('","mac":"0123456789abcdef0123456789abcdef"}\n', "\ud800", "\u2028\u0000\n\r", "x".repeat(5000)),
  // CSI as one character, the next line of some readers, and what shows a text in another order.
  fc.constantFrom("\x9b31m", "a\x85b", "\u2029", "\u202egnp.exe", "\u2066\u200f\ufeff\x7f"),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const rpcId = fc.oneof(fc.constant(null), text, fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }));

const fields = fc.record({
  ...{ from: text, userAgent: maybe(text), httpMethod: maybe(text), path: maybe(text), session: maybe(text) },
  ...{ method: maybe(text), name: maybe(text), uri: maybe(text), upstream: maybe(text), member: maybe(text) },
  ...{ rule: maybe(text), limit: maybe(text), traceparent: maybe(text), rpcId },
  lane: fc.constantFrom("fast", "full", "none"),
  actor: maybe(fc.record({ source: text, issuer: text, subject: text, clientId: text })),
  batch: maybe(
    fc.array(fc.record({ method: maybe(text), name: maybe(text), uri: maybe(text), rpcId }), { maxLength: 3 }),
  ),
  ...{ status: fc.nat(599), rpcCode: maybe(fc.maxSafeInteger()), isError: maybe(fc.boolean()) },
  ...{ refusal: maybe(fc.constant("internal")), cutBy: maybe(fc.constant("client")), isStream: fc.boolean() },
  ...{ bytesIn: fc.nat(), bytesOut: fc.nat(), durationMs: fc.double({ min: 0, max: 1e12, noNaN: true }) },
});

Deno.test("G1: any exchange is as many lines as it has messages, each JSON and bounded, and the chain over them holds", async () => {
  const chain = new Chain(KEY);
  const pieces = [sealTexts(chain, ['"event":"audit.start","key":"00000001"'])];
  fc.assert(fc.property(fields, (given) => {
    const record = Object.assign(new ExchangeRecord(1_800_000_000_000, "127.0.0.1"), given);
    const lines = exchangeLines(record);
    assert.equal(lines.length, given.batch === undefined ? 1 : given.batch.length);
    for (const line of lines) {
      assert.equal(UNSAFE.test(line), false, line);
      assert.equal(line.length < 60_000, true);
      const read = JSON.parse(`{${line}}`);
      assert.equal(read.status, given.status);
      assert.equal(read.time, "2027-01-15T08:00:00.000Z");
      assert.equal(read.ms, Math.round(given.durationMs * 100) / 100);
      assert.deepEqual([read.in, read.out], [given.bytesIn, given.bytesOut]);
      if (given.from.length < 500) assert.equal(read.from, given.from.toWellFormed());
    }
    if (lines.length > 0) pieces.push(sealTexts(chain, lines));
  }));
  const verifier = new Verifier([KEY]);
  await verifier.read(
    "log",
    (async function* () {
      for (const piece of pieces) yield await Promise.resolve(piece);
    })(),
  );
  assert.deepEqual(verifier.verdict.problems, []);
});

Deno.test("G1: any event is a line of JSON", () => {
  const event = fc.record({
    ...{
      actor: maybe(fc.record({ source: text, issuer: text, subject: text })),
      session: maybe(text),
      from: maybe(text),
    },
    ...{ reason: maybe(text), what: maybe(text), token: maybe(text), agent: maybe(text), count: maybe(fc.nat()) },
    ok: maybe(fc.boolean()),
  });
  fc.assert(fc.property(event, (given) => {
    const line = written((line) => writeEvent(line, { event: "session.end", atMs: 0, ...given }));
    assert.equal(JSON.parse(`{${line}}`).event, "session.end");
    assert.equal(UNSAFE.test(line), false, line);
  }));
});

Deno.test("G1: a method that is called like something every object has is a request by that name", () => {
  for (const method of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    const record = Object.assign(new ExchangeRecord(0, "127.0.0.1"), { method, httpMethod: "POST" });
    const read = JSON.parse(`{${exchangeLines(record)[0]}}`);
    assert.deepEqual([read.event, read.method], ["request", method]);
  }
});

Deno.test("G3: of an address there is no password in it", () => {
  const record = Object.assign(new ExchangeRecord(0, "127.0.0.1"), {
    method: "resources/read",
    uri: "postgres://user:s3@cret@db/a",
  });
  assert.equal(JSON.parse(`{${exchangeLines(record)[0]!}}`).uri, "postgres://user:…@db/a");
});
