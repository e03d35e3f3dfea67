// Authorities: `host:port` as it stands in URLs and Host fields (RFC 3986 §3.2), and which of them mean this machine.

/** `host:port` with IPv6 addresses in brackets. */
export function formatAuthority(hostname: string, port: number): string {
  return `${formatHost(hostname)}:${port}`;
}

/** As it stands in a URL: an IPv6 address in brackets, which it may have already. */
export function formatHost(hostname: string): string {
  return hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
}

/** `host:port` or `host` → `host`; an IPv6 literal keeps its brackets. What is neither is returned as it is. */
export function hostOfAuthority(authority: string): string {
  return /^(\[[^\]]*\]|[^:[\]]*)(?::\d*)?$/.exec(authority)?.[1] ?? authority;
}

/** Whether a host name or address can only be this machine; IPv6 with or without brackets, any letter case. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(hostname);
}
