// Opens a session: the only place where an id is issued, and only on the answer that carries a successful result
// (L1, docs/protocol.md 1). The place in the limits is taken before anything is awaited (M1).
import { newSid, requireSealable, sealSession, SessionTooLongError } from "../../../envelope/session_id.ts";
import type { SealedSession } from "../../../envelope/session_payload.ts";
import { SignetError } from "../../../errors.ts";
import type { ClientResponse } from "../../../http1/types.ts";
import { type InitializeParams, readInitializeParams } from "../../../mcp/eras/era.ts";
import type { RpcRequest } from "../../../mcp/messages/json_rpc.ts";
import { SESSION_ID_FIELD } from "../../../mcp/session_id_field.ts";
import { shortHash } from "../../../observe/redact.ts";
import type { Caller } from "../../../session/caller.ts";
import type { SessionReservation } from "../../../session/limits/holdings.ts";
import type { ActiveToken, Session, SessionFacts } from "../../../session/session.ts";
import { readUpstreamId } from "../../../upstream/http/session_id_field.ts";
import type { Inbound } from "../../inbound.ts";
import { namedIfLegacy } from "../../legacy_transport.ts";
import { tellOfSession } from "../../observed.ts";
import type { GatewayParts } from "../../parts.ts";
import { explainCut } from "../explain_cut.ts";
import { setField } from "../fields/fields.ts";
import type { InFlight } from "../in_flight.ts";
import { type Arriving, relay } from "../relay.ts";
import { requireMcp } from "../require_mcp.ts";
import { routeWithoutSession } from "../route.ts";
import { sendWithoutSession } from "../send.ts";
import { endUnowned } from "./end.ts";
import { type InitializeAnswer, readInitializeAnswer } from "./initialize_answer.ts";
import { noteFailed, noteRefused } from "./initialize_outcome.ts";

/** An initialize request: who sends it and what it says. */
export interface Opening {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly request: RpcRequest;
  readonly body: Uint8Array;
}

/** What a session is to be made of, and the answer that says so, still to be passed on. */
interface Opened {
  readonly facts: SessionFacts;
  readonly arriving: Arriving;
}

/** A session just taken in, and the place of its own initialize in it. */
interface Entered {
  readonly session: Session;
  readonly token: ActiveToken;
}

/** @throws SignetError `invalid_params`, `draining`, `principal_limit`, `session_limit`, `upstream_*`; HttpError */
export async function initialize(parts: GatewayParts, opening: Opening): Promise<void> {
  if (parts.lifecycle.draining) throw new SignetError("draining", { retryAfterS: 1 });
  const params = readInitializeParams(opening.request);
  requireBounded(parts, opening, params);
  const inFlight = parts.underWay.begin(opening, "call");
  inFlight.isOpening = true;
  try {
    const reservation = parts.registry.reserve(opening.caller, parts.now());
    const sid = newSid(parts.random);
    let opened: Opened | undefined;
    let entered: Entered | undefined;
    try {
      // Over all replicas, where they share a store. Its place here is taken already.
      await parts.places?.take(opening.caller, sid);
      opened = await open(parts, { ...opening, inFlight, sid }, params);
      if (opened !== undefined) entered = await takeIn(parts, opened, reservation);
    } catch (error) {
      if (opened !== undefined) drop(parts, opening, opened.arriving.response);
      throw error;
    } finally {
      if (entered === undefined) {
        reservation.release();
        parts.places?.drop(opening.caller, sid);
      }
    }
    if (opened !== undefined && entered !== undefined) await announce(parts, opening, { ...opened, ...entered });
  } catch (error) {
    if (!inFlight.cut) noteFailed(parts, error);
    throw explainCut(error, inFlight);
  } finally {
    parts.underWay.end(inFlight);
  }
}

/** No client needs a fraction of it, decorated with pictures or not. */
const MAX_INITIALIZE_BYTES = 256 * 1024;

/**
 * Before a place is taken or the upstream asked: what could not be sealed would have opened a session there for
 * nothing.
 */
function requireBounded(parts: GatewayParts, { inbound, body }: Opening, params: InitializeParams): void {
  if (body.length > MAX_INITIALIZE_BYTES) {
    throw new SignetError("invalid_params", {
      publicMessage: `Invalid params: an initialize of ${body.length} bytes, ${MAX_INITIALIZE_BYTES} is the most`,
    });
  }
  parts.fields.transientOf(inbound);
  const { url, idLength } = routeWithoutSession(parts);
  const upstreams = { [url]: parts.fields.sealedOf(inbound) };
  requireSealable({ ...params, upstreams, ...homeOfNew(parts) }, { maxLength: parts.options.maxIdLength, idLength });
}

/**
 * A revocation of everything the caller has opened so far reaches what he is opening now, also one that is heard of while the
 * list is asked; and the key may be gone by then (E5). The session is entered in the step in which it is taken in: nothing
 * comes between, and it gives way to no other.
 */
function takeIn(
  parts: GatewayParts,
  { facts, arriving: { inFlight } }: Opened,
  reservation: SessionReservation,
): Entered | Promise<Entered> {
  const { registry } = parts;
  const use = (isRevoked: boolean): Entered => {
    const outcome = isRevoked ? "revoked" : registry.ring.find(facts.key.idWord) === undefined ? "key" : undefined;
    if (outcome !== undefined) throw new SignetError("session_not_found", { facts: { outcome } });
    const session = registry.add(facts, reservation, parts.now());
    inFlight.isOpening = false;
    return { session, token: session.enter(inFlight, parts.now()) };
  };
  return registry.askRevoked(facts.sealed, { use, untold: (fault) => letInUnasked(parts, fault) });
}

/**
 * A session that begins while the store of all replicas is away: what it has not said by now it says when it is back,
 * and whatever it concerns is ended then (R6). @throws the fault, if there is no such store
 */
function letInUnasked(parts: GatewayParts, fault: unknown): boolean {
  const isAway = fault instanceof SignetError && fault.code === "identity_unavailable";
  if (isAway && parts.places !== undefined) return false;
  throw fault;
}

/**
 * Asks the upstream. Undefined if there is no session to open: the answer then has been passed on, or nobody waits for
 * it.
 */
async function open(
  parts: GatewayParts,
  opening: Opening & { readonly inFlight: InFlight; readonly sid: string },
  params: InitializeParams,
): Promise<Opened | undefined> {
  const { inbound, caller, request, body, inFlight, sid } = opening;
  const fields = parts.fields.toUpstream(inbound, caller);
  setField(fields, "accept-encoding", "identity"); // the answer is read here
  const given = await sendWithoutSession(parts, inFlight, {
    method: "POST",
    query: inbound.head.query,
    fields,
    upstreamSessionId: undefined,
    body,
    parsed: inbound.parsed,
    caller,
    session: { tag: shortHash(sid) },
    isHeard: true,
  });
  const response = await requireMcp(parts, given).catch(async (error) => {
    endUnowned(parts, opening, given);
    throw await namedIfLegacy(parts, error, caller);
  });
  const { status } = response.head;
  if (status < 200 || status >= 300) {
    noteRefused(parts, status);
    endUnowned(parts, opening, response);
    inFlight.isOpening = false;
    await relay(parts, { inFlight, response });
    return undefined;
  }
  try {
    const answer = await readInitializeAnswer(response, {
      id: request.id,
      account: parts.account.shareOf(caller.principalKey),
    });
    parts.metrics.lastHandshake = "answered";
    const arriving = { inFlight, response: answer.response };
    const facts = inFlight.cut ? undefined : seal(parts, opening, { sid, params, response, answer });
    if (facts !== undefined) return { facts, arriving };
    endUnowned(parts, opening, response);
    inFlight.isOpening = false;
    await relay(parts, arriving);
    return undefined;
  } catch (error) {
    drop(parts, opening, response);
    throw error;
  }
}

function drop(parts: GatewayParts, opening: Opening, response: ClientResponse): void {
  endUnowned(parts, opening, response);
  response.release();
}

/** Passes the answer on with the id. */
async function announce(parts: GatewayParts, opening: Opening, opened: Opened & Entered): Promise<void> {
  const { session, token, arriving } = opened;
  parts.metrics.initialized.inc();
  parts.sessionOnly?.remember(session, opening.inbound, opening.caller);
  parts.log.info("session opened", {
    // Said here once, and mostly never again: not kept with the session.
    session: shortHash(session.sid),
    principal: opening.caller.principal.source,
    protocolVersion: session.protocolVersion,
  });
  if (opening.inbound.record !== undefined) opening.inbound.record.session = session.tag;
  tellOfSession(parts, "session.open", { session, caller: opening.caller });
  try {
    await relay(parts, { ...arriving, extra: [SESSION_ID_FIELD, session.id] });
  } finally {
    session.leave(token, parts.now());
  }
}

/**
 * The session that a successful answer opens, sealed; undefined for an error. @throws RangeError if it cannot be sealed
 */
function seal(
  parts: GatewayParts,
  opening: Opening,
  answered: { sid: string; params: InitializeParams; response: ClientResponse; answer: InitializeAnswer },
): SessionFacts | undefined {
  const { params } = answered;
  const { protocolVersion } = answered.answer;
  if (protocolVersion === undefined) return undefined;
  const nowMs = parts.now();
  const key = parts.registry.ring.active; // not the one in force when the request came
  const upstreamId = readUpstreamId(answered.response);
  const remembered = parts.fields.sealedOf(opening.inbound);
  if (upstreamId !== undefined) remembered[SESSION_ID_FIELD] = upstreamId;
  const sealed: SealedSession = {
    sid: answered.sid,
    owner: parts.owners.fingerprint(opening.caller.principal, key),
    issuedAtMs: opening.inbound.receivedAtMs, // what was asked for before a revocation is revoked with the rest
    expiresAtMs: nowMs + parts.options.sessionTtlMs,
    protocolVersion,
    clientInfo: params.clientInfo,
    capabilities: params.capabilities,
    upstreams: { [routeWithoutSession(parts).url]: remembered },
    ...homeOfNew(parts),
  };
  const id = sealAnswered(parts, { key, sealed, upstreamId });
  return { id, sealed, key, transient: parts.fields.transientOf(opening.inbound) };
}

/** A session's home is where it begins (E3). */
function homeOfNew({ replicas: { self } }: GatewayParts): { readonly home?: string } {
  return self === undefined ? {} : { home: self };
}

/**
 * What the client has sent is known to find room: what finds none now is the server's id.
 * @throws SignetError `upstream_invalid`
 */
function sealAnswered(
  parts: GatewayParts,
  { key, sealed, upstreamId }: {
    readonly key: SessionFacts["key"];
    readonly sealed: SealedSession;
    readonly upstreamId: string | undefined;
  },
): SessionFacts["id"] {
  try {
    return sealSession(key, sealed, { maxLength: parts.options.maxIdLength });
  } catch (error) {
    if (!(error instanceof SessionTooLongError) || upstreamId === undefined) throw error;
    throw new SignetError("upstream_invalid", {
      publicMessage: "Bad gateway: the MCP server's session id is too long to be sealed",
      facts: { found: `a session id of ${upstreamId.length} characters` },
      remedy: "Make room where clients bear it: --max-id-length.",
      cause: error,
    });
  }
}
