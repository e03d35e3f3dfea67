// Resurrection (L4): an upstream that lost its session is initialized again from what the id has sealed, so that a real
// client, which would not recover, never notices. Single-flight per session; the new upstream id lives in memory only.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, type FieldList, HttpError } from "../../http1/types.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Caller } from "../../session/caller.ts";
import { END_REASONS, type Session } from "../../session/session.ts";
import type { UpstreamLink } from "../../session/upstream_link.ts";
import { readInitializeAnswer, readUpstreamId } from "./initialize_answer.ts";
import { endUpstream } from "./end.ts";
import { removeField, setField } from "./fields.ts";
import type { Inbound } from "../inbound.ts";
import { ask } from "./notify.ts";
import type { GatewayParts } from "../parts.ts";

const encoder = new TextEncoder();

/** Fields of the waiting request that say something about its body or its place in a stream. */
const OF_THE_MESSAGE = ["last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "content-encoding"];

/** What a server may take to initialize a session; a hung one must not hold requests for ever. */
const TIMEOUT_MS = 30_000;
/**
 * How often a session may be brought back in how long. A server that restarts stays far below it; a client that knows how
 * to get a 404 out of a healthy server could otherwise open as many sessions there as it likes, past every limit (M2).
 */
const MOST_REVIVALS = 10;
const WITHIN_MS = 60_000;

/** A session to be brought back, and the request that needs it. */
interface Revival {
  readonly session: Session;
  readonly link: UpstreamLink;
  readonly inbound: Inbound;
  readonly caller: Caller;
}

/**
 * Makes sure that the upstream knows the session again, unless somebody else has since `seenGeneration`.
 * @throws SignetError `session_not_found` if the upstream refuses it for good, or was asked too often; HttpError if it
 * cannot be reached
 */
export async function revive(
  parts: GatewayParts,
  waiting: Revival & { readonly seenGeneration: number },
): Promise<void> {
  const { link, seenGeneration } = waiting;
  if (link.generation !== seenGeneration) return;
  link.reviving ??= reviveOnce(parts, waiting).finally(() => link.reviving = undefined);
  await link.reviving;
}

async function reviveOnce(parts: GatewayParts, revival: Revival): Promise<void> {
  const { session, link } = revival;
  const facts = { session: session.tag, upstream: parts.upstream.name };
  try {
    takeTurn(link, parts.now());
    link.id = await openAgain(parts, revival);
    link.generation++;
    parts.metrics.resurrections.inc("ok");
    parts.log.info("session resurrected upstream", facts);
  } catch (error) {
    const outcome = error instanceof HttpError ? "unreachable" : outcomeOf(error);
    // Asking in vain has opened nothing.
    if (outcome === "unreachable") link.revivedAtMs?.pop();
    parts.metrics.resurrections.inc(outcome);
    parts.log.warn("session not resurrected", { ...facts, outcome, cause: (error as Error).message });
    throw error;
  }
}

/** @throws SignetError `session_not_found` */
function takeTurn(link: UpstreamLink, nowMs: number): void {
  const turns = link.revivedAtMs ??= [];
  if (turns.length >= MOST_REVIVALS) {
    const seconds = WITHIN_MS / 1000;
    if (nowMs - turns[0]! < WITHIN_MS) {
      throw new SignetError("session_not_found", {
        facts: { outcome: "too_often", within: `${seconds} s`, limit: MOST_REVIVALS },
        remedy: "the upstream keeps losing this session: several servers without shared sessions behind one address?",
      });
    }
    turns.shift();
  }
  turns.push(nowMs);
}

/** A new session upstream; none is left there if it cannot be used. */
async function openAgain(parts: GatewayParts, revival: Revival): Promise<UpstreamSessionId | undefined> {
  const { session, inbound, caller } = revival;
  let id: UpstreamSessionId | undefined;
  try {
    await initializeAgain(parts, revival, (opened) => id = opened);
    await confirmInitialized(parts, revival, id);
    // Ended while it was on its way: nobody would ever end the new one (L5, L6).
    if (session.endReason !== undefined) {
      throw new SignetError("session_not_found", { facts: { outcome: session.endReason } });
    }
    return id;
  } catch (error) {
    if (id !== undefined) {
      const about = { fields: fieldsFor(parts, revival), query: inbound.head.query, caller, session: session.tag };
      endUpstream(parts, { ...about, id }).catch(() => {});
    }
    throw error;
  }
}

type Outcome = "refused" | "version_changed" | "too_often" | "ended";

function outcomeOf(error: unknown): Outcome {
  const fact = error instanceof SignetError ? error.detail.facts?.outcome : undefined;
  if (fact === "version_changed" || fact === "too_often") return fact;
  return END_REASONS.some((reason) => reason === fact) ? "ended" : "refused";
}

/** The waiting request's own fields carry what the upstream wants to see: credentials, tenant, trace. */
function fieldsFor(parts: GatewayParts, { session, link, inbound, caller }: Revival): FieldList {
  const fields = parts.fields.toUpstream(inbound, caller);
  for (const name of OF_THE_MESSAGE) removeField(fields, name);
  setField(fields, "accept", "application/json, text/event-stream");
  setField(fields, "accept-encoding", "identity");
  setField(fields, "content-type", "application/json");
  parts.fields.addRemembered(fields, session, session.sealed.upstreams[link.url]);
  return fields;
}

/** @param onOpened told the new session's id as soon as there is one, whatever becomes of it */
async function initializeAgain(
  parts: GatewayParts,
  revival: Revival,
  onOpened: (id: UpstreamSessionId | undefined) => void,
): Promise<void> {
  const { session, link, inbound, caller } = revival;
  const { protocolVersion, capabilities, clientInfo } = session.sealed;
  const id = `signet-${session.tag}-${link.generation + 1}`;
  const params = { protocolVersion, capabilities, clientInfo };
  const request = {
    method: "POST" as const,
    query: inbound.head.query,
    fields: fieldsFor(parts, revival),
    upstreamSessionId: undefined,
    body: encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, method: "initialize", params })),
    caller,
    session: session.tag,
    revival: true,
  };
  const read = async (response: ClientResponse) => {
    onOpened(readUpstreamId(response));
    assertAccepted(response, "initialize");
    const answer = await readInitializeAnswer(response, id);
    if (answer.protocolVersion === protocolVersion) return;
    throw new SignetError("session_not_found", {
      facts: { outcome: "version_changed", wanted: protocolVersion, found: answer.protocolVersion ?? "an error" },
      remedy: "the MCP server no longer speaks the revision this client has negotiated; the client must reconnect",
    });
  };
  await ask(parts, request, { timeoutMs: TIMEOUT_MS, read });
}

/** A server may refuse everything before it (MCP, Lifecycle, "Initialization"). */
async function confirmInitialized(
  parts: GatewayParts,
  revival: Revival,
  id: UpstreamSessionId | undefined,
): Promise<void> {
  const { session, inbound, caller } = revival;
  const fields = fieldsFor(parts, revival);
  setField(fields, "mcp-protocol-version", session.sealed.protocolVersion);
  const request = {
    method: "POST" as const,
    query: inbound.head.query,
    fields,
    upstreamSessionId: id,
    body: encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    caller,
    session: session.tag,
  };
  await ask(parts, request, {
    timeoutMs: TIMEOUT_MS,
    read: (response) => Promise.resolve(assertAccepted(response, "notifications/initialized")),
  });
}

function assertAccepted(response: ClientResponse, what: string): void {
  const { status } = response.head;
  if (status >= 200 && status < 300) return;
  const facts = { outcome: "refused", attempted: what, status };
  if (status >= 500) throw new SignetError("upstream_unreachable", { facts });
  throw new SignetError("session_not_found", { facts, remedy: "the upstream refused to initialize the session again" });
}
