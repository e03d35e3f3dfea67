// Ids that Signet never issued (O5, `--adopt`), for a roll-out in front of live sessions: the first caller whose use of an
// id the upstream accepts owns it. A weaker promise than a sealed id's, and only for what cannot be one of ours.
// One session a raw id, from the first claim on: with a place in the registry like any other, or the request is refused.
import type { SessionId, UpstreamSessionId } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import { detachText } from "../../http1/wire/fields/fields.ts";
import type { InitializeParams } from "../../mcp/eras/era.ts";
import { DEFAULT_REVISION } from "../../mcp/eras/revisions.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { shortHash } from "../../observe/redact.ts";
import type { Adoption } from "../../session/adoption.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session, SessionFacts } from "../../session/session.ts";
import { routeWithoutSession } from "../out/route.ts";
import type { GatewayParts } from "../parts.ts";
import type { Bearing } from "./bearing.ts";

/** No sid of ours has a colon (base64url). */
const PREFIX = "adopted:";

/** The sid of the session that goes by a raw id. */
export function adoptedSid(rawId: string): string {
  return PREFIX + shortHash(rawId);
}

/** How an id that did not open must have failed to be adoptable: anything that may have been ours stays dead. */
const FOREIGN: ReadonlySet<unknown> = new Set(["alphabet", "length", "version"]);

/** Whether a session goes by a raw id, and so cannot be brought back to life from it. */
export function isAdopted(session: Session): boolean {
  return session.sid.startsWith(PREFIX);
}

/**
 * What `use` makes of the one session of a raw id, in the step in which it is taken. As long as its claim is pending,
 * `settleClaim` and `leaveClaim` are to be called.
 * @throws `failure`, the reason why the id did not open, if it is not to be adopted; SignetError `owner_mismatch`,
 * `principal_limit`, `session_limit` and others
 */
export async function adopt<Used>(
  parts: GatewayParts,
  bearing: Bearing & { readonly use: (session: Session) => Used },
  failure: unknown,
): Promise<Used> {
  const { inbound: { receivedAtMs: nowMs }, caller, sessionId: rawId, use } = bearing;
  const { adoption } = parts;
  if (adoption?.isOpen !== true || !isForeign(failure) || isLiveUpstreamId(parts, rawId)) throw failure;
  const answer = adoption.claim(rawId, caller.owner, nowMs);
  if (answer.kind === "refused") {
    if (answer.reason === "other") throw new SignetError("owner_mismatch");
    if (answer.reason === "busy") throw new SignetError("request_limit", { retryAfterS: 1 });
    throw failure;
  }
  const claim = answer.kind === "claiming" ? answer.claim : undefined;
  let taken: Session | undefined;
  try {
    const facts = factsOf(parts, { rawId, caller, answer });
    // Neither revocation nor expiry is undone by asking again (L6, L8).
    if (nowMs >= facts.sealed.expiresAtMs) throw failure;
    const takeUnless = (isRevoked: boolean) => {
      // Settings and ring may have been reloaded meanwhile (E5).
      const isForbidden = !adoption.isOpen || parts.registry.ring.find(facts.key.idWord) === undefined;
      if (isRevoked || isForbidden) throw failure;
      return use(taken = take(parts, { facts, caller, claim }, nowMs));
    };
    return await parts.registry.askRevoked(facts.sealed, { use: takeUnless });
  } catch (fault) {
    // Else the session has it.
    if (taken === undefined) claim?.release();
    throw fault;
  }
}

/** Who came first has made it; the others share it. */
function take(
  parts: GatewayParts,
  claimed: { facts: SessionFacts; caller: Caller; claim: Session["claim"] },
  nowMs: number,
): Session {
  const { facts, caller, claim } = claimed;
  const live = parts.registry.get(facts.id, nowMs);
  if (live !== undefined && !parts.owners.owns(caller, live)) throw new SignetError("owner_mismatch");
  if (live !== undefined) claim?.release();
  const session = live ?? parts.registry.addOwned(facts, caller, nowMs);
  if (live === undefined && claim !== undefined) session.claim = claim;
  return session;
}

/** The upstream has answered for the session, or has not: the claim is good as soon as it has, once, to anybody. */
export function settleClaim(parts: GatewayParts, session: Session, known: boolean): void {
  const { claim } = session;
  if (claim === undefined || !known) return;
  session.claim = undefined;
  claim.confirm();
  const principal = session.lastOwner?.principal.source;
  parts.log.info("session adopted", { session: session.tag, principal });
}

/**
 * To be called when a request of a session with a pending claim has ended, however. The last one takes the claim and its
 * session with it. What was revoked meanwhile stays claimed, so that it stays dead (L6).
 */
export function leaveClaim(parts: GatewayParts, session: Session): void {
  const { claim } = session;
  if (claim === undefined || session.inFlight > 0) return;
  session.claim = undefined;
  if (session.endReason === "revoked") claim.confirm();
  else claim.release();
  parts.registry.remove(session, "upstream_gone", parts.now());
}

/** After a reload without `--adopt`: a raw id that was adopted is foreign again, in memory or not. */
export function endAdopted(parts: GatewayParts): void {
  for (const session of parts.registry.sessions()) {
    if (isAdopted(session)) parts.registry.remove(session, "revoked", parts.now());
  }
}

/** DELETE forgets the claim; the id is open to a new one (O4, O5). */
export function forgetAdopted(parts: GatewayParts, session: Session, caller: Caller): void {
  parts.adoption?.forget(session.id, caller.owner);
}

function isForeign(failure: unknown): boolean {
  return failure instanceof SignetError && failure.code === "session_not_found" &&
    FOREIGN.has(failure.detail.facts?.outcome);
}

/** The raw id of a sealed session is that session's alone: adopting it would go around its owner. */
function isLiveUpstreamId(parts: GatewayParts, rawId: string): boolean {
  for (const session of parts.registry.sessions()) {
    if (!isAdopted(session) && session.upstreamSessionId === rawId) return true;
  }
  return false;
}

function factsOf(
  parts: GatewayParts,
  adopted: { rawId: string; caller: Caller; answer: Exclude<Adoption, { kind: "refused" }> },
): SessionFacts {
  const { caller, answer } = adopted;
  const sinceMs = answer.kind === "owner" ? answer.sinceMs : answer.claim.sinceMs;
  const rawId = detachText(adopted.rawId);
  const key = parts.registry.ring.active;
  return {
    id: rawId as SessionId,
    key,
    sealed: {
      sid: adoptedSid(rawId),
      owner: parts.owners.fingerprint(caller.principal, key),
      issuedAtMs: sinceMs,
      expiresAtMs: sinceMs + parts.options.sessionTtlMs,
      protocolVersion: DEFAULT_REVISION,
      clientInfo: {},
      capabilities: {},
      upstreams: { [routeWithoutSession(parts).url]: { [SESSION_ID_FIELD]: rawId as UpstreamSessionId } },
    },
  };
}

/** What a session was opened with; an adopted one (O5) has sealed nothing. */
export function openedWith(session: Session): InitializeParams | undefined {
  return isAdopted(session) ? undefined : session;
}
