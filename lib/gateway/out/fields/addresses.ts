// Response fields that could lead a client past Signet, to the server itself: none of them leaves (P6, docs/protocol.md
// 2).

/**
 * Fields whose value is an address, or whose purpose is to name one (RFC 9110, RFC 8288, RFC 7838, HTML, Reporting
 * API).
 */
export const CARRIES_AN_ADDRESS: readonly string[] = [
  "location",
  "content-location",
  "content-base",
  "uri",
  "refresh",
  "link",
  "alt-svc",
  "alt-used",
  "sourcemap",
  "x-sourcemap",
  "speculation-rules",
  "report-to",
  "reporting-endpoints",
  "nel",
  "expect-ct",
  "x-accel-redirect",
  "x-sendfile",
];

/**
 * How the upstream is called in whatever field names it all the same. Undefined for a name that ordinary words could
 * hold, and for what has no address that anybody could use.
 */
export function nameToHide(url: string): string | undefined {
  const host = URL.parse(url)?.host;
  return host !== undefined && /[.:]/.test(host) ? host : undefined;
}
