// A client's request on its way to an upstream: cut with whoever waits for it, and timed until the answer's head is there.
import { SignetError } from "../../errors.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { eventTime } from "../../platform/time/event_time.ts";
import { LostSession, type SessionAnswer } from "../../session/lost_session.ts";
import type { Upstream, UpstreamRequest } from "../../upstream/upstream.ts";
import type { GatewayParts } from "../parts.ts";
import { carryTrace } from "../traced.ts";
import type { InFlight } from "./in_flight.ts";
import { routeWithoutSession } from "./route.ts";

/** In a session or outside of one. @throws HttpError, SignetError `upstream_*` */
export async function sendForClient(
  parts: GatewayParts,
  inFlight: InFlight,
  sending: { readonly upstream: Upstream; readonly request: UpstreamRequest },
): Promise<SessionAnswer> {
  const { record } = inFlight.inbound;
  if (record !== undefined) record.upstream = sending.upstream.name;
  const { upstream, request } = sending;
  const carried = inFlight.inbound.trace ? carryTrace(inFlight.inbound, upstream, request) : request;
  const answer = await inFlight.answerOf(upstream.send(carried));
  noteAnswer(parts, inFlight);
  return answer;
}

/** To be called when the answer's head has come. */
export function noteAnswer({ metrics }: GatewayParts, { inbound: { sentAt, record } }: InFlight): void {
  const tookMs = eventTime() - sentAt;
  metrics.upstreamLatency.observe(tookMs / 1000);
  if (record !== undefined) record.upstreamMs = tookMs;
}

/** What belongs to no session: none can be lost. @throws HttpError, SignetError `upstream_*` */
export async function sendWithoutSession(
  parts: GatewayParts,
  inFlight: InFlight,
  request: UpstreamRequest & { readonly upstreamSessionId: undefined },
): Promise<ClientResponse> {
  const answer = await sendForClient(parts, inFlight, { upstream: routeWithoutSession(parts), request });
  return requireResponse(answer);
}

/** @throws SignetError `internal` for what an upstream must not answer to a request without a session */
export function requireResponse(answer: SessionAnswer): ClientResponse {
  if (!(answer instanceof LostSession)) return answer;
  answer.release();
  throw new SignetError("internal", {
    facts: { attempted: "send a request without a session", found: "a lost session", wanted: "an answer" },
  });
}
