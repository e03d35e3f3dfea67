// Resurrection (L4): an upstream that lost its session is initialized again from what the id has sealed, so that a real
// client, which would not recover, never notices. Single-flight per session; the new upstream id lives in memory only.
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import { SignetError } from "../../../errors.ts";
import { HttpError } from "../../../http1/types.ts";
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import type { Turn } from "../../../session/limits/reopenings.ts";
import { LostSession, type SessionAnswer } from "../../../session/lost_session.ts";
import { END_REASONS } from "../../../session/session.ts";
import { readUpstreamId } from "../../../upstream/http/session_id_field.ts";
import { isErrorForGood, isRefusalForNow } from "../../../upstream/refused_for_now.ts";
import { isAdopted } from "../../in/adopt.ts";
import type { GatewayParts } from "../../parts.ts";
import { setField } from "../fields/fields.ts";
import { ask } from "../notify.ts";
import { requireMcp } from "../require_mcp.ts";
import { requireResponse } from "../send.ts";
import { endForNobody } from "./end.ts";
import { readInitializeAnswer } from "./initialize_answer.ts";
import { noteFailed, noteRefused } from "./initialize_outcome.ts";
import { fieldsFor, keep, type Revival, takeOver, takeTurn } from "./reopening.ts";

const encoder = new TextEncoder();

/** What a server may take to hear that its session is initialized. */
const CONFIRM_TIMEOUT_MS = 30_000;

/**
 * Makes sure that the upstream knows the session again, unless somebody else has since `seenGeneration`.
 * @throws SignetError `session_not_found` if the upstream refuses it for good, or was asked too often; HttpError if it
 * cannot be reached
 */
export async function revive(
  parts: GatewayParts,
  waiting: Revival & { readonly seenGeneration: number; readonly gone?: string | undefined },
): Promise<void> {
  const { link, seenGeneration } = waiting;
  if (link.generation !== seenGeneration) return;
  link.reviving ??= reviveOnce(parts, waiting).finally(() => link.reviving = undefined);
  await link.reviving;
}

/** Once among all replicas, where they can tell each other; the one that all of them find, where they cannot (R1). */
async function reviveOnce(
  parts: GatewayParts,
  revival: Revival & { readonly gone?: string | undefined },
): Promise<void> {
  const { session, link, upstream, inbound, gone } = revival;
  if (isAdopted(session)) return await reviveHere(parts, revival);
  if (parts.moves !== undefined) {
    return await parts.moves.openOnce({ session, link, upstream }, () => reviveHere(parts, revival));
  }
  const heir = gone === undefined || inbound.hop !== undefined ? undefined : parts.replicas.heirOf(session.sid, gone);
  if (heir === undefined) return await reviveHere(parts, revival);
  link.home = heir;
  link.generation++;
}

/** @param revival `gone` is no doing of a client's, as a loss may be: it is not counted among its losses */
async function reviveHere(
  parts: GatewayParts,
  revival: Revival & { readonly gone?: string | undefined },
): Promise<void> {
  const { session, upstream, gone } = revival;
  const facts = { session: session.tag, upstream: upstream.name };
  let turn: Turn | undefined;
  let accepted = false;
  try {
    turn = gone === undefined ? takeTurn(parts, revival) : undefined;
    await openUpstreamSession(parts, revival, (is) => accepted = is);
    parts.metrics.resurrections.inc("ok");
    parts.log.info("session resurrected upstream", facts);
  } catch (error) {
    const outcome = error instanceof HttpError ? "unreachable" : outcomeOf(error);
    // Asking in vain has opened nothing, whoever said no: the server, the way to it, or a cap of Signet's own.
    if (!accepted) turn?.giveBack();
    if (error instanceof HttpError) noteFailed(parts, error);
    parts.metrics.resurrections.inc(outcome);
    parts.log.warn("session not resurrected", { ...facts, outcome, cause: (error as Error).message });
    throw error;
  }
}

/**
 * Makes the link stand for a new session upstream; none is left there if it cannot be used.
 * @param onAccepted as of `Watch`
 */
async function openUpstreamSession(
  parts: GatewayParts,
  revival: Revival,
  onAccepted: Watch["onAccepted"],
): Promise<void> {
  const { session, upstream, link, inbound, caller } = revival;
  const { generation } = link;
  const endOpened = (id: UpstreamSessionId | undefined) => {
    if (id === undefined) return;
    const about = { fields: fieldsFor(parts, revival), query: inbound.head.query, caller, session };
    endForNobody(upstream, { ...about, id });
  };
  let id: UpstreamSessionId | undefined;
  try {
    await initializeAgain(parts, revival, { onOpened: (opened) => id = opened, onAccepted });
    await confirmInitialized(parts, revival, id);
    // Ended while it was on its way: nobody would ever end the new one (L5, L6).
    if (session.endReason !== undefined) {
      throw new SignetError("session_not_found", { facts: { outcome: session.endReason } });
    }
    // Another replica was faster, whose turn this one's was by then: its session may have state by now.
    if (link.generation !== generation) return endOpened(id);
    // In the same turn: whoever ends the session from now on finds the new one.
    takeOver(link, { id, reopened: keep(fieldsFor(parts, revival), revival) });
  } catch (error) {
    endOpened(id);
    throw error;
  }
}

/** Whether the upstream has refused to open a session at all. */
export function isInitializeRefused(error: unknown): error is SignetError {
  const facts = error instanceof SignetError ? error.detail.facts : undefined;
  return facts?.outcome === "refused" && facts.attempted === "initialize";
}

type Outcome = "refused" | "version_changed" | "too_often" | "ended";

function outcomeOf(error: unknown): Outcome {
  const fact = error instanceof SignetError ? error.detail.facts?.outcome : undefined;
  if (fact === "version_changed" || fact === "too_often") return fact;
  return END_REASONS.some((reason) => reason === fact) ? "ended" : "refused";
}

interface Watch {
  /** Told the new session's id as soon as there is one, whatever becomes of it. */
  readonly onOpened: (id: UpstreamSessionId | undefined) => void;
  /** From here on there is, or may be, a session more upstream; or none after all: it was an error that has come. */
  readonly onAccepted: (accepted: boolean) => void;
}

const INITIALIZED = { kind: "notification", method: "notifications/initialized", params: undefined } as const;

async function initializeAgain(parts: GatewayParts, revival: Revival, watch: Watch): Promise<void> {
  const { session, upstream, link, inbound, caller } = revival;
  const { protocolVersion, capabilities, clientInfo } = session;
  const id = `signet-${session.tag}-${link.generation + 1}`;
  const params = { protocolVersion, capabilities, clientInfo };
  const request = {
    method: "POST" as const,
    query: inbound.head.query,
    fields: fieldsFor(parts, revival),
    upstreamSessionId: undefined,
    body: encodeJson({ jsonrpc: "2.0", id, method: "initialize", params }),
    // What Signet has written itself nobody need read to know what it is.
    parsed: { kind: "request" as const, id, method: "initialize", params },
    caller,
    session,
    revival: true,
  };
  const read = async (given: SessionAnswer) => {
    const response = await requireMcp(parts, requireResponse(given));
    const opened = readUpstreamId(response);
    watch.onOpened(opened);
    if (response.head.status >= 300) noteRefused(parts, response.head.status);
    assertAccepted(parts, response, "initialize");
    watch.onAccepted(true);
    const answer = await readInitializeAnswer(response, { id, account: parts.account.shareOf(caller.principalKey) });
    answer.response.release();
    parts.metrics.lastHandshake = "answered";
    if (answer.protocolVersion === protocolVersion) return;
    const { errorCode } = answer;
    if (errorCode !== undefined && !isErrorForGood(errorCode)) {
      watch.onAccepted(opened !== undefined);
      throw refusedForNow({ attempted: "initialize", status: response.head.status, code: errorCode });
    }
    throw new SignetError("session_not_found", {
      facts: { outcome: "version_changed", wanted: protocolVersion, found: answer.protocolVersion ?? "an error" },
      remedy: "The MCP server no longer speaks the revision this client has negotiated: the client must reconnect.",
    });
  };
  await ask(upstream, request, { timeoutMs: upstream.initializeTimeoutMs, read });
}

/** A server may refuse everything before it (MCP, Lifecycle, "Initialization"). */
async function confirmInitialized(
  parts: GatewayParts,
  revival: Revival,
  id: UpstreamSessionId | undefined,
): Promise<void> {
  const { session, upstream, inbound, caller } = revival;
  const fields = fieldsFor(parts, revival);
  setField(fields, "mcp-protocol-version", session.protocolVersion);
  const request = {
    method: "POST" as const,
    query: inbound.head.query,
    fields,
    upstreamSessionId: id,
    body: encoder.encode('{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    parsed: INITIALIZED,
    caller,
    session,
  };
  await ask(upstream, request, {
    timeoutMs: CONFIRM_TIMEOUT_MS,
    read: (answer) => Promise.resolve(assertAccepted(parts, answer, "notifications/initialized")),
  });
}

function refusedForNow(
  found: { readonly attempted: string; readonly status: number; readonly code?: number },
): SignetError {
  const { status, code } = found;
  const words = code === undefined ? `status ${status}` : `error ${code}`;
  return new SignetError("upstream_unreachable", {
    publicMessage: `Bad gateway: the MCP server takes no session for now (${words})`,
    facts: { outcome: "refused", ...found },
    remedy: "The session's next request tries again.",
  });
}

function assertAccepted({ authentication }: GatewayParts, answer: SessionAnswer, what: string): void {
  const head = answer instanceof LostSession ? { status: 404, fields: [] } : answer.head;
  const { status } = head;
  if (status >= 200 && status < 300) return;
  const facts = { outcome: "refused", attempted: what, status };
  const refused = authentication.refusedBehind(head, {
    facts,
    remedy: "The MCP server takes no session with the client's credential: the client has to bring another one.",
  });
  if (refused !== undefined) throw refused;
  // A 404 ends a session for real clients: it is said of one that cannot come back, not of one that cannot do so now.
  if (isRefusalForNow(status)) throw refusedForNow({ attempted: what, status });
  throw new SignetError("session_not_found", {
    facts,
    remedy: "The upstream refused to initialize the session again.",
  });
}
