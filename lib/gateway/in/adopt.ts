// Ids that Signet never issued (O5, `--adopt`), for a roll-out in front of live sessions: the first caller whose use of an
// id the upstream accepts owns it. A weaker promise than a sealed id's, and only for what cannot be one of ours.
import { SignetError } from "../../errors.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { SessionId } from "../../envelope/session_id.ts";
import { DEFAULT_REVISION } from "../../mcp/revisions.ts";
import { shortHash } from "../../observe/redact.ts";
import type { Caller } from "../../session/caller.ts";
import type { Adoption } from "../../session/adoption.ts";
import { Session } from "../../session/session.ts";
import type { Bearing } from "./bearing.ts";
import type { GatewayParts } from "../parts.ts";

/** No sid of ours has a colon (base64url). */
const PREFIX = "adopted:";

/** How an id that did not open must have failed to be adoptable: anything that may have been ours stays dead. */
const FOREIGN: ReadonlySet<unknown> = new Set(["alphabet", "length", "version"]);

/** Whether a session goes by a raw id, and so cannot be brought back to life from it. */
export function isAdopted(session: Session): boolean {
  return session.sealed.sid.startsWith(PREFIX);
}

/** A claim on a raw id, to be settled by what the upstream answers. */
export interface Claim {
  readonly session: Session;
  /** Whether the upstream knew the session. Must be called; after the first time it does nothing. */
  settle(known: boolean): void;
}

/** @throws `failure`, the reason why the id did not open, if it is not to be adopted; SignetError `owner_mismatch` and others */
export async function adopt(
  parts: GatewayParts,
  bearing: Bearing,
  failure: unknown,
): Promise<Claim> {
  const { inbound: { receivedAtMs: nowMs }, caller, sessionId: rawId } = bearing;
  const { adoption } = parts;
  if (adoption === undefined || !isForeign(failure) || isLiveUpstreamId(parts, rawId)) throw failure;
  const answer = adoption.claim(rawId, caller.owner, nowMs);
  if (answer.kind === "refused") {
    if (answer.reason === "other") throw new SignetError("owner_mismatch");
    if (answer.reason === "busy") throw new SignetError("request_limit", { retryAfterS: 1 });
    throw failure;
  }
  try {
    const session = createSession(parts, {
      rawId,
      caller,
      sinceMs: answer.kind === "owner" ? answer.sinceMs : nowMs,
    });
    // Neither revocation nor expiry is undone by asking again (L6, L8).
    if (nowMs >= session.expiresAtMs || await parts.revocations.isRevoked(session.sealed)) throw failure;
    return createClaim(parts, { session, caller, answer });
  } catch (fault) {
    if (answer.kind === "claiming") answer.release();
    throw fault;
  }
}

function createClaim(
  parts: GatewayParts,
  claimed: { session: Session; caller: Caller; answer: Exclude<Adoption, { kind: "refused" }> },
): Claim {
  const { session, caller, answer } = claimed;
  let settled = false;
  return {
    session,
    settle(known) {
      if (settled) return;
      settled = true;
      if (answer.kind === "claiming" && !known) answer.release();
      if (answer.kind === "claiming" && known) {
        answer.confirm();
        parts.log.info("session adopted", { session: session.tag, principal: caller.principal.source });
      }
      if (known) register(parts, session, caller);
    },
  };
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
    if (!isAdopted(session) && session.links.some((link) => link.id === rawId)) return true;
  }
  return false;
}

function createSession(
  parts: GatewayParts,
  adopted: { rawId: string; caller: Caller; sinceMs: number },
): Session {
  const { rawId, caller, sinceMs } = adopted;
  const key = parts.registry.ring.active;
  return new Session({
    id: rawId as SessionId,
    key,
    sealed: {
      sid: PREFIX + shortHash(rawId),
      owner: parts.owners.fingerprint(caller.principal, key),
      issuedAtMs: sinceMs,
      expiresAtMs: sinceMs + parts.options.sessionTtlMs,
      protocolVersion: DEFAULT_REVISION,
      clientInfo: {},
      capabilities: {},
      upstreams: { [parts.upstream.url]: { "mcp-session-id": rawId as UpstreamSessionId } },
    },
  }, parts.now());
}

/** From now on it is found like any other; without a place for it every request claims anew, which works as well. */
function register(parts: GatewayParts, session: Session, caller: Caller): void {
  if (parts.registry.get(session.id, parts.now()) !== undefined) return;
  try {
    parts.registry.add(session, parts.registry.reserve(caller));
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
  }
}
