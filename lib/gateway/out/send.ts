// A client's request to the upstream: followed, so that it can be cut, and timed until the answer's head is there.
import type { ClientResponse } from "../../http1/types.ts";
import type { UpstreamRequest } from "../../upstream/upstream.ts";
import type { InFlight } from "./in_flight.ts";
import type { GatewayParts } from "../parts.ts";

/** @throws HttpError */
export async function sendFor(
  parts: GatewayParts,
  inFlight: InFlight,
  request: UpstreamRequest,
): Promise<ClientResponse> {
  const startedAt = performance.now();
  const response = await inFlight.follow(parts.upstream.send(request));
  parts.metrics.upstreamLatency.observe((performance.now() - startedAt) / 1000);
  return response;
}
