// Several places of a JSON text exchanged at once: what is not exchanged stays byte for byte (docs/behaviour.md A9).
import { joinBytes } from "../../mcp/join_bytes.ts";
import { elementsOf, findMember, type Span } from "../../mcp/json_text.ts";

const encoder = new TextEncoder();

export interface Splice {
  readonly span: Span;
  readonly value: Uint8Array;
}

/** @param splices in any order, none within another */
export function splice(text: Uint8Array, splices: readonly Splice[]): Uint8Array {
  if (splices.length === 0) return text;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { span, value } of [...splices].sort((a, b) => a.span.start - b.span.start)) {
    parts.push(text.subarray(at, span.start), value);
    at = span.end;
  }
  parts.push(text.subarray(at));
  return joinBytes(parts);
}

/** Where the elements of the array at `within` stand; none where it is no array. */
export function elementsIn(text: Uint8Array, within: Span | undefined): Span[] {
  if (within === undefined || text[within.start] !== 0x5b) return [];
  return elementsOf(text.subarray(within.start, within.end))
    .map(({ start, end }) => ({ start: start + within.start, end: end + within.start }));
}

export function isObjectAt(text: Uint8Array, span: Span | undefined): span is Span {
  return span !== undefined && text[span.start] === 0x7b;
}

/** The member of the object at `within`; undefined where that is no object. */
export function memberAt(text: Uint8Array, name: string, within: Span | undefined): Span | undefined {
  return isObjectAt(text, within) ? findMember(text, name, within) : undefined;
}

export function jsonBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(value));
}
