// DELETE (L5): what is in flight is cut, the id is dead at once and until its expiry, and the upstream is told.
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import { SignetError } from "../../../errors.ts";
import { type ClientResponse, type FieldList, HttpError } from "../../../http1/types.ts";
import { NOTHING_TO_END } from "../../../mcp/lost_session.ts";
import { tellIfOwn } from "../../../platform/faults/uncaught.ts";
import { isJsonObject } from "../../../platform/json.ts";
import type { Caller } from "../../../session/caller.ts";
import type { EndReason, Session } from "../../../session/session.ts";
import { upstreamIdOf } from "../../../upstream/http/session_id_field.ts";
import type { Upstream, UpstreamRequest } from "../../../upstream/upstream.ts";
import { forgetAdopted, isAdopted, openedWith } from "../../in/adopt.ts";
import { corsFieldsFor } from "../../in/guard.ts";
import type { Inbound } from "../../inbound.ts";
import type { GatewayParts } from "../../parts.ts";
import { removeOfMessage } from "../fields/fields.ts";
import { notify } from "../notify.ts";
import { passOn } from "../pass_on.ts";
import { relay } from "../relay.ts";
import { homeOf, route, routeOf, routeWithoutSession } from "../route.ts";
import { type Deleting, endAtOrigin } from "./end_at_origin.ts";

/** @throws SignetError `upstream_*` with status 502 if the upstream could not be told; the id is dead all the same */
export async function end(
  parts: GatewayParts,
  ending: Deleting,
): Promise<void> {
  const { inbound, caller, session } = ending;
  if (inbound.record !== undefined) inbound.record.session = session.tag;
  const [atHome] = isAdopted(session)
    ? ["here"] as const
    : await Promise.all([endAtHome(parts, ending), endAtOrigin(parts, ending)]);
  if (atHome === "answered") return;
  // Another request has ended it since this one found it.
  if (session.endReason === "deleted" || session.endReason === "revoked") throw new SignetError("session_not_found");
  const fields = parts.fields.toUpstream(inbound, caller);
  parts.fields.addRemembered(fields, session);
  const target = routeOf(parts, session);
  const known = target === undefined ? undefined : { upstream: target.upstream, id: session.upstreamSessionId };
  const opened = openedWith(session);
  if (isAdopted(session)) {
    parts.registry.remove(session, "deleted", parts.now());
    forgetAdopted(parts, session, caller);
  } else await parts.registry.revoke(session, "deleted", parts.now());
  parts.moves?.forget(session);
  parts.metrics.deleted.inc();
  parts.log.info("session ended", { session: session.tag });
  // Where replicas share a store it hears of the end by that.
  const failures = atHome === "untold" && parts.moves === undefined ? ["the replica that holds it: not reached"] : [];
  if (known?.id !== undefined) {
    const { upstream, id } = known;
    const about = { query: inbound.head.query, caller, session, opened };
    const failure = await endUpstream(upstream, { ...about, fields, id });
    if (failure !== undefined) failures.push(`${upstream.name}: ${failure}`);
  }
  if (failures.length > 0) {
    throw new SignetError("upstream_unreachable", {
      publicMessage: "The session is ended here, but not every MCP server could be told",
      facts: { failed: failures.join("; ") },
      data: { failed: failures },
    });
  }
  await inbound.exchange.respond({ status: 204, fields: corsFieldsFor(parts.guard, inbound.origin) });
}

/**
 * Where its home is another replica, that one tells the upstream.
 * @returns whether it has answered; `untold` if it could not be asked: it may be gone, and what it held with it, or not
 */
async function endAtHome(
  parts: GatewayParts,
  { inbound, caller, session }: Deleting,
): Promise<"answered" | "here" | "untold"> {
  const target = route(parts, session);
  await parts.moves?.refresh({ session, ...target });
  const home = homeOf(parts, target);
  if (home === undefined || inbound.hop !== undefined) return "here";
  const inFlight = parts.underWay.begin({ inbound, caller }, "call");
  inFlight.outlivesClient = true;
  try {
    const response = await passOn(parts, { outbound: { inbound, body: undefined }, inFlight, home });
    if (response === undefined) return "untold";
    const { status } = response.head;
    if (status === 204 || status === 404 || status === 502) {
      await parts.registry.revoke(session, "deleted", parts.now());
    }
    await relay(parts, { inFlight, response });
    return "answered";
  } finally {
    parts.underWay.end(inFlight);
  }
}

/** A session that ends upstream, and on whose behalf. */
export interface Ending extends Pick<UpstreamRequest, "query" | "caller" | "session" | "opened"> {
  readonly fields: FieldList;
  readonly id: UpstreamSessionId;
}

/** Ends a session upstream. Never rejects. Answers why it could not, without anything secret; undefined if it is gone there. */
async function endUpstream(
  upstream: Upstream,
  ending: Ending,
): Promise<string | undefined> {
  const { fields, id: upstreamSessionId, ...about } = ending;
  removeOfMessage(fields, "content-type", "content-encoding");
  try {
    const status = await notify(upstream, { ...about, method: "DELETE", fields, upstreamSessionId, body: undefined });
    return (status >= 200 && status < 300) || NOTHING_TO_END.has(status) ? undefined : `status ${status}`;
  } catch (error) {
    tellIfOwn(error);
    return error instanceof HttpError ? error.code : failedIn(error) ?? "failed";
  }
}

/** Which of several servers could not be told, as the upstream that stands for them says it (L5). */
function failedIn(error: unknown): string | undefined {
  const data = error instanceof SignetError ? error.detail.data : undefined;
  return isJsonObject(data) && Array.isArray(data.failed) ? data.failed.join("; ") : undefined;
}

/** As {@link endUpstream}, where nobody waits for what comes of it. */
export function endForNobody(...asked: Parameters<typeof endUpstream>): void {
  endUpstream(...asked).catch(tellIfOwn);
}

/** A session that was opened upstream but has no owner here is not left behind there. Nobody waits for it. */
export function endUnowned(
  parts: GatewayParts,
  { inbound, caller }: { inbound: Inbound; caller: Caller },
  response: ClientResponse,
): void {
  const id = upstreamIdOf(response);
  if (id === undefined) return;
  const fields = parts.fields.toUpstream(inbound, caller);
  const about = { fields, query: inbound.head.query, caller, session: undefined, id };
  endForNobody(routeWithoutSession(parts), about);
}

/**
 * A session has left memory: what was opened again for it upstream is ended there, since nothing leads to it any more.
 * What the id has sealed stays: the id leads back to it. Nobody waits for it.
 */
export function endReopened(upstream: Upstream, session: Session, reason: EndReason): void {
  if (reason === "deleted" || reason === "upstream_gone") return;
  // Asked first, since most have none and leave often.
  if (session.reopened !== undefined) endLink(upstream, session).catch(tellIfOwn);
}

/** A session goes on at another replica: what it has here is let go of. Nobody waits for it. */
export function letGo(upstream: Upstream, session: Session): void {
  endLink(upstream, session).catch(tellIfOwn);
  if (session.upstreamSessionId !== undefined) upstream.release(session.upstreamSessionId);
}

/** The same of all sessions, when the process ends and its memory with it. Settles when all have been told, or cannot be. */
export async function endAllReopened(upstream: Upstream, sessions: Iterable<Session>): Promise<void> {
  await Promise.allSettled([...sessions].map((session) => endLink(upstream, session)));
}

async function endLink(upstream: Upstream, session: Session): Promise<void> {
  const { upstreamSessionId: id, reopened, move } = session;
  if (reopened === undefined || id === undefined) return;
  // Other replicas have been told of it, and go on with it.
  if (move !== undefined && !upstream.isLocal) return;
  const { query, caller } = reopened;
  await endUpstream(upstream, { fields: [...reopened.fields], query, caller, session, id });
}
