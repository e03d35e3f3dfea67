// 202 is for what needs no answer. A request that gets one would leave its client waiting until its own time-out
// (docs/protocol.md 10), so it is refused here, where somebody can be told why; unless the client listens in the
// session: some servers answer there, and real clients take an answer from whatever stream it comes on.
import { SignetError } from "../../errors.ts";
import { type Bytes, ownBytes } from "../../http1/wire/borrowed.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { type Parsed, parseMessage, type RpcMessage } from "../../mcp/json_rpc.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/**
 * Looks at the body only if the upstream has answered 202: then it is nearly always a notification, and short.
 * @throws SignetError `upstream_invalid`, with the answer released
 */
export function requireAnswer(
  parts: GatewayParts,
  asked: { readonly inbound: Inbound; readonly body: Bytes | undefined; readonly session?: Session },
  response: ClientResponse,
): void {
  if (response.head.status !== 202 || asked.body === undefined) return;
  if (asked.session !== undefined && asked.session.openStreams > 0) return;
  const request = requestIn(parse(ownBytes(asked.body), parts.options.maxJsonDepth));
  if (request === undefined) return;
  asked.inbound.rpcId = request.id;
  response.release();
  throw new SignetError("upstream_invalid", {
    facts: { found: "202 in answer to a request" },
    remedy:
      "The upstream must answer requests with a JSON-RPC response, as JSON or as an event stream; one that answers " +
      "on the listening stream can serve only clients that have opened it.",
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
