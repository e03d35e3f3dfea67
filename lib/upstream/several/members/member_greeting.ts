// What a member says to a greeting: a session opened, a stateless server described, or a refusal, for good or for now
// (docs/behaviour.md A4, S2).
import type { Carrier, Message } from "../../../bridge/peer/peer.ts";
import type { PeerSource } from "../../../bridge/peer/peer_source.ts";
import { CLIENT, initializeOf } from "../../../bridge/stateless/stateless_life.ts";
import { SignetError } from "../../../errors.ts";
import { speaksModern } from "../../../mcp/eras/for_stateless_server.ts";
import { isLegacyRevision } from "../../../mcp/eras/revisions.ts";
import { findMember, stringAt } from "../../../mcp/json/json_text.ts";
import { isJsonObject } from "../../../platform/json.ts";
import { OTHER_ERA_STATUSES } from "../../peers/http_peer_fault.ts";
import { isErrorForGood } from "../../refused_for_now.ts";
import { STATELESS_MARK } from "../../stateless/stateless_mark.ts";
import { MemberFault } from "./breaker.ts";

/** Whether it is that of clients without sessions. */
export function isDiscovery(handshake: Uint8Array): boolean {
  return stringAt(handshake, findMember(handshake, "method")) === "server/discover";
}

/** Of HTTP servers with sessions: what they say to a discovery without a session. */
const UNKNOWN_HERE: ReadonlySet<unknown> = new Set([...OTHER_ERA_STATUSES, 410]);

/** Whether it may be one with sessions. */
export function saysNothingOfIt(error: unknown): boolean {
  return error instanceof SignetError && UNKNOWN_HERE.has(error.detail.facts?.status);
}

/** A server with sessions was asked as one that has none. */
export class NotStatelessMember extends MemberFault {
  constructor() {
    super("it has no stateless revision", { isForGood: true });
  }
}

/** Asks whether there are any, by opening one, which is nobody's. */
const PROBE = initializeOf({ clientInfo: CLIENT, capabilities: {} });

/** Whether a server, of whichever era, is one with sessions. @throws as `PeerSource.initialize`; MemberFault */
export async function opensSessions(source: PeerSource, carrier: Carrier): Promise<boolean> {
  assertGreeted(await source.initialize(PROBE, carrier), false);
  return hasSessions(source);
}

/** Whether a server is one without sessions, be it of both eras. @throws as `PeerSource.initialize` */
export async function answersDiscovery(source: PeerSource, discovery: Uint8Array, carrier: Carrier): Promise<boolean> {
  try {
    assertGreeted(await source.initialize(discovery, carrier), true);
    return true;
  } catch (error) {
    if (error instanceof NotStatelessMember || saysNothingOfIt(error)) return false;
    throw error;
  }
}

/** Of one that has been greeted. */
export function hasSessions({ state }: PeerSource): boolean {
  return state?.startsWith(STATELESS_MARK) !== true;
}

/** @throws MemberFault, NotStatelessMember */
export function assertGreeted({ value: { result, error } }: Message, isDiscovery: boolean): void {
  if (isDiscovery) {
    if (speaksModern(result)) return;
    throw new NotStatelessMember();
  }
  const version = isJsonObject(result) ? result.protocolVersion : undefined;
  if (typeof version === "string" && isLegacyRevision(version)) return;
  if (isJsonObject(error)) {
    const code = Number(error.code);
    throw new MemberFault(`it refused to initialize (${code})`, { isForGood: isErrorForGood(code) });
  }
  throw new MemberFault("it speaks no revision that Signet knows", { isForGood: true });
}
