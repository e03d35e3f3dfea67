// The path of a request, in the order of the words:
//   accept → head → guard → authenticate → classify → open → owner → route → forward → rewrite → respond
// The engine has done the first two. Two lanes, one set of steps: the fast lane is the full one without anything that has
// to be awaited or parsed, and whatever it cannot settle at once goes down the full lane from the start.
import { SignetError } from "../errors.ts";
import { type Bytes, inspectBytes, ownBytes } from "../http1/wire/borrowed.ts";
import type { Exchange } from "../http1/types.ts";
import { type Classified, classify as classifyBody } from "../mcp/era.ts";
import { parseMessageInTurns, readPlain } from "../mcp/json_rpc.ts";
import { allowsBatches, claimsModernEra, isKnownRevision } from "../mcp/revisions.ts";
import type { Caller } from "../session/caller.ts";
import type { Session } from "../session/session.ts";
import { type HeldBody, readBody } from "./in/body.ts";
import { cancelCall } from "./out/cancel.ts";
import { end } from "./out/end.ts";
import { forward } from "./out/forward.ts";
import { preflightFields } from "./in/guard.ts";
import { Inbound } from "./inbound.ts";
import { initialize } from "./out/initialize.ts";
import { serveMetadata } from "./in/metadata.ts";
import type { Bearing } from "./in/bearing.ts";
import { leaveClaim } from "./in/adopt.ts";
import { openIfOurs, openOwned } from "./in/open.ts";
import type { GatewayParts } from "./parts.ts";
import { refuse } from "./refuse.ts";
import { forwardStateless } from "./out/stateless.ts";

/** Takes one exchange through. Never rejects: what fails is answered, or breaks the answer off. */
export function handle(parts: GatewayParts, exchange: Exchange): Promise<void> {
  const inbound = new Inbound(exchange, parts.now());
  return route(parts, inbound).catch((error) => refuse(parts, inbound, error));
}

function route(parts: GatewayParts, inbound: Inbound): Promise<void> {
  try {
    const done = parts.options.fullLane ? undefined : fastLane(parts, inbound);
    if (done === undefined) parts.metrics.fullLane.inc();
    else parts.metrics.fastLane.inc();
    return done ?? fullLane(parts, inbound);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Forwards a request of a session known here, of a caller known here; undefined if anything at all is not at hand.
 * @throws SignetError `unauthenticated` as the full lane would
 */
function fastLane(parts: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const { head, sessionId } = inbound;
  const isPost = head.method === "POST";
  if (sessionId === undefined || (!isPost && head.method !== "GET")) return undefined;
  // To cancel a call its id must be known, and for that its body parsed (C3).
  if (isPost && !mayPassUnparsed(parts)) return undefined;
  if (head.path !== parts.options.path || guardProblem(parts, inbound) !== undefined) return undefined;
  const session = parts.registry.get(sessionId, inbound.receivedAtMs);
  if (session === undefined || !speaks(session, inbound.protocolVersion)) return undefined;
  const caller = callerOf(parts, inbound);
  if (caller instanceof Promise || !parts.owners.owns(caller, session)) return undefined;
  if (!isPost) return forward(parts, { inbound, caller, session, body: undefined });
  if (!inbound.isJson) return undefined;
  const body = inbound.exchange.body.takeBuffered();
  if (body === undefined) return undefined;
  inbound.body = body;
  return isPlain(parts, inbound, body) ? forward(parts, { inbound, caller, session, body }) : undefined;
}

async function fullLane(parts: GatewayParts, inbound: Inbound): Promise<void> {
  const problem = guardProblem(parts, inbound);
  if (problem !== undefined) throw problem;
  const { head } = inbound;
  const metadata = serveMetadata(parts, inbound);
  if (metadata !== undefined) return await metadata;
  if (head.path !== parts.options.path) throw new SignetError("path_not_found");
  switch (head.method) {
    case "POST":
      return await post(parts, inbound, await callerOf(parts, inbound));
    case "GET":
    case "DELETE":
      return await getOrDelete(parts, inbound, await callerOf(parts, inbound));
    case "OPTIONS":
      return await preflight(inbound);
    default:
      throw new SignetError("method_not_allowed", { allow: "GET, POST, DELETE" });
  }
}

/** Host and Origin: who may talk here at all (PROTOCOL.md 14). */
function guardProblem(parts: GatewayParts, { head, origin }: Inbound): SignetError | undefined {
  if (!parts.guard.allowsHost(head.host)) {
    return new SignetError("host_refused", { remedy: "name the host with --allow-host" });
  }
  if (origin !== undefined && !parts.guard.allowsOrigin(origin)) {
    return new SignetError("origin_refused", { remedy: "name the origin with --allow-origin" });
  }
  return undefined;
}

/** Asked once a request, by whichever lane comes first. */
function callerOf(parts: GatewayParts, inbound: Inbound): Caller | Promise<Caller> {
  return inbound.authenticated ??= parts.authentication.authenticate(inbound);
}

/** A browser asks before it sends; the Origin has been guarded already (Fetch standard, CORS-preflight). */
async function preflight(inbound: Inbound): Promise<void> {
  if (inbound.origin === undefined) throw new SignetError("method_not_allowed", { allow: "GET, POST, DELETE" });
  const fields = preflightFields(inbound.origin, inbound.get("access-control-request-headers"));
  await inbound.exchange.respond({ status: 204, fields });
}

async function getOrDelete(parts: GatewayParts, inbound: Inbound, caller: Caller): Promise<void> {
  const { sessionId, protocolVersion, head } = inbound;
  const isModern = protocolVersion !== undefined && claimsModernEra(protocolVersion);
  if (sessionId === undefined) {
    throw isModern ? new SignetError("method_not_allowed", { allow: "POST" }) : new SignetError("session_required");
  }
  const bearing = { inbound, caller, sessionId };
  const session = isModern ? await openIfOurs(parts, bearing) : await openOwned(parts, bearing);
  // A stateless client's id means nothing (PROTOCOL.md 26), unless it is one of ours.
  if (session === undefined) throw new SignetError("method_not_allowed", { allow: "POST" });
  try {
    if (head.method === "DELETE") return await end(parts, { inbound, caller, session });
    requireRevision(session, protocolVersion);
    await forward(parts, { inbound, caller, session, body: undefined });
  } finally {
    leaveClaim(parts, session);
  }
}

async function post(parts: GatewayParts, inbound: Inbound, caller: Caller): Promise<void> {
  if (!inbound.isJson) throw new SignetError("media_type_unsupported");
  const held: HeldBody = inbound.body
    ? { bytes: ownBytes(inbound.body), release() {} }
    : await readBody(parts, inbound);
  try {
    const { sessionId } = inbound;
    if (sessionId === undefined) await postWithoutId(parts, { inbound, caller }, held.bytes);
    else await postWithId(parts, { inbound, caller, sessionId }, held.bytes);
  } finally {
    held.release();
  }
}

async function postWithoutId(
  parts: GatewayParts,
  { inbound, caller }: Omit<Bearing, "sessionId">,
  body: Uint8Array,
): Promise<void> {
  const classified = await classify(parts, inbound, body);
  if (classified.era === "modern") {
    return await forwardStateless(parts, { inbound, caller, message: classified.message, body });
  }
  if (classified.kind !== "initialize") throw new SignetError("session_required");
  await initialize(parts, { inbound, caller, request: classified.request, body });
}

async function postWithId(parts: GatewayParts, bearing: Bearing, body: Uint8Array): Promise<void> {
  const { inbound, caller } = bearing;
  const classified = await classify(parts, inbound, body);
  try {
    const session = classified.era === "modern" ? await openIfOurs(parts, bearing) : await openOwned(parts, bearing);
    if (session !== undefined) await forwardMessage(parts, { inbound, caller, classified, body }, session);
    else if (classified.era === "modern") {
      await forwardStateless(parts, { inbound, caller, message: classified.message, body });
    }
  } catch (error) {
    // Another caller's cancellation is answered and has no effect (O3).
    const isForeign = error instanceof SignetError && error.code === "owner_mismatch";
    if (!isForeign || !isCancellation(classified)) throw error;
    await inbound.exchange.respond({ status: 202, fields: [] });
  }
}

function mayPassUnparsed({ options }: GatewayParts): boolean {
  return !options.fullLane && !options.cancelOnDisconnect;
}

/** Whether a body of a known session can go as it is; then the id it is to be answered under is known. */
function isPlain(parts: GatewayParts, inbound: Inbound, body: Bytes): boolean {
  const plain = inspectBytes(body, readPlain, { maxDepth: parts.options.maxJsonDepth });
  if (plain !== undefined) inbound.rpcId = plain.id;
  return plain !== undefined;
}

async function classify(parts: GatewayParts, inbound: Inbound, body: Uint8Array): Promise<Classified> {
  const parsed = await parseMessageInTurns(body, { maxDepth: parts.options.maxJsonDepth });
  if (parsed.kind === "request") inbound.rpcId = parsed.id;
  return classifyBody(parsed, inbound.protocolVersion);
}

function isCancellation(classified: Classified): boolean {
  if (classified.era === "legacy" && classified.kind === "initialize") return false;
  const { message } = classified;
  return message.kind === "notification" && message.method === "notifications/cancelled";
}

async function forwardMessage(
  parts: GatewayParts,
  message: { inbound: Inbound; caller: Caller; classified: Classified; body: Uint8Array },
  session: Session,
): Promise<void> {
  const { inbound, caller, classified, body } = message;
  const handshake = classified.era === "legacy" && classified.kind === "initialize" ? classified.request : undefined;
  try {
    requireRevision(session, inbound.protocolVersion);
    if (classified.era === "legacy" && classified.kind === "message" && classified.message.kind === "batch") {
      if (!allowsBatches(session.sealed.protocolVersion)) throw new SignetError("batch_refused");
    }
    // The owner attaches anew: what was remembered of the first initialize gives way to this one's as a whole (E9, O4).
    if (handshake !== undefined) session.replaceTransient(parts.fields.transientOf(inbound));
    const outbound = { inbound, caller, session, body };
    await forward(parts, handshake === undefined ? outbound : { ...outbound, handshake: handshake.id });
  } finally {
    leaveClaim(parts, session);
    const mayCancel = parts.options.cancelOnDisconnect && handshake === undefined; // never initialize (PROTOCOL.md 18)
    if (mayCancel && inbound.exchange.aborted) await cancelCall(parts, { inbound, caller, session });
  }
}

/** Whether a request may come under this version header: the negotiated one, or any published (PROTOCOL.md 13). */
function speaks(session: Session, version: string | undefined): boolean {
  return version === undefined || version === session.sealed.protocolVersion || isKnownRevision(version);
}

function requireRevision(session: Session, version: string | undefined): void {
  if (!speaks(session, version)) throw new SignetError("protocol_version_unsupported");
}
