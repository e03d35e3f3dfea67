// The schema of a tool's result as clients with sessions take it: of an object, always (MCP 2025-11-25, Tools), where a
// stateless server may describe whatever JSON there is (2026-07-28). One that is refused costs such a client the whole list.
// What a schema says crosses to the digit.
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import { encodeJson } from "../json/json_bytes.ts";
import { type Change, spliced } from "../json/json_splice.ts";
import { findMembers, skipValue, type Span, stringAt, textAt, walkArray, walkObject } from "../json/json_text.ts";

/** Keywords whose values are data, and no schemas. */
const DATA: ReadonlySet<string> = new Set(["const", "enum", "default", "examples"]);
/** Keywords whose values hold schemas under names of the author's. */
const NAMED: ReadonlySet<string> = new Set([
  ...["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"],
]);
const REFERENCES: ReadonlySet<string> = new Set(["$ref", "$dynamicRef"]);
/** References further down lead where they led: schemas that are written are not so deep. */
const DEEPEST = 64;

const QUOTE = 0x22, OPEN_ARRAY = 0x5b, OPEN_OBJECT = 0x7b;
const encoder = new TextEncoder();

/**
 * What is no object stands in one then, as its member `result` (`answerForLegacy`). Where a result may be either, the
 * schema takes both forms: so nobody has to remember what the list said when a result comes.
 * @param schema where it stands in `text`, an object
 * @returns undefined for a schema that such clients take as it is
 */
export function outputSchemaForLegacy(text: Uint8Array, schema: Span): Uint8Array | undefined {
  const [type, $schema] = findMembers(text, ["type", "$schema"], schema);
  const named = stringAt(text, type);
  if (named === "object") return undefined;
  const dialect = stringAt(text, $schema) === undefined ? "" : `"$schema":${textAt(text, $schema!)},`;
  if (type !== undefined && !listsObject(text, type)) {
    return joinBytes([
      encoder.encode(`{${dialect}"type":"object","properties":{"result":`),
      moved(text, schema, "#/properties/result"),
      encoder.encode('},"required":["result"]}'),
    ]);
  }
  const it = '{"$ref":"#/$defs/result"}';
  const either = `[${it},{"properties":{"result":${it}},"required":["result"]}]`;
  return joinBytes([
    encoder.encode(`{${dialect}"type":"object","anyOf":${either},"$defs":{"result":`),
    moved(text, schema, "#/$defs/result"),
    encoder.encode("}}"),
  ]);
}

/** Whether a `type` is a list of several, of which an object is one. */
function listsObject(text: Uint8Array, { start }: Span): boolean {
  let isListed = false;
  if (text[start] !== OPEN_ARRAY) return isListed;
  walkArray(text, start, (at) => {
    const end = skipValue(text, at);
    isListed ||= stringAt(text, { start: at, end }) === "object";
    return end;
  });
  return isListed;
}

/** The same schema at another place of its document: what it says of its own parts leads there (JSON Schema 2020-12, §8.2). */
function moved(text: Uint8Array, schema: Span, to: string): Uint8Array {
  const changes: Change[] = [];
  moveIn(text, { start: schema.start, levels: DEEPEST, to, changes });
  return spliced(text, changes, schema);
}

interface Moving {
  readonly start: number;
  readonly levels: number;
  readonly to: string;
  /** Grow in the order of the text. */
  readonly changes: Change[];
  /** Whether the members of the object are schemas, and not keywords. */
  readonly isNames?: boolean;
}

/** @returns where the value ends */
function moveIn(text: Uint8Array, { start, levels, isNames = false, ...on }: Moving): number {
  const within = (at: number, named = false) => moveIn(text, { ...on, start: at, levels: levels - 1, isNames: named });
  if (levels === 0) return skipValue(text, start);
  if (text[start] === OPEN_ARRAY) return walkArray(text, start, (at) => within(at));
  if (text[start] !== OPEN_OBJECT) return skipValue(text, start);
  const { changes, to } = on;
  const before = changes.length;
  let isOther = false;
  const end = walkObject(text, start, (keyStart, keyEnd, at) => {
    if (isNames) return within(at);
    const name = stringAt(text, { start: keyStart, end: keyEnd })!;
    if (DATA.has(name)) return skipValue(text, at);
    if (text[at] !== QUOTE) return within(at, NAMED.has(name));
    const behind = skipValue(text, at);
    const value = stringAt(text, { start: at, end: behind })!;
    if (name === "$id") isOther ||= !value.startsWith("#");
    if (REFERENCES.has(name) && (value === "#" || value.startsWith("#/"))) {
      changes.push({ span: { start: at, end: behind }, value: encodeJson(to + value.slice(1)) });
    }
    return behind;
  });
  // From here on references were about another document.
  if (isOther) changes.length = before;
  return end;
}
