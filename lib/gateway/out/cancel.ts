// Tells the upstream that a call is cancelled because its client has gone: only where configured, since a disconnect is
// no cancellation by itself (C3; MCP 2025-11-25, Streamable HTTP, "Sending Messages to the Server" 6).
import { idText } from "../../mcp/messages/json_rpc.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import { openedWith } from "../in/adopt.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { removeOfMessage, setField } from "./fields/fields.ts";
import { notify } from "./notify.ts";
import { route } from "./route.ts";

const encoder = new TextEncoder();

/** A call whose client has gone. */
interface CancelledCall {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly session: Session;
}

/** Never rejects: nobody waits for it. Initialize cannot be cancelled and must not get here. */
export async function cancelCall(parts: GatewayParts, call: CancelledCall): Promise<void> {
  const { inbound, session } = call;
  const requestId = inbound.rpcId;
  if (requestId === null || session.ended) return;
  try {
    await notifyCancelled(parts, call, `{"requestId":${idText(requestId)},"reason":"the client disconnected"}`);
  } catch (error) {
    const facts = { session: session.tag, cause: (error as Error).message };
    parts.log.warn("call not cancelled upstream", facts);
  }
}

async function notifyCancelled(parts: GatewayParts, call: CancelledCall, params: string): Promise<void> {
  const { inbound, caller, session } = call;
  const { upstream, link } = route(parts, session);
  const fields = parts.fields.toUpstream(inbound, caller);
  removeOfMessage(fields);
  setField(fields, "content-type", "application/json");
  parts.fields.addRemembered(fields, session);
  const body = encoder.encode(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`);
  const { query } = inbound.head;
  const about = { caller, session, upstreamSessionId: link.upstreamSessionId, opened: openedWith(session) };
  await notify(upstream, { ...about, method: "POST", query, fields, body });
}
