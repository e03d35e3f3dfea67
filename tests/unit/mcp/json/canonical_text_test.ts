import fc from "fast-check";
import assert from "node:assert/strict";
import { canonicalText } from "../../../../lib/mcp/json/canonical_text.ts";
import { STRICT } from "../../../support/strict.ts";
import carried from "../../../vectors/carried.json" with { type: "json" };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function canonical(text: string): string {
  return decoder.decode(canonicalText(encoder.encode(text)));
}

for (const { text, canonical: wanted } of carried.canonical) {
  Deno.test(`S1: the canonical text of ${text} is ${wanted}`, STRICT, () => assert.equal(canonical(text), wanted));
}

Deno.test("canonicalText keeps apart what some server reads differently", STRICT, () => {
  const texts = [
    ...["9007199254740993", "9007199254740992", "9007199254740993.0", "0.1", "0.10000000000000000555"],
    ...['"1"', "1", '{"a":1,"a":2}', '{"a":2,"a":1}', '{"a":2}', '["a"]', '"a"', '{"a":null}', "{}", "null"],
  ];
  assert.equal(new Set(texts.map(canonical)).size, texts.length);
});

Deno.test("canonicalText takes nesting as deep as bodies may have", STRICT, () => {
  const text = "[".repeat(128) + "]".repeat(128);
  assert.equal(canonical(text.replaceAll("[", " [ ")), text);
});

Deno.test("canonicalText leaves a long text as it is", STRICT, () => {
  const text = `{ "b":"${"x".repeat(256 * 1024)}","a":1}`;
  assert.equal(canonical(text), text);
});

Deno.test("canonicalText says of a text that looks canonical what it says of any", STRICT, () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    '"a"',
    '"b":',
    '"a":',
    "1",
    "-0",
    "-7",
    "00",
    "1.0",
    "1e3",
    "true",
    "nul",
  ];
  const written = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(sorted(value))),
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((all) => all.join("")).filter(isJson),
    fc.integer({ min: -1 }).map((n) => `[${n}${n}0000${Math.abs(n)}]`).filter(isJson),
  );
  fc.assert(
    fc.property(written, (text) => {
      // With a blank before it no text looks canonical.
      assert.equal(canonical(text), canonical(` ${text}`));
      assert.deepEqual(canonicalText(encoder.encode(canonical(text))), encoder.encode(canonical(text)));
    }),
    { numRuns: 2000 },
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)]));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
