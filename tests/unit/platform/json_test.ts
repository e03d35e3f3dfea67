// JSON as it is written: V8's own parser takes a name with an escape for another that it has met before.
import fc from "fast-check";
import assert from "node:assert/strict";
import { parseJson, parseObject } from "../../../lib/platform/json.ts";
import { STRICT } from "../../support/strict.ts";

/** Shapes of objects outlast a parse: after these, `{"x":1,"a\"":…}` is one that V8 thinks to know. */
function poison(): void {
  for (const name of ["a", "path", "pat", "", "😀{"]) {
    JSON.parse(JSON.stringify({ x: 1, [`${name}\\`]: 1 }));
    JSON.parse(JSON.stringify({ [`${name}\\`]: 1 }));
    JSON.parse(JSON.stringify({ [`${name}\\u`]: 1 }));
  }
}

Deno.test("a name is read as it is written, whatever names were read before", STRICT, () => {
  poison();
  for (
    const [text, name] of [
      [`{"x":1,"a\\"":2}`, 'a"'],
      [`{"x":1,"pat\\u0068":2}`, "path"],
      [`{"pat\\u0068":2}`, "path"],
      [`{"😀{\\"":2}`, '😀{"'],
      [`{"a\\n" \n\t:2}`, "a\n"],
      [`{"\\"":2}`, '"'],
      [`{"a\\\\":2}`, "a\\"],
      [`{"__proto\\u005f_":2}`, "__proto__"],
    ] as const
  ) {
    const read = parseJson(`[${text}]`)[0];
    assert.deepEqual([Object.keys(read).at(-1), Object.values(read).at(-1)], [name, 2], text);
    assert.equal(Object.getPrototypeOf(read), Object.prototype, text);
  }
});

Deno.test("of a name that stands twice the last counts, at the first one's place", STRICT, () => {
  assert.equal(JSON.stringify(parseJson(`{"\\u0061":1,"b":2,"a":{"c\\"":3}}`)), `{"a":{"c\\"":3},"b":2}`);
});

Deno.test("what is no JSON is refused as ever", STRICT, () => {
  for (const text of ["", `{"a\\"":}`, `{"a\\"":1`, `{"a\\q":1}`, `{"a\\"":1}x`, `"\\"`]) {
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
});

Deno.test("what is nested deeply is read all the same", STRICT, () => {
  const depth = 50_000;
  let read = parseJson(`${`{"a\\"":[`.repeat(depth)}${"]}".repeat(depth)}`);
  for (let level = 0; level < depth; level++) read = read['a"'][0];
  assert.equal(read, undefined);
});

const NAMES = fc.array(fc.constantFrom("a", '"', "\\", "é", "😀", "{", "\n", ":", "u"), { maxLength: 5 }).map((parts) =>
  parts.join("")
);
const { value: VALUES } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(NAMES, fc.integer(), fc.constantFrom(null, true, false, 1.5e300)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(NAMES, tie("value"), { maxKeys: 4 }),
  ),
}));

Deno.test("every value is read as it was written, whatever came before", STRICT, () => {
  poison();
  fc.assert(
    fc.property(VALUES, fc.constantFrom(undefined, 1), (value, indent) => {
      assert.deepEqual(parseJson(JSON.stringify(value, undefined, indent)), structuredClone(value));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("parseObject reads objects alone, and says of all else that it is none", STRICT, () => {
  assert.deepEqual(parseObject('{"a":[1]}'), { a: [1] });
  for (const text of ["", "{", "null", "[]", '[{"a":1}]', '"a"', "1", '{"a":1} {']) {
    assert.equal(parseObject(text), undefined, text);
  }
});
