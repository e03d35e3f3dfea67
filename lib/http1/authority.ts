// Authorities: `host:port` as it stands in URLs and Host fields (RFC 3986 §3.2), and which of them mean this machine.

/** `host:port` with IPv6 addresses in brackets. */
export function formatAuthority(hostname: string, port: number): string {
  return `${hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname}:${port}`;
}

/** `host:port` or `host` → `host`; an IPv6 literal keeps its brackets. */
export function hostOfAuthority(authority: string): string {
  const end = authority.startsWith("[") ? authority.indexOf("]") + 1 : authority.indexOf(":");
  return end > 0 ? authority.slice(0, end) : authority;
}

/** Whether a host name or address can only be this machine; IPv6 with or without brackets, any letter case. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(hostname);
}
