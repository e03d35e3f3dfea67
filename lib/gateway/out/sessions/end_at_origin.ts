// DELETE of a session that was brought here from a replica that was not reached (docs/behaviour.md L5, R4): where that one is
// there again it is told, and where it is not, nobody waits for it.
import { openSession } from "../../../envelope/session_id.ts";
import { SignetError } from "../../../errors.ts";
import { HttpError } from "../../../http1/types.ts";
import { tellIfOwn } from "../../../platform/faults/uncaught.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../../platform/time/timers.ts";
import type { Caller } from "../../../session/caller.ts";
import type { Session } from "../../../session/session.ts";
import type { Inbound } from "../../inbound.ts";
import type { GatewayParts } from "../../parts.ts";
import type { InFlight } from "../in_flight.ts";
import { passOn } from "../pass_on.ts";
import { homeOf } from "../route.ts";

/** A DELETE, by whom and of what. */
export interface Deleting {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly session: Session;
}

/** So long a DELETE waits for a replica that may be gone, in ms: one that is there answers in a few. */
const ORIGIN_PATIENCE_MS = 250;

/**
 * The replica that opened the session was not reached when it was brought elsewhere, and lives, it may be: where it is there
 * again, it is told. Where replicas share a store it hears of the end by that. Where it is not there, what it held is gone
 * with it, as far as anybody can tell, and the client hears nothing of it, the log does: after a rollout each DELETE would be
 * an error. Nor does the client wait for one whose host is gone without a word: what it may still be told goes on behind the
 * answer, in the request's own place. Never rejects.
 */
export async function endAtOrigin(parts: GatewayParts, ending: Deleting): Promise<void> {
  const origin = originOf(parts, ending);
  if (origin === undefined) return;
  const told = tellOrigin(parts, ending, origin).then((found) => {
    if (found === undefined) return;
    const { tag } = ending.session;
    parts.log.info("session not ended at the replica that opened it", { session: tag, replica: origin, found });
  });
  await settlesWithin(told, ORIGIN_PATIENCE_MS, SYSTEM_TIMERS);
}

/** The replica whose server knows the session from its beginning, if that is another one than where it is now. */
function originOf(parts: GatewayParts, { inbound, session }: Deleting): string | undefined {
  if (parts.moves !== undefined || inbound.hop !== undefined || session.generation === 0) return undefined;
  // What few ever need is in the id alone.
  const opened = openSession(parts.registry.ring, session.id, { maxLength: session.id.length });
  if (!opened.ok || opened.session.home === session.home) return undefined;
  const link = { home: opened.session.home, upstreamUrl: session.upstreamUrl };
  return homeOf(parts, { upstream: parts.upstream, link });
}

/** @returns why it could not be told; undefined if it was. Never rejects */
async function tellOrigin(
  parts: GatewayParts,
  { inbound, caller }: Deleting,
  home: string,
): Promise<string | undefined> {
  const peer = parts.replicas.at(home);
  if (peer === undefined) return "no peer may be there";
  let inFlight: InFlight | undefined;
  try {
    inFlight = parts.underWay.begin({ inbound, caller }, "call");
    inFlight.outlivesClient = true;
    // One look of its own: who was found dead stays so for everybody else until it answers.
    if (!await peer.answers()) return peer.why;
    const response = await passOn(parts, { outbound: { inbound, body: undefined }, inFlight, home });
    if (response === undefined) return peer.why || "it knows nothing of the session";
    response.release();
    const { status } = response.head;
    return status === 204 || status === 404 ? undefined : `status ${status}`;
  } catch (fault) {
    tellIfOwn(fault);
    return whyNot(fault);
  } finally {
    if (inFlight !== undefined) parts.underWay.end(inFlight);
  }
}

/** In words that hold nothing secret. */
function whyNot(error: unknown): string {
  return error instanceof HttpError || error instanceof SignetError ? error.code : "failed";
}
