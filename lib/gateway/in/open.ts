// From the id a request carries to the caller's own session: known here, opened cold, or adopted (L3, O1, O5).
// Every way that fails is told by the error's code: another's session is 403, everything else looks alike, 404 (E8).
import { SignetError } from "../../errors.ts";
import type { Session } from "../../session/session.ts";
import { adopt } from "./adopt.ts";
import type { Bearing } from "./bearing.ts";
import type { GatewayParts } from "../parts.ts";

/** The session at hand, if it is the caller's: the fast lane's half of opening. */
export function findOwned(parts: GatewayParts, { inbound, caller }: Omit<Bearing, "sessionId">): Session | undefined {
  const { sessionId, receivedAtMs } = inbound;
  const known = sessionId === undefined ? undefined : parts.registry.get(sessionId, receivedAtMs);
  return known !== undefined && parts.owners.owns(caller, known) ? known : undefined;
}

/**
 * @param use called in the step in which the session is found: what is entered in it keeps it from giving way to others
 * @returns what `use` does
 * @throws SignetError `session_not_found`, `owner_mismatch`, `session_limit`, `principal_limit`, `identity_unavailable`;
 * whatever `use` throws
 */
export async function openOwned<Used>(
  parts: GatewayParts,
  bearing: Bearing,
  use: (session: Session) => Used,
): Promise<Used> {
  const { inbound: { receivedAtMs: nowMs }, caller, sessionId } = bearing;
  const known = parts.registry.get(sessionId, nowMs);
  if (known !== undefined) {
    if (parts.owners.owns(caller, known)) return use(known);
    throw new SignetError("owner_mismatch");
  }
  if (parts.adoption === undefined) return await parts.registry.openCold(sessionId, { caller, nowMs }, use);
  let session: Session | undefined;
  try {
    return await parts.registry.openCold(sessionId, { caller, nowMs }, (opened) => use(session = opened));
  } catch (failure) {
    if (session !== undefined) throw failure;
    return await adopt(parts, { ...bearing, use }, failure);
  }
}

/** For whoever uses a session later: it may have left memory by then. */
export function asItIs(session: Session): Session {
  return session;
}

/**
 * The same where an id may mean nothing at all, as in the stateless era (docs/protocol.md 26): undefined if it is none
 * of ours.
 */
export async function openIfOurs(parts: GatewayParts, bearing: Bearing): Promise<Session | undefined> {
  const { inbound, caller, sessionId } = bearing;
  const known = parts.registry.get(sessionId, inbound.receivedAtMs);
  try {
    const session = known ?? await parts.registry.openCold(sessionId, { caller, nowMs: inbound.receivedAtMs }, asItIs);
    if (parts.owners.owns(caller, session)) return session;
  } catch (error) {
    if (error instanceof SignetError && error.code === "session_not_found") return undefined;
    throw error;
  }
  throw new SignetError("owner_mismatch");
}
