import assert from "node:assert/strict";
import { canonicalJson } from "../../../lib/envelope/canonical_json.ts";
import { SignetError } from "../../../lib/errors.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("E3: canonicalJson sorts members on every level and puts no blanks", STRICT, () => {
  const value = { b: [1, { z: null, a: true }], a: { d: "x", c: -1.5 } };
  assert.equal(canonicalJson(value), '{"a":{"c":-1.5,"d":"x"},"b":[1,{"a":true,"z":null}]}');
});

Deno.test("E3: canonicalJson keeps the order of arrays", STRICT, () => {
  assert.equal(canonicalJson([3, 1, 2]), "[3,1,2]");
});

Deno.test("E3: canonicalJson sorts members by UTF-16 code units, as the example of RFC 8785 §3.2.3", STRICT, () => {
  const names = ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6"];
  const sorted = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\u{1f600}", "\ufb33"];
  const text = canonicalJson(Object.fromEntries(names.map((name) => [name, 0])));
  assert.equal(text, `{${sorted.map((name) => `${JSON.stringify(name)}:0`).join(",")}}`);
});

Deno.test(
  "E3: canonicalJson sorts names that look like integers as text, whatever the engine's own order",
  STRICT,
  () => {
    assert.equal(canonicalJson({ 9: 0, 10: 0, a: 0 }), '{"10":0,"9":0,"a":0}');
  },
);

Deno.test("E3: canonicalJson keeps a member named __proto__", STRICT, () => {
  const value = JSON.parse('{"b":1,"__proto__":{"y":1,"x":2}}');
  assert.equal(canonicalJson(value), '{"__proto__":{"x":2,"y":1},"b":1}');
});

Deno.test("E3: canonicalJson writes numbers as RFC 8785 §3.2.2.3 does", STRICT, () => {
  assert.equal(canonicalJson([-0, 1e21, 1e-7, 333333333.33333329, 4.50]), "[0,1e+21,1e-7,333333333.3333333,4.5]");
});

Deno.test(
  "E3: canonicalJson leaves out undefined members and writes null for Infinity, as JSON.stringify does",
  STRICT,
  () => {
    assert.equal(canonicalJson({ a: undefined, b: JSON.parse("1e999"), c: NaN }), '{"b":null,"c":null}');
  },
);

Deno.test("E3: canonicalJson keeps lone surrogates apart", STRICT, () => {
  assert.equal(canonicalJson(["\ud800", "\ud801"]), '["\\ud800","\\ud801"]');
});

Deno.test("E3: canonicalJson throws for what JSON cannot hold", STRICT, () => {
  for (const value of [undefined, () => 1, Symbol("s"), 1n]) assert.throws(() => canonicalJson([value]), TypeError);
});

Deno.test("M3: canonicalJson takes 64 levels and refuses the 65th as the client's fault", STRICT, () => {
  const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  assert.equal(canonicalJson(nested(64)).length, 128);
  for (const levels of [65, 100_000]) {
    assert.throws(() => canonicalJson(nested(levels)), (error) => {
      assert(error instanceof SignetError);
      return error.code === "invalid_params" && /64 levels/.test(error.message);
    });
  }
});
