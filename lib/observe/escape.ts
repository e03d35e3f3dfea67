// What may not reach a terminal or a reader of lines as it is: it could forge a line, drive a terminal, or show text in
// another order than it has. One rule, for both log formats and for what commands print (P1).

/**
 * C0, DEL, C1; the line separators U+2028 and U+2029; the bidirectional controls of Unicode (UAX #9, with the marks);
 * the byte order mark; and halves of surrogate pairs, which have no UTF-8. With the flag `u`, a whole pair is one
 * character and not matched.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu;

/** Each unsafe character as `\uXXXX`, which JSON reads back as the character: fit for text and, whole, for JSON. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Each unsafe character as a question mark, for output to people that nothing reads back. */
export function maskUnsafe(text: string): string {
  return text.replace(UNSAFE, "?");
}
