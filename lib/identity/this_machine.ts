// Which hosts of URLs may be trusted with identities over plain http: this machine by its usual names, and no other address
// of 127.0.0.0/8. What a listener takes for loopback is wider (`isLoopbackHost`).

const NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** @param hostname of a parsed URL: lower-case, IPv6 in brackets */
export function isThisMachine(hostname: string): boolean {
  return NAMES.has(hostname);
}
