// The `=?base64?…?=` form in which MCP 2026-07-28 carries text that no HTTP field value can hold
// (Streamable HTTP, "Value Encoding"). Decodes strictly.
const PREFIX = "=?base64?";
const SUFFIX = "?=";
const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

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
