import assert from "node:assert/strict";
import fc from "fast-check";
import { isPlain } from "../../../../lib/gateway/in/body.ts";
import { STRICT } from "../../../support/strict.ts";

const plain = (text: string, maxDepth = 8) => isPlain(new TextEncoder().encode(text), maxDepth);

Deno.test("isPlain lets a message pass when it is one object within the depth cap", STRICT, () => {
  assert.equal(
    plain('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[1,2]}}}'),
    true,
  );
  assert.equal(plain(' \r\n\t{"a":"\\"}{[\\\\"}'), true);
});

Deno.test("isPlain sends a body to the parser when it is a batch, blank, cut or no object", STRICT, () => {
  for (const text of ["", "  ", "[]", '[{"a":1}]', '"x"', "1", '{"a":', '{"a":"', "{}}", '{"a\\'].values()) {
    assert.equal(plain(text), false, text);
  }
});

Deno.test("isPlain sends a body to the parser when it says initialize as a whole string", STRICT, () => {
  assert.equal(plain('{"method":"initialize"}'), false);
  assert.equal(plain('{"method":"initialized"}'), true);
  assert.equal(plain('{"x":"say \\"initialize\\""}'), true);
});

Deno.test("isPlain sends a body to the parser when its method may be initialize, spelt with escapes", STRICT, () => {
  assert.equal(plain('{"method":"\\u0069nitialize"}'), false);
  assert.equal(plain('{"m\\u0065thod":"initialize"}'), false);
  assert.equal(plain('{"method":"initializ\\u0065"}'), false);
  assert.equal(plain('{"id":"\\u0061","method":"tools/call"}'), true);
  assert.equal(plain('{"id":"a\\n","params":{"text":"\\u0069nitialize"}}'), true);
});

Deno.test("isPlain sends a body to the parser when something stands behind the object", STRICT, () => {
  for (const text of ["{}{}", '{"a":1}\n{"b":2}', "{} x", "{}]", "{}\u0000"]) assert.equal(plain(text), false, text);
  assert.equal(plain('{"a":{}} \r\n\t'), true);
});

Deno.test("M3: isPlain sends a body to the parser when it is nested beyond the cap", STRICT, () => {
  const nested = (depth: number) => '{"a":'.repeat(depth - 1) + "{}" + "}".repeat(depth - 1);
  assert.equal(plain(nested(8)), true);
  assert.equal(plain(nested(9)), false);
});

Deno.test("isPlain agrees with JSON on every object: brackets in strings do not count", STRICT, () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()))), (value) => {
      const text = JSON.stringify(value);
      const own = Object.entries(value).flat().filter((member) => typeof member === "string");
      const isEscaped = own.map((member) => JSON.stringify(member)).some((text) =>
        text.length > 16 && text.includes("\\u")
      );
      assert.equal(plain(text, 3), !text.includes('"initialize"') && !isEscaped);
    }),
  );
});
