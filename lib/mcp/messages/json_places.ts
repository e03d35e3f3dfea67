// Where things stand in a JSON text whose writer may have put anything in their place: nowhere, where what they should be in
// is nothing of that kind.
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { elementsOf, findMember, type Span } from "../json/json_text.ts";

const decoder = new TextDecoder();
const OPEN_ARRAY = 0x5b, OPEN_OBJECT = 0x7b;

export function isObjectAt(text: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && text[span.start] === OPEN_OBJECT;
}

export function isArrayAt(text: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && text[span.start] === OPEN_ARRAY;
}

/** The member of the object at `within`; undefined where that is no object. */
export function memberAt(text: Uint8Array, name: string, within: Span | undefined): Span | undefined {
  return isObjectAt(text, within) ? findMember(text, name, within) : undefined;
}

/** Where the elements of the array at `within` stand; none where it is no array. */
export function elementsIn(text: Uint8Array, within: Span | undefined): Span[] {
  if (!isArrayAt(text, within)) return [];
  return elementsOf(text.subarray(within.start, within.end))
    .map(({ start, end }) => ({ start: start + within.start, end: end + within.start }));
}

/** What the object at `within` says, small as it is; of what is no object, nothing. */
export function objectAt(text: Uint8Array, { start, end }: Span): JsonObject {
  const value: unknown = parseJson(decoder.decode(text.subarray(start, end)));
  return isJsonObject(value) ? value : {};
}
