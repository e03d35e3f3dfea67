// A request of the modern era (MCP 2026-07-28): no session, everything in the message. Checked and passed through.
import type { RpcNotification, RpcRequest } from "../mcp/json_rpc.ts";
import { assertModern } from "../mcp/modern.ts";
import { Forwarding } from "./forwarding.ts";
import type { Inbound } from "./inbound.ts";
import { namesOf } from "./names.ts";
import type { GatewayParts } from "./parts.ts";
import { relay } from "./relay.ts";

export interface StatelessRequest {
  readonly inbound: Inbound;
  readonly message: RpcRequest | RpcNotification;
  readonly body: Uint8Array;
}

/** @throws SignetError as `assertModern`, `request_limit`; HttpError */
export async function forwardStateless(parts: GatewayParts, request: StatelessRequest): Promise<void> {
  const { inbound, message, body } = request;
  assertModern(message, {
    protocolVersion: inbound.protocolVersion,
    method: inbound.get("mcp-method"),
    name: inbound.get("mcp-name"),
  });
  parts.metrics.modern.inc();
  // A probe that met a 5xx would make the client give up instead of falling back to a session (PROTOCOL.md 38).
  const slot = message.method === "server/discover" ? undefined : parts.limits.reserveRequest();
  const forwarding = new Forwarding(inbound.exchange);
  try {
    const startedAt = performance.now();
    const response = await forwarding.follow(parts.upstream.send({
      method: "POST",
      query: inbound.head.query,
      fields: parts.fields.toUpstream(inbound),
      sessionId: undefined,
      body,
      ...namesOf(parts, inbound),
    }));
    parts.metrics.upstreamLatency.observe((performance.now() - startedAt) / 1000);
    await relay(parts, { inbound, forwarding, response });
  } finally {
    slot?.release();
    if (forwarding.clientGone) parts.metrics.clientAborts.inc();
  }
}
