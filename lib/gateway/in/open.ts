// From the id a request carries to the caller's own session: known here, opened cold, or adopted (L3, O1, O5).
// Every way that fails is told by the error's code: another's session is 403, everything else looks alike, 404 (E8).
import { SignetError } from "../../errors.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { adopt } from "./adopt.ts";
import type { Bearing } from "./bearing.ts";

/**
 * The caller's session, if it is at hand or can be opened without waiting: the fast lane's half of opening. What it is
 * refused with is kept for the full lane, which does not try again what cost so much (E7).
 */
export function findAtOnce(parts: GatewayParts, inbound: Inbound, caller: Caller): Session | undefined {
  const { sessionId, receivedAtMs: nowMs } = inbound;
  if (sessionId === undefined) return undefined;
  const known = parts.registry.get(sessionId, nowMs);
  if (known !== undefined) return parts.owners.owns(caller, known) ? known : undefined;
  try {
    const opened = parts.registry.openCold(sessionId, { caller, nowMs }, asItIs);
    if (!(opened instanceof Promise)) return opened;
    opened.catch(() => {}); // the full lane waits for the same, and hears of it
  } catch (refusal) {
    inbound.notOpened = refusal;
  }
  return undefined;
}

/** @throws as the registry does; what it has thrown before for this request, which is not tried again */
async function openCold<Used>(parts: GatewayParts, bearing: Bearing, use: (session: Session) => Used): Promise<Used> {
  const { inbound, caller, sessionId } = bearing;
  if (inbound.notOpened !== undefined) throw inbound.notOpened;
  return await parts.registry.openCold(sessionId, { caller, nowMs: inbound.receivedAtMs }, use);
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
  if (parts.adoption === undefined) return await openCold(parts, bearing, use);
  let session: Session | undefined;
  try {
    return await openCold(parts, bearing, (opened) => use(session = opened));
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
    const session = known ?? await openCold(parts, bearing, asItIs);
    if (parts.owners.owns(caller, session)) return session;
  } catch (error) {
    if (error instanceof SignetError && error.code === "session_not_found") return undefined;
    throw error;
  }
  throw new SignetError("owner_mismatch");
}
