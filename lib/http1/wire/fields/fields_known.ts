// The lower-case form of field names as sent, found without a conversion for those one meets. RFC 9110 §5.1.
// The table is fixed, so no sender can make it grow.

const KNOWN = [
  "accept",
  "accept-encoding",
  "accept-language",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "age",
  "authorization",
  "baggage",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "forwarded",
  "host",
  "keep-alive",
  "last-event-id",
  "last-modified",
  "location",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "origin",
  "pragma",
  "priority",
  "referer",
  "retry-after",
  "sec-fetch-dest",
  "sec-fetch-mode",
  "sec-fetch-site",
  "server",
  "set-cookie",
  "strict-transport-security",
  "te",
  "traceparent",
  "tracestate",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
  "x-accel-buffering",
  "x-content-type-options",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-powered-by",
  "x-real-ip",
  "x-request-id",
];

const COMMON: ReadonlySet<string> = new Set(KNOWN);

/** Whether `name` is one of the table, and so a lower-case token. */
export function isCommonName(name: string): boolean {
  return COMMON.has(name);
}

const SLOTS = 1024;

/** Open addressing: a name stands in the slot of its hash or the next free one. */
const TABLE: (string | undefined)[] = new Array(SLOTS).fill(undefined);
for (const name of KNOWN) {
  let slot = hash(name, 0, name.length);
  while (TABLE[slot] !== undefined) slot = (slot + 1) % SLOTS;
  TABLE[slot] = name;
}

/** Length and three letters in any case; a wrong guess is found out by comparing. */
function hash(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start) | 0x20;
  const middle = text.charCodeAt((start + end) >> 1) | 0x20;
  const last = text.charCodeAt(end - 1) | 0x20;
  return ((end - start) * 37 + first * 7 + middle * 17 + last * 131) % SLOTS;
}

/** Whether `known` stands in `text` at `start`, in any case. Both are tokens, where `| 0x20` confuses letters only. */
function matches(known: string, text: string, start: number): boolean {
  for (let i = 0; i < known.length; i++) {
    if ((text.charCodeAt(start + i) | 0x20) !== known.charCodeAt(i)) return false;
  }
  return true;
}

/** The lower-case form of the token that stands in `text` from `start` to `end`. */
export function lowerCaseName(text: string, start: number, end: number): string {
  let slot = hash(text, start, end);
  let known = TABLE[slot];
  while (known !== undefined) {
    if (known.length === end - start && matches(known, text, start)) return known;
    slot = (slot + 1) % SLOTS;
    known = TABLE[slot];
  }
  return text.slice(start, end).toLowerCase();
}
