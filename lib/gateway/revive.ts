// Resurrection (L4): an upstream that lost its session is initialized again from what the id has sealed, so that a real
// client, which would not recover, never notices. Single-flight per session; the new upstream id lives in memory only.
import { SignetError } from "../errors.ts";
import { type ClientResponse, type FieldList, HttpError } from "../http1/types.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { shortHash } from "../observe/redact.ts";
import type { Session, UpstreamLink } from "../session/session.ts";
import { readInitializeAnswer, upstreamIdOf } from "./answer.ts";
import { removeField, setField } from "./fields.ts";
import type { Inbound } from "./inbound.ts";
import type { GatewayParts } from "./parts.ts";

const encoder = new TextEncoder();

/** Fields of the waiting request that say something about its body or its place in a stream. */
const OF_THE_MESSAGE = ["last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "content-encoding"];

/**
 * Makes sure that the upstream knows the session again, unless somebody else has since `seenGeneration`.
 * @throws SignetError `session_not_found` if the upstream refuses it for good; HttpError if it cannot be reached
 */
export async function revive(
  parts: GatewayParts,
  waiting: { session: Session; link: UpstreamLink; inbound: Inbound; seenGeneration: number },
): Promise<void> {
  const { session, link, inbound, seenGeneration } = waiting;
  if (link.generation !== seenGeneration) return;
  link.reviving ??= reviveOnce(parts, session, link, inbound).finally(() => link.reviving = undefined);
  await link.reviving;
}

async function reviveOnce(parts: GatewayParts, session: Session, link: UpstreamLink, inbound: Inbound): Promise<void> {
  const facts = { session: shortHash(session.sealed.sid), upstream: parts.upstream.name };
  try {
    const id = await initializeAgain(parts, session, link, inbound);
    await confirmInitialized(parts, { session, link, inbound, id });
    link.id = id;
    link.generation++;
    parts.metrics.resurrections.inc("ok");
    parts.log.info("session resurrected upstream", facts);
  } catch (error) {
    const outcome = error instanceof HttpError ? "unreachable" : outcomeOf(error);
    parts.metrics.resurrections.inc(outcome);
    parts.log.warn("session not resurrected", { ...facts, outcome, cause: (error as Error).message });
    throw error;
  }
}

function outcomeOf(error: unknown): "refused" | "version_changed" {
  const fact = error instanceof SignetError ? error.detail.facts?.outcome : undefined;
  return fact === "version_changed" ? fact : "refused";
}

/** The waiting request's own fields carry what the upstream wants to see: credentials, tenant, trace. */
function fieldsFor(parts: GatewayParts, session: Session, link: UpstreamLink, inbound: Inbound): FieldList {
  const fields = parts.fields.toUpstream(inbound);
  for (const name of OF_THE_MESSAGE) removeField(fields, name);
  setField(fields, "accept", "application/json, text/event-stream");
  setField(fields, "accept-encoding", "identity");
  setField(fields, "content-type", "application/json");
  parts.fields.addRemembered(fields, session, session.sealed.upstreams[link.url]);
  return fields;
}

async function initializeAgain(
  parts: GatewayParts,
  session: Session,
  link: UpstreamLink,
  inbound: Inbound,
): Promise<UpstreamSessionId | undefined> {
  const { protocolVersion, capabilities, clientInfo } = session.sealed;
  const id = `signet-${shortHash(session.sealed.sid)}-${link.generation + 1}`;
  const params = { protocolVersion, capabilities, clientInfo };
  const response = await parts.upstream.send({
    method: "POST",
    query: inbound.head.query,
    fields: fieldsFor(parts, session, link, inbound),
    sessionId: undefined,
    body: encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, method: "initialize", params })),
  }).response;
  try {
    assertAccepted(response, "initialize");
    const answer = await readInitializeAnswer(response, id);
    if (answer.protocolVersion !== protocolVersion) {
      throw new SignetError("session_not_found", {
        facts: { outcome: "version_changed", wanted: protocolVersion, found: answer.protocolVersion ?? "an error" },
        remedy: "the MCP server no longer speaks the revision this client has negotiated; the client must reconnect",
      });
    }
    return upstreamIdOf(response);
  } finally {
    response.release();
  }
}

/** A server may refuse everything before it (MCP, Lifecycle, "Initialization"). */
async function confirmInitialized(
  parts: GatewayParts,
  revived: { session: Session; link: UpstreamLink; inbound: Inbound; id: UpstreamSessionId | undefined },
): Promise<void> {
  const { session, link, inbound, id } = revived;
  const fields = fieldsFor(parts, session, link, inbound);
  setField(fields, "mcp-protocol-version", session.sealed.protocolVersion);
  const response = await parts.upstream.send({
    method: "POST",
    query: inbound.head.query,
    fields,
    sessionId: id,
    body: encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}'),
  }).response;
  try {
    assertAccepted(response, "notifications/initialized");
  } finally {
    response.release();
  }
}

function assertAccepted(response: ClientResponse, what: string): void {
  const { status } = response.head;
  if (status >= 200 && status < 300) return;
  const facts = { outcome: "refused", attempted: what, status };
  if (status >= 500) throw new SignetError("upstream_unreachable", { facts });
  throw new SignetError("session_not_found", { facts, remedy: "the upstream refused to initialize the session again" });
}
