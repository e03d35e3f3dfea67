// Sends a request of an open session to its upstream and the answer back; brings a lost upstream session to life first
// where the answer proves that the request was not processed (L4).
import { type ClientResponse, type FieldList, HttpError } from "../../http1/types.ts";
import type { Bytes } from "../../http1/wire/borrowed.ts";
import { SignetError } from "../../errors.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import { isGivenBy, type UpstreamLink } from "../../session/upstream_link.ts";
import { requireAnswer } from "./require_answer.ts";
import { isAdopted, leaveClaim, settleClaim } from "../in/adopt.ts";
import { openOwned } from "../in/open.ts";
import { removeField } from "./fields.ts";
import { InFlight } from "./in_flight.ts";
import type { Inbound } from "../inbound.ts";
import { judge, mayBeLost } from "./judge.ts";
import type { GatewayParts } from "../parts.ts";
import { relay, type RelayExtras } from "./relay.ts";
import { revive } from "./revive.ts";
import { sendFor } from "./send.ts";

/** What is sent, and on whose behalf. */
export interface Outbound {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly session: Session;
  readonly body: Bytes | undefined;
}

/** What came back: an answer to pass on, with what of its body had to be read to judge it. */
interface Answered {
  readonly response: ClientResponse;
  readonly extras: RelayExtras;
}

/** @throws SignetError or HttpError if no answer has begun; what broke later has been dealt with */
export async function forward(parts: GatewayParts, outbound: Outbound): Promise<void> {
  const { inbound } = outbound;
  const session = isDropped(outbound.session) ? await openAgain(parts, outbound) : outbound.session;
  if (session !== outbound.session) return await forward(parts, { ...outbound, session });
  const inFlight = new InFlight(inbound.exchange, outbound.caller);
  const isStream = inFlight.kind === "stream";
  // Draining has ended those there were; one more would hold it up (P2).
  if (isStream && parts.lifecycle.draining) throw new SignetError("draining", { retryAfterS: 1 });
  const slot = isStream ? parts.limits.reserveStream() : parts.limits.reserveRequest();
  if (isStream) parts.lifecycle.streams.add(inFlight);
  try {
    const token = session.enter(inFlight, inbound.receivedAtMs);
    try {
      const { response, extras } = await send(parts, outbound, inFlight);
      const { status } = response.head;
      if (session.claim !== undefined) settleClaim(parts, session, status >= 200 && status < 300);
      if (status === 404) parts.sessionOnly?.forget(session);
      requireAnswer(parts, outbound, response);
      await relay(parts, { inbound, inFlight, response }, extras);
    } catch (error) {
      throw explain(parts, error, inFlight);
    } finally {
      session.leave(token, parts.now());
    }
  } finally {
    if (session.claim !== undefined) leaveClaim(parts, session);
    slot.release();
    if (isStream) parts.lifecycle.streams.delete(inFlight);
    if (inFlight.clientGone) parts.metrics.clientAborts.inc();
  }
}

/**
 * Left memory between being found and being used: to make room, for being idle, or with another request's claim. Its id is
 * as good as before.
 */
function isDropped(session: Session): boolean {
  const { endReason } = session;
  return endReason === "idle" || endReason === "evicted" || (endReason === "upstream_gone" && isAdopted(session));
}

async function openAgain(parts: GatewayParts, { inbound, caller, session }: Outbound): Promise<Session> {
  return await openOwned(parts, { inbound, caller, sessionId: session.id });
}

/** A call that was cut because its session ended fails like any later call of that session. */
function explain(parts: GatewayParts, error: unknown, inFlight: InFlight): unknown {
  if (!(error instanceof HttpError) || error.code !== "aborted") return error;
  if (inFlight.endReason === "drain") return new SignetError("draining", { cause: error });
  if (inFlight.endReason === "credential_expired") return parts.authentication.expired(error);
  if (inFlight.endReason !== undefined) {
    return new SignetError("session_not_found", { facts: { outcome: inFlight.endReason }, cause: error });
  }
  return new SignetError("request_timeout", { facts: { outcome: "client_gone" }, cause: error });
}

async function send(parts: GatewayParts, outbound: Outbound, inFlight: InFlight): Promise<Answered> {
  const link = outbound.session.links[0]!;
  const { inbound, caller, session } = outbound;
  let seenGeneration = 0;
  // Sealed when the upstream had another URL: it cannot know the session, and its old address is none to send to (M4).
  if (isGivenBy(link, parts.upstream.url)) {
    if (link.reviving !== undefined) await inFlight.waitFor(link.reviving);
    seenGeneration = link.generation;
    const response = await sendOnce(parts, outbound, inFlight);
    if (link.id === undefined || !mayBeLost(response)) return { response, extras: {} };
    const judged = await judge(response);
    if (!judged.lost || isAdopted(session)) return { response, extras: judged.extras };
    response.release();
    parts.sessionOnly?.forget(session);
  }
  await inFlight.waitFor(revive(parts, { session, link, inbound, caller, seenGeneration }));
  const response = await sendOnce(parts, outbound, inFlight, true);
  if (link.id === undefined || !mayBeLost(response)) return { response, extras: {} };
  const { lost, extras } = await judge(response);
  if (!lost) return { response, extras };
  // Once is enough, and the upstream's own words might name its id (PROTOCOL.md 2, 4).
  response.release();
  throw new SignetError("session_not_found", { facts: { outcome: "lost_again" } });
}

function requestFields(parts: GatewayParts, { inbound, caller, session }: Outbound, link: UpstreamLink): FieldList {
  const fields = parts.fields.toUpstream(inbound, caller);
  parts.fields.addRemembered(fields, session, session.sealed.upstreams[link.url]);
  return fields;
}

function sendOnce(
  parts: GatewayParts,
  outbound: Outbound,
  inFlight: InFlight,
  again = false,
): Promise<ClientResponse> {
  const { inbound, caller, session, body } = outbound;
  const link = session.links[0]!;
  const fields = requestFields(parts, outbound, link);
  // A session made anew has no events from before.
  if (again) removeField(fields, "last-event-id");
  const { method, query } = inbound.head;
  return sendFor(parts, inFlight, {
    method: method as "GET" | "POST",
    query,
    fields,
    upstreamSessionId: link.id,
    body,
    caller,
    session: session.tag,
  });
}
