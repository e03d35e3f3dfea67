// DELETE (L5): what is in flight is cut, the id is dead at once and until its expiry, and the upstream is told.
import { SignetError } from "../errors.ts";
import { type FieldList, HttpError } from "../http1/types.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { shortHash } from "../observe/redact.ts";
import type { Session } from "../session/session.ts";
import { removeField } from "./fields.ts";
import { corsFields } from "./guard.ts";
import type { Inbound } from "./inbound.ts";
import type { GatewayParts } from "./parts.ts";

/** Upstream answers that mean: there is no such session any more, or it cannot be ended by us, which is as good. */
const GONE: ReadonlySet<number> = new Set([401, 403, 404, 405]);

/** How long an upstream may take to end a session. */
const END_TIMEOUT_MS = 5000;

/** @throws SignetError `upstream_*` with status 502 if the upstream could not be told; the id is dead all the same */
export async function end(parts: GatewayParts, inbound: Inbound, session: Session): Promise<void> {
  const fields = parts.fields.toUpstream(inbound);
  for (const link of session.links) {
    parts.fields.addRemembered(fields, session, session.sealed.upstreams[link.url]);
  }
  const links = session.links.map(({ id }) => id);
  await parts.registry.revoke(session, "deleted", parts.now());
  parts.metrics.deleted.inc();
  parts.log.info("session ended", { session: shortHash(session.sealed.sid) });
  const failures: string[] = [];
  for (const id of links) {
    if (id === undefined) continue;
    const failure = await endUpstream(parts, { fields: [...fields], query: inbound.head.query, id });
    if (failure !== undefined) failures.push(`${parts.upstream.name}: ${failure}`);
  }
  if (failures.length > 0) {
    throw new SignetError("upstream_unreachable", {
      publicMessage: "The session is ended here, but not every MCP server could be told",
      facts: { failed: failures.join("; ") },
      data: { failed: failures },
    });
  }
  const cors = inbound.origin === undefined ? [] : corsFields(inbound.origin);
  await inbound.exchange.respond({ status: 204, fields: cors });
}

/** Ends a session upstream. Answers why it could not, without anything secret; undefined if it is gone there. */
export async function endUpstream(
  parts: GatewayParts,
  session: { fields: FieldList; query: string; id: UpstreamSessionId },
): Promise<string | undefined> {
  const { fields, query, id } = session;
  for (const name of ["content-type", "last-event-id", "mcp-method", "mcp-name"]) removeField(fields, name);
  const call = parts.upstream.send({ method: "DELETE", query, fields, sessionId: id });
  const timer = setTimeout(() => call.abort(), END_TIMEOUT_MS);
  try {
    const response = await call.response;
    const { status } = response.head;
    await drain(response.body);
    response.release();
    return (status >= 200 && status < 300) || GONE.has(status) ? undefined : `status ${status}`;
  } catch (error) {
    return error instanceof HttpError ? error.code : "failed";
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a small body to its end so that its connection can be used again; leaves a long one. */
async function drain(body: { read(): Promise<Uint8Array | null> }): Promise<void> {
  let size = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    if ((size += piece.length) > 64 * 1024) return;
  }
}
