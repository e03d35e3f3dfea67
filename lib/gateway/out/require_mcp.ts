// Whether what answers at the upstream's address is an MCP server at all. One that is not, most likely because the path
// is wrong, would otherwise show its web page to clients, and nobody who could mend it would hear of it.
import { SignetError } from "../../errors.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { isEventStream, isJson } from "../../http1/wire/fields/media_type.ts";
import { textWithoutMark } from "../../mcp/json/byte_order_mark.ts";
import { parseJson } from "../../platform/json.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { hear } from "../../upstream/http/hear.ts";
import type { GatewayParts } from "../parts.ts";
import { routeWithoutSession } from "./route.ts";

/** Of servers that do not know the path, the method, or what is asked for. */
const UNKNOWN_HERE: ReadonlySet<number> = new Set([404, 405, 410, 501]);

/**
 * The answer to an initialize or to a stateless request, to be used in place of `response`.
 * @throws SignetError `upstream_not_mcp`, with the answer released; HttpError as the body
 */
export async function requireMcp(parts: GatewayParts, response: ClientResponse): Promise<ClientResponse> {
  const { status, fields } = response.head;
  if (!UNKNOWN_HERE.has(status)) return response;
  const heard = await hear(response, SYSTEM_TIMERS);
  const { text, contentType, cut } = heard.refusal;
  // Of what could not be read whole the type has to tell.
  const isMcp = text === undefined || cut ? isJson(fields) || isEventStream(fields) : isJsonRpc(text);
  if (isMcp) return heard.response;
  heard.response.release();
  parts.metrics.lastHandshake = "no MCP server answers at this path";
  throw notMcp(parts, `status ${status} with ${contentType?.slice(0, 100) ?? "no type"} and no JSON-RPC`);
}

/** For the log: what was found; what is wanted is for the operator to know. */
function notMcp(parts: GatewayParts, found: string): SignetError {
  return new SignetError("upstream_not_mcp", {
    facts: {
      attempted: `initialize at ${routeWithoutSession(parts).url}`,
      found,
      wanted: "JSON-RPC, as JSON or as an event stream",
    },
    remedy:
      "Correct the path of --upstream: most MCP servers answer at /mcp. One of the older HTTP+SSE transport is named " +
      "with sse+http:// and its path, such as /sse.",
  });
}

function isJsonRpc(text: string): boolean {
  try {
    const value = parseJson(textWithoutMark(text));
    return [value].flat().some((message) => message?.jsonrpc === "2.0");
  } catch {
    return false;
  }
}
