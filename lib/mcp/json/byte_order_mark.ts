// The byte order mark that some servers write before what they say: an event stream may begin with one (WHATWG HTML §9.2.5),
// JSON may not (RFC 8259 §8.1), and whoever reads either passes over it (docs/behaviour.md B8, P6).

/** In UTF-8. */
export const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];

/** How many bytes of it there are at the beginning: all or none. */
export function markLength(bytes: Uint8Array): number {
  // Most bytes begin otherwise, and every line of a server's is asked.
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** What stands behind it. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  const length = markLength(bytes);
  return length === 0 ? bytes : bytes.subarray(length);
}

/** The same of a text that was decoded with it. */
export function textWithoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}
