// 202 is for what needs no answer. A request that gets one would leave its client waiting until its own time-out
// (PROTOCOL.md 10), so it is refused here, where somebody can be told why.
import { SignetError } from "../../errors.ts";
import { type Bytes, ownBytes } from "../../http1/wire/borrowed.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { type Parsed, parseMessage, type RpcMessage } from "../../mcp/json_rpc.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/**
 * Looks at the body only if the upstream has answered 202: then it is nearly always a notification, and short.
 * @throws SignetError `upstream_invalid`, with the answer released
 */
export function requireAnswer(
  parts: GatewayParts,
  asked: { readonly inbound: Inbound; readonly body: Bytes | undefined },
  response: ClientResponse,
): void {
  if (response.head.status !== 202 || asked.body === undefined) return;
  const request = requestIn(parse(ownBytes(asked.body), parts.options.maxJsonDepth));
  if (request === undefined) return;
  asked.inbound.rpcId = request.id;
  response.release();
  throw new SignetError("upstream_invalid", {
    facts: { found: "202 in answer to a request" },
    remedy: "the upstream must answer requests with a JSON-RPC response, as JSON or as an event stream",
  });
}

/** Undefined for what the parser refuses: the upstream's word on it stands. */
function parse(body: Uint8Array, maxDepth: number): Parsed | undefined {
  try {
    return parseMessage(body, { maxDepth });
  } catch {
    return undefined;
  }
}

function requestIn(parsed: Parsed | undefined): Extract<RpcMessage, { kind: "request" }> | undefined {
  const messages: readonly RpcMessage[] = parsed === undefined
    ? []
    : parsed.kind === "batch"
    ? parsed.messages
    : [parsed];
  return messages.find((message) => message.kind === "request");
}
