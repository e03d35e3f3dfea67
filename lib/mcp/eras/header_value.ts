// The `=?base64?…?=` form in which MCP 2026-07-28 carries text that no HTTP field value can hold
// (Streamable HTTP, "Value Encoding"). Decodes strictly, and encodes only what has to be.
const PREFIX = "=?base64?";
const SUFFIX = "?=";
const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Visible ASCII, with blanks inside only: what every reader of a field takes for the same (RFC 9110 §5.5). */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isEncoded(value: string): boolean {
  return value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX);
}

/** The text a field value stands for; undefined if it has the encoded form but is no canonical base64 of UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isEncoded(value)) return value;
  const base64 = value.slice(PREFIX.length, -SUFFIX.length);
  if (!CANONICAL.test(base64)) return undefined;
  try {
    return utf8.decode(Uint8Array.fromBase64(base64));
  } catch {
    return undefined;
  }
}

/** A field value that stands for `text`: itself where it can. Lone surrogates, which UTF-8 has not, become U+FFFD. */
export function encodeHeaderValue(text: string): string {
  if (PLAIN.test(text) && !isEncoded(text)) return text;
  return `${PREFIX}${new TextEncoder().encode(text).toBase64()}${SUFFIX}`;
}
