// Schemas of results for clients with sessions: legal there, and true of what such a client is given.
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv-provider.js";
import assert from "node:assert/strict";
import { outputSchemaForLegacy } from "../../../../lib/mcp/lists/output_schema.ts";
import type { JsonObject } from "../../../../lib/platform/json.ts";

/** The schema as such clients get it, and its own text. */
function changedText(schema: string): string | undefined {
  const text = new TextEncoder().encode(`[${schema}]`);
  const changed = outputSchemaForLegacy(text, { start: 1, end: text.length - 1 });
  return changed && new TextDecoder().decode(changed);
}

function changedOf(schema: JsonObject): JsonObject | undefined {
  const text = changedText(JSON.stringify(schema));
  return text === undefined ? undefined : JSON.parse(text);
}

/** As `answerForLegacy` gives it. */
function given(result: unknown): unknown {
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result);
  return isObject ? result : { result };
}

const NODE = { type: "object", properties: { next: { $ref: "#/$defs/node" } }, additionalProperties: false };

/** A schema, results that it takes, and some that it does not. */
const CASES: readonly (readonly [name: string, schema: JsonObject, good: unknown[], bad: unknown[]])[] = [
  ["a list", { type: "array", items: { type: "integer" } }, [[], [1]], [["a"], 1, null, { a: 1 }]],
  ["what may be nothing", { type: ["string", "null"] }, ["a", null], [1, ["a"]]],
  ["an object or nothing", { type: ["object", "null"], required: ["a"] }, [{ a: 1 }, null], [{ b: 1 }, 7]],
  ["one of several", { anyOf: [{ type: "object", required: ["a"] }, { type: "number" }] }, [{ a: 1 }, 2], [{}, "a"]],
  ["anything", {}, [{ a: 1 }, 1, null, []], []],
  ["a part of itself", { type: "array", items: { $ref: "#/$defs/node" }, $defs: { node: NODE } }, [[{}], [
    { next: { next: {} } },
  ]], [[{ next: { other: 1 } }], [1]]],
  ["itself", { oneOf: [{ type: "null" }, { type: "array", items: { $ref: "#" } }] }, [null, [[null]], []], [1, [1]]],
  [
    "itself, as an object",
    {
      oneOf: [{ type: "null" }, { type: "object", additionalProperties: { $ref: "#" } }],
    },
    [null, {}, { a: { b: null } }],
    [1, { a: 1 }],
  ],
  ["a reference that is data", { type: "array", items: { const: { $ref: "#/items" } } }, [[{ $ref: "#/items" }]], [[{
    $ref: "#/properties/result/items",
  }]]],
  [
    "members called like keywords",
    {
      type: "array",
      items: { type: "object", properties: { $ref: { type: "string" }, enum: { $ref: "#/$defs/n" } } },
      $defs: { n: { type: "number" } },
    },
    [[{ $ref: "#/x", enum: 1 }]],
    [[{ enum: "a" }]],
  ],
  [
    "a document of its own",
    {
      $id: "https://schemas.example/list",
      type: "array",
      items: { $ref: "#/$defs/n" },
      $defs: { n: { type: "number" } },
    },
    [[1]],
    [["a"]],
  ],
];

for (const [name, schema, good, bad] of CASES) {
  Deno.test(`outputSchemaForLegacy takes ${name} as a client with a session is given it`, () => {
    const changed = changedOf(schema)!;
    assert.equal(changed.type, "object");
    // As the official client does, which refuses a whole list for one schema that it cannot compile.
    const validate = new AjvJsonSchemaValidator().getValidator(structuredClone(changed));
    for (const result of good) assert.equal(validate(given(result)).valid, true, JSON.stringify(result));
    for (const result of bad) assert.equal(validate(given(result)).valid, false, JSON.stringify(result));
  });
}

Deno.test("outputSchemaForLegacy leaves the schema of an object as it is", () => {
  assert.equal(changedOf({ type: "object", properties: { a: { $ref: "#" } } }), undefined);
});

/** A text that no `JSON.stringify` writes. */
const EXACT = '"maximum":9007199254740993,"minimum":-0,"a":1.0,"b":1e400,"c":1,"c":2,"\\u0064":"\\ud800"';

Deno.test("outputSchemaForLegacy leaves what a schema says as it is written", () => {
  assert.equal(
    changedText(`{"type":"integer",${EXACT}}`),
    `{"type":"object","properties":{"result":{"type":"integer",${EXACT}}},"required":["result"]}`,
  );
  const changed = changedText(`{${EXACT},"anyOf":[{"$ref":"#/$defs/n"},{"$ref":"#/x","default":{"$ref":"#"}}]}`)!;
  assert.ok(changed.includes(EXACT), changed);
  assert.ok(
    changed.includes('{"$ref":"#/$defs/result/$defs/n"},{"$ref":"#/$defs/result/x","default":{"$ref":"#"}}'),
    changed,
  );
});
