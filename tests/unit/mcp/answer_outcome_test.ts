// How a call came out is told from its bytes as a parser would tell it, or not at all.
import fc from "fast-check";
import assert from "node:assert/strict";
import { type Outcome, OutcomeReader, readEvents, readOutcome } from "../../../lib/mcp/answer_outcome.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function outcome(): Outcome {
  return { rpcCode: undefined, isError: undefined, outcomeKnown: false };
}

function told(text: string): Outcome {
  const into = outcome();
  readOutcome(encode(text), into);
  return into;
}

const OK: Outcome = { rpcCode: undefined, isError: false, outcomeKnown: true };
const FAILED: Outcome = { rpcCode: undefined, isError: true, outcomeKnown: true };
const code = (rpcCode: number): Outcome => ({ rpcCode, isError: undefined, outcomeKnown: true });

const CASES: readonly [text: string, wanted: Outcome][] = [
  [`{"jsonrpc":"2.0","id":1,"result":{}}`, OK],
  [`{"result":{"content":[{"type":"text","text":"\\"isError\\":true"}]},"jsonrpc":"2.0","id":1}`, OK],
  [`{"result":{"content":[],"isError" : true}}`, FAILED],
  [` {"id":"result","result":{"isError":false,"structuredContent":{"isError":true}}}\n`, OK],
  [`{"jsonrpc":"2.0","id":1,"error":{"message":"no","code":-32602}}`, code(-32602)],
  [`{"error":{"code":7,"data":{"code":8}},"id":null}`, code(7)],
  [`{"method":"notifications/progress","params":{"result":{"isError":true}}}`, outcome()],
  [`{"jsonrpc":"2.0","id":1,"method":"elicitation/create","result":{}}`, outcome()],
  [`[{"jsonrpc":"2.0","id":1,"result":{}}]`, outcome()],
  [`{"resu\\u006ct":{"isError":true}}`, outcome()],
  [`{"result":{"isErro\\u0072":true}}`, outcome()],
  [`{"result":{"content":[{"text":"cut`, outcome()],
  [`{"result":{"content":[]`, outcome()],
  [`{"error":{"code":${"9".repeat(400)},"message":""}}`, outcome()],
  [`{"result":null}`, outcome()],
  [``, outcome()],
  [`<html>`, outcome()],
];

for (const [text, wanted] of CASES) {
  Deno.test(`an answer's outcome is told of ${text.slice(0, 60) || "nothing"}`, () =>
    assert.deepEqual(told(text), wanted));
}

Deno.test("an answer's outcome is the one that JSON.parse finds", () => {
  const member = fc.constantFrom("result", "error", "id", "jsonrpc", "isError", "code", "x");
  const object = fc.dictionary(member, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
  const message = fc.oneof(
    fc.record({ id: fc.integer(), result: fc.record({ content: fc.array(fc.string()), isError: fc.boolean() }) }),
    fc.record({ result: object, id: fc.string() }),
    fc.record({ id: fc.integer(), error: fc.record({ message: fc.string(), code: fc.integer() }) }),
  );
  fc.assert(fc.property(message, fc.constantFrom(undefined, 1), (value, indent) => {
    const into = told(JSON.stringify(value, null, indent));
    if ("error" in value) return assert.equal(into.rpcCode, value.error.code);
    assert.equal(into.outcomeKnown, true);
    assert.equal(into.isError, value.result.isError === true);
  }));
});

const FINAL = `{"jsonrpc":"2.0","id":1,"result":{"isError":true}}`;
const STREAM =
  `: hello\r\n\r\nevent: message\r\nid: 1\r\ndata: {"method":"notifications/message","params":{}}\r\n\r\n` +
  `data:{"jsonrpc":"2.0","id":1,\ndata: "result":{"isError":true}}\n\n`;

Deno.test("an outcome in events is that of the last response, whatever pieces they come in", () => {
  const whole = outcome();
  readEvents(encode(STREAM), whole);
  assert.deepEqual(whole, FAILED);
  const bytes = encode(STREAM);
  fc.assert(fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
    const into = outcome();
    const reader = new OutcomeReader(true, into);
    let from = 0;
    for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
      const piece = bytes.slice(from, to);
      reader.add(piece);
      piece.fill(0);
      from = to;
    }
    reader.end();
    assert.deepEqual(into, FAILED);
  }));
});

Deno.test("an outcome of a body in pieces is told at its end, and not of one that is longer than is looked at", () => {
  const into = outcome();
  const reader = new OutcomeReader(false, into);
  for (const byte of encode(FINAL)) reader.add(Uint8Array.of(byte));
  assert.equal(into.outcomeKnown, false);
  reader.end();
  assert.deepEqual(into, FAILED);
  const long = outcome();
  const other = new OutcomeReader(false, long);
  for (let i = 0; i < 5; i++) other.add(encode(`{"result":{"content":"${"x".repeat(15_000)}`));
  other.end();
  assert.equal(long.outcomeKnown, false);
});

Deno.test("an event that is too long hides no later one's outcome", () => {
  const into = outcome();
  const reader = new OutcomeReader(true, into);
  for (let i = 0; i < 10; i++) reader.add(encode(`data: ${"x".repeat(10_000)}\n`));
  reader.add(encode("\n\n"));
  reader.add(encode(`data: ${FINAL}\n\n`));
  reader.end();
  assert.deepEqual(into, FAILED);
});
