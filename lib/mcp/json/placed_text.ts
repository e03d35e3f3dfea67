// A message's text, and where in it its id stands: to find that a long text is walked, once. Whoever exchanges bytes of the
// text is told where the id stands then.
import { replaceSpan } from "./json_splice.ts";
import { findMember, type Span } from "./json_text.ts";

export interface PlacedText {
  readonly text: Uint8Array;
  readonly id: Span;
}

/** Where the id of a message stands that has one. */
export function idSpan(text: Uint8Array): Span {
  return findMember(text, "id")!;
}

/** With the bytes of `span`, which are not the id's, exchanged for `value`. */
export function exchanged({ text, id }: PlacedText, span: Span, value: Uint8Array): PlacedText {
  const by = span.start < id.start ? value.length - (span.end - span.start) : 0;
  return { text: replaceSpan(text, span, value), id: { start: id.start + by, end: id.end + by } };
}
