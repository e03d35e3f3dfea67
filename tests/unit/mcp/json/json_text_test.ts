// Members of a JSON text found and replaced in place, whatever the text looks like.
import fc from "fast-check";
import assert from "node:assert/strict";
import { flatten, replaceSpan, replaceSpanByNumber, spliced } from "../../../../lib/mcp/json/json_splice.ts";
import {
  elementsOf,
  findMember,
  membersOf,
  namesMemberTwice,
  rewritten,
  stringAt,
  textAt,
} from "../../../../lib/mcp/json/json_text.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function valueOf(text: string, name: string): string | undefined {
  const bytes = encoder.encode(text);
  const span = findMember(bytes, name);
  return span === undefined ? undefined : decoder.decode(bytes.subarray(span.start, span.end));
}

Deno.test("findMember finds the object's own member, not one inside another or in a string", STRICT, () => {
  const cases: [string, string | undefined][] = [
    ['{"id":1}', "1"],
    [' { "id" : "a b" } ', '"a b"'],
    ['{"result":{"id":9,"x":"\\"id\\":8"},"id":7}', "7"],
    ['{"x":"}{][,:\\\\","id":-1.5e3,"y":[{"id":0}]}', "-1.5e3"],
    ['{"\\u0069d":3}', "3"],
    ['{"\\u0069\\u0064":4,"i\\/d":5,"\\nid":6}', "4"],
    ['{"id":1,"id":2}', "2"],
    ['{"Id":1,"i":[["id"]]}', undefined],
    ["{}", undefined],
  ];
  for (const [text, value] of cases) assert.equal(valueOf(text, "id"), value, text);
});

Deno.test("membersOf reads any object as JSON.parse does", STRICT, () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const text = encoder.encode(JSON.stringify(object, null, indent));
      const members = membersOf(text).map(({ name, value }) => [
        name,
        JSON.parse(decoder.decode(text.subarray(value.start, value.end))),
      ]);
      const parsed = Object.entries(JSON.parse(decoder.decode(text)));
      // An object may have no member of its own called __proto__ once it is parsed and spread: compared as pairs.
      assert.deepEqual(members.sort(byName), parsed.sort(byName));
    }),
    { numRuns: 300 },
  );
});

function byName(a: unknown[], b: unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}

Deno.test("rewritten leaves members out and adds others, and not a byte of the rest changes", STRICT, () => {
  const cases: [text: string, added: string[], wanted: string][] = [
    ["{}", [], "{}"],
    ["{}", ['"n":1'], '{"n":1}'],
    ['{"a":1}', [], "{}"],
    ['{"a":1}', ['"n":1', "", '"m":[2]'], '{"n":1,"m":[2]}'],
    [' { "x" : 1.0 ,\n "y":{"a":2} } ', [], '{"x" : 1.0 ,\n "y":{"a":2}}'],
    ['{"x":1, "a":[1,{"b":2}] ,"y":"\\"a\\":3","b":null,"z":[ ]}', [], '{"x":1,"y":"\\"a\\":3","z":[ ]}'],
    ['{"\\u0061":1,"x":2,"a":3,"A":4}', ['"a":5'], '{"x":2,"A":4,"a":5}'],
  ];
  for (const [text, added, wanted] of cases) {
    const bytes = encoder.encode(`[${text}]`);
    const [within] = elementsOf(bytes);
    assert.equal(decoder.decode(rewritten(bytes, within!, { without: ["a", "b"], added })), wanted, text);
  }
  const members = fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "é", "a\n"), fc.jsonValue()), { maxLength: 8 });
  fc.assert(fc.property(members, fc.boolean(), (members, adds) => {
    const written = members.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    const bytes = encoder.encode(`{${written.join(" , ")}}`);
    const out = rewritten(bytes, { start: 0, end: bytes.length }, {
      without: ["a", "b"],
      added: adds ? ['"n":1'] : [],
    });
    const left = members.filter(([name]) => name !== "a" && name !== "b");
    const found = membersOf(out).map((
      { name, value },
    ) => [name, JSON.parse(decoder.decode(out.subarray(value.start, value.end)))]);
    assert.deepEqual(JSON.stringify(found), JSON.stringify(adds ? [...left, ["n", 1]] : left));
  }));
});

Deno.test("replaceSpan changes one value and not a byte besides", STRICT, () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.nat(3), (before, after, indent) => {
      const text = JSON.stringify({ a: before, id: 1, b: after }, null, indent);
      const bytes = encoder.encode(text);
      const replaced = replaceSpan(bytes, findMember(bytes, "id")!, encoder.encode('"new"'));
      assert.equal(decoder.decode(replaced), text.replace(/("id": ?)1/, '$1"new"'));
      assert.deepEqual(bytes, encoder.encode(text), "the original stays");
    }),
    { numRuns: 200 },
  );
});

Deno.test("elementsOf finds the elements of any array", STRICT, () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(3), (array, indent) => {
      const text = encoder.encode(JSON.stringify(array, null, indent));
      const elements = elementsOf(text).map(({ start, end }) => JSON.parse(decoder.decode(text.subarray(start, end))));
      assert.deepEqual(elements, JSON.parse(decoder.decode(text)));
    }),
    { numRuns: 200 },
  );
});

Deno.test("flatten makes one line of a text and changes nothing it says", STRICT, () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = encoder.encode(JSON.stringify(value, null, 2).replaceAll("\n", "\r\n"));
      const flat = decoder.decode(flatten(text));
      assert.doesNotMatch(flat, /[\r\n]/);
      assert.deepEqual(JSON.parse(flat), JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 100 },
  );
});

Deno.test("namesMemberTwice finds a doubled name at any depth and in any spelling, and nothing else", STRICT, () => {
  const cases: [string, boolean][] = [
    ['{"a":1,"a":1}', true],
    [' { "a" : "," , "\\u0061" : 2 } ', true],
    ['[1,{"b":[{"__proto__":1,"__proto__":2}]}]', true],
    ['{"a":{"a":{"a":["a","a"]}},"b":"\\"a\\":1","A":1}', false],
    ['"a"', false],
    ["[".repeat(60) + "]".repeat(60), false],
    ["[".repeat(30_000) + "]".repeat(30_000), true],
  ];
  for (const [text, doubled] of cases) assert.equal(namesMemberTwice(text), doubled, text.slice(0, 80));
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.equal(namesMemberTwice(JSON.stringify(value)), false);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a number in the place of a value, and a string's text, are what JSON.parse reads", STRICT, () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), fc.string({ unit: "binary", maxLength: 600 }), (id, name) => {
      const wellFormed = name.toWellFormed();
      const text = encoder.encode(JSON.stringify({ name: wellFormed, id: "x", after: wellFormed }));
      const span = findMember(text, "name")!;
      assert.equal(stringAt(text, span), wellFormed);
      assert.equal(textAt(text, span), JSON.stringify(wellFormed));
      assert.equal(stringAt(text, findMember(text, "none")), undefined);
      const replaced = replaceSpanByNumber(text, findMember(text, "id")!, id);
      assert.deepEqual(JSON.parse(decoder.decode(replaced)), { name: wellFormed, id, after: wellFormed });
      assert.equal(stringAt(replaced, findMember(replaced, "id")), undefined);
    }),
    { numRuns: 200 },
  );
});

Deno.test("long strings end where JSON ends them, whatever stands in them", STRICT, () => {
  const inside = fc.array(fc.constantFrom("x".repeat(60), '"', "\\", '\\"', "é", "{", ",", "x"), { maxLength: 12 });
  fc.assert(fc.property(inside, inside, (first, second) => {
    const value = { a: first.join(""), b: [second.join(""), { [first.join("")]: second.join("") }], c: 1 };
    const text = encoder.encode(JSON.stringify(value));
    const found = membersOf(text).map((
      { name, value: { start, end } },
    ) => [name, JSON.parse(decoder.decode(text.subarray(start, end)))]);
    assert.deepEqual(Object.fromEntries(found), value);
  }));
});

Deno.test("spliced exchanges spans of any length for bytes as they are and for texts between quotes", STRICT, () => {
  for (const length of [0, 1, 47, 48, 49, 300, 5000]) {
    const long = "x".repeat(length);
    const text = encoder.encode(`{"${long}":1,"b":"old","c":[${"0,".repeat(length)}2],"d":3}`);
    const at = (name: string) => findMember(text, name)!;
    const changes = [
      { span: at("b"), value: `${long}n` },
      { span: at("c"), value: encoder.encode(`"${long}"`) },
      { span: at("d"), value: "" },
    ];
    assert.equal(decoder.decode(spliced(text, changes)), `{"${long}":1,"b":"${long}n","c":"${long}","d":""}`);
    assert.equal(decoder.decode(spliced(text, [{ span: at("b"), value: long }], at("b"))), `"${long}"`);
  }
});
