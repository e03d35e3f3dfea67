// The schema of a tool's result as clients with sessions take it: of an object, always (MCP 2025-11-25, Tools), where a
// stateless server may describe whatever JSON there is (2026-07-28). One that is refused costs such a client the whole list.
import { isJsonObject, type JsonObject } from "./json_rpc.ts";

/** Keywords whose values are data, and no schemas. */
const DATA: ReadonlySet<string> = new Set(["const", "enum", "default", "examples"]);
/** Keywords whose values hold schemas under names of the author's. */
const NAMED: ReadonlySet<string> = new Set([
  ...["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"],
]);
const REFERENCES: ReadonlySet<string> = new Set(["$ref", "$dynamicRef"]);

/**
 * What is no object stands in one then, as its member `result` (`answerForLegacy`). Where a result may be either, the
 * schema takes both forms: so nobody has to remember what the list said when a result comes.
 * @returns undefined for a schema that such clients take as it is
 */
export function outputSchemaForLegacy(schema: JsonObject): JsonObject | undefined {
  const { type, $schema } = schema;
  if (type === "object") return undefined;
  const dialect = typeof $schema === "string" ? { $schema } : {};
  const within = (result: unknown) => ({ properties: { result }, required: ["result"] });
  const mayBeObject = type === undefined || (Array.isArray(type) && type.includes("object"));
  if (!mayBeObject) return { ...dialect, type: "object", ...within(moved(schema, "#/properties/result")) };
  const it = { $ref: "#/$defs/result" };
  const $defs = { result: moved(schema, it.$ref) };
  return { ...dialect, type: "object", anyOf: [it, within(it)], $defs };
}

/** The same schema at another place of its document: what it says of its own parts leads there (JSON Schema 2020-12, §8.2). */
function moved(node: unknown, to: string, isNames = false): unknown {
  if (Array.isArray(node)) return node.map((one) => moved(one, to));
  if (!isJsonObject(node)) return node;
  // From here on references are about another document.
  if (!isNames && typeof node.$id === "string" && !node.$id.startsWith("#")) return node;
  const member = (name: string, value: unknown): unknown => {
    if (isNames) return moved(value, to);
    if (DATA.has(name)) return value;
    if (!REFERENCES.has(name) || typeof value !== "string") return moved(value, to, NAMED.has(name));
    return value === "#" || value.startsWith("#/") ? to + value.slice(1) : value;
  };
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, member(name, value)]));
}
