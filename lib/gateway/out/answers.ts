// What a request of an open session is answered with: by its upstream, by another replica, or, where that proves that the
// request was not processed, by a session made anew (L4, R1).
import { SignetError } from "../../errors.ts";
import { type ClientResponse, type FieldList, type Fields, HttpError } from "../../http1/types.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../../session/lost_session.ts";
import { isAdopted } from "../in/adopt.ts";
import type { GatewayParts } from "../parts.ts";
import { addTrace, carryTrace } from "../traced.ts";
import { removeField, removeOfMessage } from "./fields/fields.ts";
import type { Sending } from "./outbound.ts";
import { NOT_THERE, passOn } from "./pass_on.ts";
import { homeOf, isKnown } from "./route.ts";
import { noteAnswer } from "./send.ts";
import { type Crossing, SessionRequest } from "./session_request.ts";
import { followHandshake, handshakeOf, openByHandshake } from "./sessions/handshake.ts";
import { isInitializeRefused, revive } from "./sessions/revive.ts";

/** The own upstream's answer where it takes more than to send the request in a session that is as it was (L4). */
export async function answerTo(parts: GatewayParts, sending: Sending): Promise<ClientResponse> {
  const { outbound: { handshake }, link, inFlight } = sending;
  // Sealed when the upstream had another URL: it cannot know the session, and its old address is none to send to (M4).
  if (!isKnown(parts, sending)) return await answerAfter(parts, sending, { lost: undefined, seenGeneration: 0 });
  if (link.reviving !== undefined) await inFlight.waitFor(link.reviving);
  const seenGeneration = link.generation;
  const answer = await sendInSession(parts, sending);
  noteAnswer(parts, inFlight);
  if (answer instanceof LostSession) return await answerAfter(parts, sending, { lost: answer, seenGeneration });
  return handshake === undefined ? answer : await followHandshake(parts, handshakeOf(sending, handshake), answer);
}

/** Nothing was sent: whoever passed the request on brings the session to a server that is there (R1). */
export function isServerGone(error: unknown): boolean {
  return error instanceof HttpError && error.unsent && error.code === "connect_failed";
}

export function elsewhere(outcome: "moved" | "server_gone"): SignetError {
  return new SignetError("session_elsewhere", { facts: { outcome } });
}

/** How often a session may turn out to have gone elsewhere while one request waits. */
const MOST_MOVES = 4;

/** The answer of the replica that the session is at; or from here, if that one is gone (R1). */
export async function answerFrom(
  parts: GatewayParts,
  sending: Sending,
  home: string,
  moves = 0,
): Promise<ClientResponse> {
  const { outbound, link, inFlight } = sending;
  const seenGeneration = link.generation;
  if (outbound.inbound.hop === undefined) {
    if (moves > MOST_MOVES) throw new SignetError("upstream_unreachable", { facts: { outcome: "moved_too_often" } });
    const passed = await passOn(parts, { outbound, inFlight, home });
    if (passed !== undefined) return passed;
    outbound.inbound.trace?.endSent(NOT_THERE);
  } else if (link.move !== undefined) {
    // Never two hops: whoever passed it on finds out where it went.
    throw elsewhere("moved");
  }
  return await answerAfter(parts, sending, { lost: undefined, seenGeneration, gone: home, moves });
}

/** A session that its upstream does not know. */
interface Loss {
  /** What proved it; undefined where nothing had to be asked. */
  readonly lost: LostSession | undefined;
  /** The link's, when the request was sent. */
  readonly seenGeneration: number;
  /** The replica that was to answer and is gone. */
  readonly gone?: string;
  /** How often it has gone elsewhere meanwhile. */
  readonly moves?: number;
}

/** What the session made anew answers (L4). */
export async function answerAfter(
  parts: GatewayParts,
  sending: Sending,
  { lost, seenGeneration, gone, moves = 0 }: Loss,
): Promise<ClientResponse> {
  const { outbound: { inbound, caller, session, handshake }, upstream, link, inFlight } = sending;
  if (lost !== undefined) {
    inbound.trace?.lose();
    if (isAdopted(session)) return refusalOf(lost, "adopted");
    parts.sessionOnly?.forget(session);
  }
  if (handshake !== undefined) {
    lost?.release();
    return await openByHandshake(parts, handshakeOf(sending, handshake), seenGeneration);
  }
  try {
    await inFlight.waitFor(revive(parts, { session, upstream, link, inbound, caller, seenGeneration, gone }));
  } catch (error) {
    // Whatever made the server refuse, it was not the session: the client is told, and may bring another credential.
    if (lost?.refusal !== undefined && isRefusedAlike(error, lost.refusal)) return lost.refusal;
    lost?.release();
    throw error;
  }
  lost?.release();
  inbound.trace?.event("signet.session.revived");
  if (lost !== undefined) parts.metrics.replays.inc("repeated");
  const home = homeOf(parts, sending);
  if (home !== undefined) return await answerFrom(parts, sending, home, moves + 1);
  const { generation, reopened } = link;
  const answer = await sendInNewSession(parts, sending);
  noteAnswer(parts, inFlight);
  if (!(answer instanceof LostSession)) return answer;
  // Another replica, or a process before this one, has said that it is here, and it is no longer.
  if (reopened === undefined && moves < MOST_MOVES) {
    return await answerAfter(parts, sending, { lost: answer, seenGeneration: generation, moves: moves + 1 });
  }
  // Once is enough, and the upstream's own words might name its id (docs/protocol.md 2, 4).
  answer.release();
  throw new SignetError("session_not_found", { facts: { outcome: "lost_again" } });
}

/** What the upstream said of a session that cannot be brought back. @throws SignetError `session_not_found` */
function refusalOf({ refusal }: LostSession, outcome: string): ClientResponse {
  if (refusal !== undefined) return refusal;
  throw new SignetError("session_not_found", { facts: { outcome } });
}

/** Whether a new initialize was refused just as the request was. */
function isRefusedAlike(error: unknown, refusal: ClientResponse): boolean {
  return isInitializeRefused(error) && error.detail.facts?.status === refusal.head.status;
}

/** Behind which event a client goes on. */
const PLACE = "last-event-id";

/** In a list of their own, of which nothing is known. */
function changed({ fields: given }: Pick<Crossing, "fields">, change: (fields: FieldList) => void): Crossing {
  const fields = given.slice();
  change(fields);
  return { fields, notes: undefined };
}

/** To be noted by {@link noteAnswer}. */
function sendInSession(parts: GatewayParts, sending: Sending): Promise<SessionAnswer> {
  return sending.inFlight.answerOf(callInSession(parts, sending));
}

/** Likewise, in a session made anew. */
function sendInNewSession(parts: GatewayParts, sending: Sending): Promise<SessionAnswer> {
  const { inbound } = sending.outbound;
  if (inbound.record !== undefined) inbound.record.revived = true;
  return sending.inFlight.answerOf(isOwn(sending) ? callInSession(parts, sending) : callFromNow(parts, sending));
}

/** What a session made anew answers that knows no place of the one before. */
export async function answerFromNow(
  parts: GatewayParts,
  sending: Sending,
  seenGeneration: number,
): Promise<ClientResponse> {
  const answer = await sending.inFlight.answerOf(callFromNow(parts, sending));
  noteAnswer(parts, sending.inFlight);
  return answer instanceof LostSession ? await answerAfter(parts, sending, { lost: answer, seenGeneration }) : answer;
}

/** Sends the request in a session that has no events from before. */
function callFromNow(parts: GatewayParts, sending: Sending): SessionCall {
  return callWith(sending, changed(crossingOf(parts, sending), (fields) => removeField(fields, PLACE)));
}

/** Whether a client goes on from an event that it has heard. */
export function namesPlace(fields: Fields): boolean {
  return fieldValue(fields, PLACE) !== undefined;
}

/** Sends the request in the session as it is. */
export function callInSession(parts: GatewayParts, sending: Sending): SessionCall {
  return callWith(sending, crossingOf(parts, sending));
}

/** Whether its message is one of Signet's own, in the client's place. */
function isOwn({ outbound }: Sending): boolean {
  return outbound.parsed !== undefined;
}

/** The fields of a client's request that go into its session. */
function crossingOf(parts: GatewayParts, sending: Sending): Crossing {
  const { inbound, caller, session } = sending.outbound;
  const crossing = parts.fields.intoSession(inbound, caller, session);
  return isOwn(sending) ? changed(crossing, removeOfMessage) : crossing;
}

function callWith({ outbound, upstream, link }: Sending, crossing: Crossing): SessionCall {
  const { inbound } = outbound;
  if (inbound.record !== undefined) inbound.record.upstream = upstream.name;
  const { upstreamSessionId } = link;
  if (!inbound.trace) return upstream.send(new SessionRequest(outbound, crossing, upstreamSessionId));
  const added = outbound.parsed === undefined ? addTrace(inbound, upstream, crossing) : undefined;
  const request = new SessionRequest(outbound, added ?? crossing, upstreamSessionId);
  return upstream.send(added === undefined ? carryTrace(inbound, upstream, request) : request);
}
