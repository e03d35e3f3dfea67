// What may not reach a terminal or a reader of lines as it is: it could forge a line, drive a terminal, show text in another
// order than it has, or make two names look like one. One rule, for both log formats, for what commands print, and for the
// page, which has it in a copy of its own (admin/page/dom.js) (P1).

/**
 * C0, DEL, C1; the line separators U+2028 and U+2029; halves of surrogate pairs, which have no UTF-8; and whatever shows as
 * nothing (Default_Ignorable_Code_Point of Unicode): bidirectional controls, the byte order mark, blanks without width, tags.
 * Of these a joiner and the selector of a picture stay where they make an emoji. With the flag `u`, a whole pair is one
 * character.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}])\ufe0f|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}]\ufe0f?)\u200d|\u200d(?!\p{Extended_Pictographic})|(?![\ufe0f\u200d])\p{Default_Ignorable_Code_Point}/gu;

/** Each unsafe character as `\uXXXX`, which JSON reads back as the character: fit for text and, whole, for JSON. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, escapeUnits);
}

/** One beyond U+FFFF as the pair that JSON has for it. */
function escapeUnits(character: string): string {
  let escaped = "";
  for (let at = 0; at < character.length; at++) {
    escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
