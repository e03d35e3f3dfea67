// Redirects of a server (P6). One that stays with the same server and keeps method and body is followed, once; any other
// is refused: a client that followed it would talk to the server itself, with no session of ours and nobody to guard it.
import { SignetError } from "../../errors.ts";
import type { ResponseHead } from "../../http1/types.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import { redactPath, redactUrl } from "../../observe/redact.ts";

/** RFC 9110 §15.4.8, §15.4.9: the server has not processed the request, and wants it again as it is. */
const KEEPS_THE_REQUEST: ReadonlySet<number> = new Set([307, 308]);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

export function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

/**
 * Path and query to ask for in place of `target`; undefined if the answer leads anywhere else.
 * @param base scheme and authority of the server, such as `http://host:port`
 */
export function redirectTarget(base: string, target: string, head: ResponseHead): string | undefined {
  const location = fieldValue(head.fields, "location");
  if (!KEEPS_THE_REQUEST.has(head.status) || location === undefined) return undefined;
  const from = URL.parse(target, base);
  const to = from === null ? null : URL.parse(location, from);
  if (from === null || to === null || !isSameServer(from, to)) return undefined;
  const wanted = to.pathname + to.search;
  return wanted === target ? undefined : wanted;
}

/**
 * The request goes over the same connections whatever the address says, so a server behind a proxy that ends TLS may
 * call itself `http:`.
 */
function isSameServer(from: URL, to: URL): boolean {
  if (!(to.protocol in DEFAULT_PORTS) || to.username !== "" || to.password !== "") return false;
  if (from.hostname !== to.hostname) return false;
  if (from.protocol === to.protocol) return from.port === to.port;
  return from.port === "" && to.port === "";
}

/** What is told of a redirect that is not followed. The client gets no address. */
export function refuseRedirect({ status, fields }: ResponseHead): SignetError {
  const to = URL.parse(fieldValue(fields, "location") ?? "", "http://same-server");
  const led = to === null ? "no address" : to.hostname === "same-server" ? redactPath(to.pathname) : redactUrl(to.href);
  return new SignetError("upstream_invalid", {
    publicMessage: "Bad gateway: the MCP server answers with a redirect",
    facts: { attempted: "send a request to the MCP server", found: `status ${status} to ${led}` },
    remedy: "Set --upstream to the address at which the MCP server itself answers.",
  });
}
