// By which names the admin listener may be reached without a token: a page whose name was made to point here (DNS
// rebinding) comes by a name of its own, and addresses and names of this machine are nobody's to give away.
import { isLoopbackHost } from "../http1/wire/authority.ts";

export interface AdminHostOptions {
  /** Where it listens. */
  readonly hostname: string;
  /** `--admin-allow-host`. */
  readonly allowed: readonly string[];
}

/** Whether a host name, without a port, is one of ours. */
export type HostRule = (hostname: string) => boolean;

export function adminHosts({ hostname, allowed }: AdminHostOptions): HostRule {
  const names = new Set(allowed.map((name) => name.toLowerCase()));
  if (isLoopbackHost(hostname)) return (host) => isLoopbackHost(host) || names.has(host.toLowerCase());
  names.add(hostname.toLowerCase());
  return (host) => isLoopbackHost(host) || isAddress(host) || names.has(host.toLowerCase());
}

/** Whoever asks by address has not been led here by a name. */
function isAddress(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || (host.startsWith("[") && host.endsWith("]"));
}
