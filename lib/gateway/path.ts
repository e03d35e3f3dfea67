// The path of a request, read from the top down; a step is added by a line in `walk`, and then holds in both lanes.
//   accept → head → guard → authenticate → classify → open → owner → route → forward → rewrite → respond
// The engine has done the first two; what is behind `forward` is in out/. Nothing waits but where it has to, so that a
// request whose session and caller are known and whose body is here leaves by the fast lane before the first await.
import { SignetError } from "../errors.ts";
import type { Exchange } from "../http1/types.ts";
import type { Classified } from "../mcp/eras/era.ts";
import { eventTime } from "../platform/time/event_time.ts";
import type { Caller } from "../session/caller.ts";
import type { Session } from "../session/session.ts";
import { admit, isAllowedBefore } from "./in/admit.ts";
import { leaveClaim } from "./in/adopt.ts";
import { type HeldBody, holdBody } from "./in/body.ts";
import { classify, isCancellation, isInitialize, isPlain, requireSpoken, speaks } from "./in/classify.ts";
import { guardProblem, hidesField, preflightFields } from "./in/guard.ts";
import { answerReplica, noNeighbour, noteHop, requireHop, requireHopBody } from "./in/hopped.ts";
import { asksForMetadata, serveMetadata } from "./in/metadata.ts";
import { asItIs, findAtOnce, openIfOurs, openOwned } from "./in/open.ts";
import { countPlain } from "./in/rate_limit.ts";
import { isSamePath } from "./in/same_path.ts";
import { Inbound } from "./inbound.ts";
import { pathNotFound, sessionRequired } from "./legacy_transport.ts";
import { beginRecord, endRecord, noteRefusal } from "./observed.ts";
import { cancelCall } from "./out/cancel.ts";
import { forward, forwardAtOnce, wayToClient } from "./out/forward.ts";
import type { Outbound } from "./out/outbound.ts";
import { end } from "./out/sessions/end.ts";
import { initialize } from "./out/sessions/initialize.ts";
import { answerProbe } from "./out/stateless/probe.ts";
import { forwardStateless } from "./out/stateless/stateless.ts";
import type { GatewayParts, Handle, LegacyDoor } from "./parts.ts";
import { refuse } from "./refuse.ts";
import { decideTrace, endTrace } from "./traced.ts";

/** Takes one exchange through: what fails is answered, or breaks the answer off. @param ended called behind the last step */
export function handle(parts: GatewayParts, exchange: Exchange, ended?: () => void): void {
  const inbound = new Inbound(exchange, parts.now());
  if (ended !== undefined) inbound.whenEnded = ended;
  if (inbound.facts.hop !== undefined) {
    const answered = answerReplica(parts, inbound);
    if (answered !== undefined) return void answered.then(ended);
    noteHop(parts, inbound);
  }
  // What another replica passes on is observed there.
  const isWatched = parts.observers.watched && inbound.hop === undefined;
  const waiting = isWatched ? beginRecord(parts, inbound) : undefined;
  if (waiting === undefined) enter(parts, inbound);
  else enterBehind(waiting, parts, inbound);
}

// What a closure needs lies in a scope that is made whenever its function is called: those are functions of their own.

function enterBehind(waiting: Promise<void>, parts: GatewayParts, inbound: Inbound): void {
  waiting.then(() => enter(parts, inbound), (error) => finish(parts, inbound, error));
}

/** For whoever waits for its end. */
const handleInner: Handle = (parts, exchange) => new Promise((resolve) => handle(parts, exchange, resolve));

function enter(parts: GatewayParts, inbound: Inbound): void {
  let walked: Promise<void> | undefined;
  try {
    if (inbound.facts.hop !== undefined) requireHop(inbound);
    else if (inbound.exchange.connection.inner) throw noNeighbour();
    walked = walk(parts, inbound);
  } catch (error) {
    return finish(parts, inbound, error);
  }
  if (walked !== undefined) finishBehind(walked, parts, inbound);
}

function finishBehind(walked: Promise<void>, parts: GatewayParts, inbound: Inbound): void {
  walked.then(() => finish(parts, inbound, undefined), (error) => finish(parts, inbound, error));
}

/** Behind the last step. A fault on the way to it is the engine's to answer. */
function finish(parts: GatewayParts, inbound: Inbound, error: unknown): void {
  if (error === undefined) close(parts, inbound);
  else refuseAndClose(parts, inbound, error);
}

function refuseAndClose(parts: GatewayParts, inbound: Inbound, error: unknown): void {
  refuse(parts, inbound, error).then(() => close(parts, inbound), (fault) => {
    inbound.exchange.fail(fault);
    inbound.whenEnded?.();
  });
}

const TO_CLIENT = wayToClient(finish);

function close(parts: GatewayParts, inbound: Inbound): void {
  try {
    const endedAt = eventTime();
    endRecord(parts, inbound, endedAt);
    if (parts.tracer !== undefined) endTrace(parts, inbound);
    count(parts, inbound, endedAt);
  } catch (fault) {
    inbound.exchange.fail(fault);
  }
  inbound.whenEnded?.();
}

function count(
  { metrics: { exchanges, sent } }: GatewayParts,
  { row, exchange: { status }, receivedAt, sentAt }: Inbound,
  endedAt: number,
) {
  exchanges.count(row, status, (endedAt - receivedAt) / 1000);
  if (sent !== undefined && sentAt > 0) sent.count(row, status, (endedAt - sentAt) / 1000);
}

// The steps up to the fast lane's exit are no async functions: each of those costs a promise and a turn a request. What left
// by it is told of to `finish`: then they return undefined.

function walk(parts: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  guard(parts, inbound);
  const { facts } = inbound;
  if (facts.atEndpointOf !== parts) {
    const openly = answerOpenly(parts, inbound);
    if (openly !== undefined) return openly;
    if (parts.legacyClients?.serves(inbound.head.path)) return serveLegacy(parts, inbound, parts.legacyClients);
    requireEndpoint(parts, inbound);
    // What of a head all of this hangs on is the same in all that share its facts.
    facts.atEndpointOf = parts;
  }
  const caller = parts.authentication.authenticate(inbound);
  return caller instanceof Promise ? walkBehind(caller, parts, inbound) : walkAs(parts, inbound, caller);
}

function walkBehind(caller: Promise<Caller>, parts: GatewayParts, inbound: Inbound): Promise<void> {
  return caller.then((proven) => walkAs(parts, inbound, proven, true));
}

/** A client of HTTP+SSE: each of its messages comes back to `handle` as a request of Streamable HTTP. */
async function serveLegacy(parts: GatewayParts, inbound: Inbound, clients: LegacyDoor): Promise<void> {
  const caller = await parts.authentication.authenticate(inbound);
  inbound.provenAs = caller;
  await clients.serve(parts, { inbound, caller, handle: handleInner });
}

/** @param isWaited whether somebody holds a promise for the end already */
function walkAs(parts: GatewayParts, inbound: Inbound, caller: Caller, isWaited = false): Promise<void> | undefined {
  inbound.provenAs = caller;
  const session = findAtOnce(parts, inbound, caller);
  if (session === undefined || !mayGoAsItIs(parts, inbound, session)) return walkOn(parts, inbound, caller);
  if (parts.law.policy !== undefined && !isAllowedBefore(parts, { inbound, caller, session })) {
    return walkOn(parts, inbound, caller);
  }
  parts.metrics.fastLane.inc();
  if (parts.tracer !== undefined) decideTrace(parts, inbound);
  if (inbound.record !== undefined) inbound.record.lane = "fast";
  const outbound = { inbound, caller, session, body: inbound.body };
  const counting = parts.law.rates === undefined ? undefined : countPlain(parts, outbound);
  if (counting !== undefined) return forwardBehind(counting, parts, outbound);
  return isWaited ? forward(parts, outbound) : forwardAtOnce(parts, outbound, TO_CLIENT);
}

function forwardBehind(counting: Promise<void>, parts: GatewayParts, outbound: Outbound): Promise<void> {
  return counting.then(() => forward(parts, outbound));
}

/** The full lane. */
async function walkOn(parts: GatewayParts, inbound: Inbound, caller: Caller): Promise<void> {
  parts.metrics.fullLane.inc();
  if (inbound.record !== undefined) inbound.record.lane = "full";
  const body = await holdBody(parts, { inbound, caller });
  try {
    if (inbound.body === undefined) requireHopBody(inbound, body?.bytes);
    if (inbound.record !== undefined && body !== undefined) inbound.record.bytesIn = body.bytes.length;
    const message = body && await classify(parts, inbound, body.bytes);
    if (parts.tracer !== undefined) {
      decideTrace(parts, inbound);
      if (inbound.record !== undefined) inbound.record.lane = "full";
    }
    await openAndDeliver(parts, { inbound, caller, message, body });
  } finally {
    body?.release();
  }
}

/** What the full lane knows of a request before its session is open. A GET or DELETE has no message and no body. */
interface Read {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly message: Classified | undefined;
  readonly body: HeldBody | undefined;
}

/** Who may talk here at all, and hides nothing. @throws SignetError `host_refused`, `origin_refused`, `malformed_http` */
function guard(parts: GatewayParts, inbound: Inbound): void {
  const hidden = parts.fields.takesAway(inbound);
  if (hidden !== undefined) throw hidesField(hidden);
  const problem = guardProblem(parts.guard, inbound);
  if (problem === undefined || (problem.code === "origin_refused" && asksForMetadata(parts, inbound))) return;
  throw problem;
}

/** What is answered without asking who wants to know: where to get a credential, and what a browser may send. */
function answerOpenly(parts: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const metadata = serveMetadata(parts, inbound);
  if (metadata !== undefined) return metadata;
  const preflight = parts.legacyClients?.preflight(inbound);
  if (preflight !== undefined) return preflight;
  const { head, origin } = inbound;
  if (head.method !== "OPTIONS" || origin === undefined || !isSamePath(head.path, parts.options.path)) return undefined;
  // A browser asks before it sends; the Origin has been guarded already (Fetch standard, CORS-preflight).
  const fields = preflightFields(origin, inbound.get("access-control-request-headers"));
  return inbound.exchange.respond({ status: 204, fields });
}

/** @throws SignetError `path_not_found`, `method_not_allowed` */
function requireEndpoint(parts: GatewayParts, inbound: Inbound): void {
  const { path, method } = inbound.head;
  if (!isSamePath(path, parts.options.path)) throw pathNotFound(parts, inbound);
  if (method === "POST" || method === "GET" || method === "DELETE") return;
  throw new SignetError("method_not_allowed", { allow: "GET, POST, DELETE" });
}

/**
 * The fast lane's condition but for rules: nothing about the request of a known session is left to find out. Takes the body
 * if it is here whole; whoever comes later finds it in `inbound.body`.
 */
function mayGoAsItIs(parts: GatewayParts, inbound: Inbound, session: Session): boolean {
  const { fullLane, cancelOnDisconnect } = parts.options;
  if (fullLane || !speaks(session, inbound.protocolVersion)) return false;
  if (inbound.head.method === "GET") return true;
  if (inbound.facts.claimsModernEra) return false;
  // To cancel a call its id must be known, and for that its body parsed (C3).
  if (inbound.head.method !== "POST" || cancelOnDisconnect || !inbound.facts.isJson) return false;
  inbound.body = inbound.exchange.body.takeBuffered();
  if (inbound.body === undefined) return false;
  requireHopBody(inbound, inbound.body);
  return isPlain(parts, inbound, inbound.body);
}

async function openAndDeliver(parts: GatewayParts, read: Read): Promise<void> {
  try {
    const session = await open(parts, read);
    // A stateless request is one whatever session it names: in it nobody would look at what it brings (S1).
    if (session === undefined || read.message?.era === "modern") await deliverWithout(parts, read);
    else await deliverTo(parts, read, session);
  } catch (error) {
    // Another caller's cancellation is answered and has no effect (O3).
    const isForeign = error instanceof SignetError && error.code === "owner_mismatch";
    if (!isForeign || read.message === undefined || !isCancellation(read.message)) throw error;
    noteRefusal(read.inbound, error);
    await read.inbound.exchange.respond({ status: 202, fields: [] });
  }
}

/** The caller's session that the request is about; undefined if it is about none, as a stateless client's always is. */
async function open(parts: GatewayParts, { inbound, caller, message }: Read): Promise<Session | undefined> {
  const { sessionId } = inbound;
  if (sessionId === undefined) return undefined;
  const bearing = { inbound, caller, sessionId };
  return isModern(inbound, message) ? await openIfOurs(parts, bearing) : await openOwned(parts, bearing, asItIs);
}

function isModern({ facts }: Inbound, message: Classified | undefined): boolean {
  return message === undefined ? facts.claimsModernEra : message.era === "modern";
}

/** Opens a session, or needs none. @throws SignetError `session_required`, `method_not_allowed` */
async function deliverWithout(parts: GatewayParts, read: Read): Promise<void> {
  const { inbound, caller, message, body } = read;
  if (message === undefined || body === undefined) {
    throw isModern(inbound, message)
      ? new SignetError("method_not_allowed", { allow: "POST" })
      : sessionRequired(parts, inbound);
  }
  const { bytes } = body;
  const probing = message.era === "modern" ? { inbound, caller, message: message.message } : undefined;
  try {
    if (!await isAdmitted(parts, read, undefined)) return;
  } catch (refusal) {
    if (probing !== undefined && await answerProbe(parts, probing, refusal)) return;
    throw refusal;
  }
  if (message.era === "modern") {
    return await forwardStateless(parts, { inbound, caller, message: message.message, body: bytes });
  }
  if (message.kind !== "initialize") throw new SignetError("session_required");
  await initialize(parts, { inbound, caller, request: message.request, body: bytes });
}

/** Whether rules and rates let it through. What is not allowed and wants no answer has been dealt with. */
async function isAdmitted(parts: GatewayParts, { inbound, caller, body }: Read, session: Session | undefined) {
  if (body === undefined || await admit(parts, { inbound, caller, session, body: body.bytes })) return true;
  noteRefusal(inbound, DROPPED);
  await inbound.exchange.respond({ status: 202, fields: [] });
  return false;
}

/** Made once: a notification that is dropped gets no answer that could say why. */
const DROPPED = new SignetError("rule_denied");

async function deliverTo(parts: GatewayParts, read: Read, session: Session): Promise<void> {
  const { inbound, caller, message, body } = read;
  const handshake = message !== undefined && isInitialize(message) ? message.request : undefined;
  try {
    if (inbound.head.method === "DELETE") return await end(parts, { inbound, caller, session });
    requireSpoken(session, inbound, message);
    if (!await isAdmitted(parts, read, session)) return;
    // The owner attaches anew: what was remembered of the first initialize gives way to this one's as a whole (E9, O4).
    if (handshake !== undefined) session.replaceTransient(parts.fields.transientOf(inbound));
    const outbound = { inbound, caller, session };
    if (handshake === undefined) return await forward(parts, { ...outbound, body: body?.lend() });
    await forward(parts, { ...outbound, body: body?.bytes, handshake: handshake.id });
  } finally {
    leaveClaim(parts, session);
    // Never initialize (docs/protocol.md 18).
    const mayCancel = parts.options.cancelOnDisconnect && message !== undefined && handshake === undefined;
    if (mayCancel && inbound.exchange.aborted) await cancelCall(parts, { inbound, caller, session });
  }
}
