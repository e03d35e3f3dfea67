// What a line of a peer is taken for (docs/behaviour.md B8).
import assert from "node:assert/strict";
import { isRpc, ownIdOf, readLine } from "../../../../lib/bridge/peer/peer_line.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();

Deno.test("B8: a BOM is no part of a line, and a carriage return in it is a blank", STRICT, () => {
  const read = readLine(encoder.encode('\ufeff{"a":\r1}'))!;
  assert.deepEqual(read.value, { a: 1 });
  assert.equal(new TextDecoder().decode(read.text), '{"a": 1}');
  assert.equal(readLine(encoder.encode("\ufeff")), undefined);
  assert.equal(readLine(encoder.encode('{"a":')), undefined);
});

Deno.test("B8: text and value say the same where bytes are not UTF-8", STRICT, () => {
  const bytes = Uint8Array.from([...encoder.encode('{"a":"'), 0xed, 0xa0, 0x80, 0xff, ...encoder.encode('"}')]);
  const { text, value } = readLine(bytes)!;
  assert.deepEqual(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)), value);
  assert.match((value as { a: string }).a, /^\ufffd+$/);
});

Deno.test("B8: an id of this process's is known as a number and as text", STRICT, () => {
  const cases: [unknown, number | undefined][] = [
    [3, 3],
    ["3", 3],
    ["03", 3],
    ["x3", undefined],
    ["", undefined],
    ["3.0", undefined],
    [null, undefined],
    [{}, undefined],
    ["9".repeat(30), undefined],
  ];
  for (const [id, own] of cases) assert.equal(ownIdOf(id), own, JSON.stringify(id));
});

Deno.test("B8: JSON-RPC 2.0 alone is a message", STRICT, () => {
  for (const value of [null, 1, "x", [], {}, { jsonrpc: "1.0" }, { jsonrpc: 2 }]) assert.equal(isRpc(value), false);
  assert.equal(isRpc({ jsonrpc: "2.0" }), true);
});
