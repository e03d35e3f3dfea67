// Where commands find the admin listener of a running Signet: the address it was given, or a URL.
import { formatAddress, httpUrl, isWildcard, type ListenAddress, listenAddress } from "./addresses.ts";
import { type Kind, unfit } from "./kinds.ts";

/** An address that can be dialled where a listener is bound to all. */
export function dialled({ hostname, port }: ListenAddress): string {
  if (!isWildcard(hostname)) return formatAddress({ hostname, port });
  return formatAddress({ hostname: hostname === "::" ? "::1" : "127.0.0.1", port });
}

/** Where a running Signet's admin listener is reached: its address, or a URL. Gives the URL, without a path. */
export const adminUrl: Kind<string> = {
  metavar: "HOST:PORT|URL",
  parse(text) {
    if (!text.includes("://")) {
      const parsed = listenAddress.parse(text);
      if (!("value" in parsed)) return unfit(parsed.problem, "Write the address `signet serve` was given, or its URL.");
      if (parsed.value.port === 0) return unfit("port 0 cannot be asked", "Write the port that `signet serve` shows.");
      return { value: `http://${dialled(parsed.value)}` };
    }
    const parsed = httpUrl.parse(text);
    if (!("value" in parsed)) return parsed;
    const url = new URL(parsed.value);
    if (url.pathname === "/" && url.search === "") return { value: url.origin };
    return unfit("the URL has a path or a query", "Write scheme, host and port only, such as http://127.0.0.1:9090.");
  },
  format: (value) => value,
};
