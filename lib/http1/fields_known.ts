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

/** As clients write them: lower-case, and each word with a capital. */
const LOWER_CASE: ReadonlyMap<string, string> = new Map(
  KNOWN.flatMap((name) => [[name, name], [name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()), name]]),
);

/** The lower-case form of `sent`, which must be a token. */
export function lowerCaseName(sent: string): string {
  return LOWER_CASE.get(sent) ?? sent.toLowerCase();
}
