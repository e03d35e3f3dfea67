// A request of the modern era (MCP 2026-07-28): no session, everything in the message. Checked and passed through.
import { rpcCodeFor, SignetError } from "../../../errors.ts";
import type { FieldList } from "../../../http1/types.ts";
import { subscriptionEnded } from "../../../mcp/eras/between_eras.ts";
import { assertModern } from "../../../mcp/eras/modern.ts";
import { errorResponse, type RpcNotification, type RpcRequest } from "../../../mcp/messages/json_rpc.ts";
import { joinBytes } from "../../../platform/memory/join_bytes.ts";
import { pause, SYSTEM_TIMERS } from "../../../platform/time/timers.ts";
import type { Caller } from "../../../session/caller.ts";
import type { Inbound } from "../../inbound.ts";
import { listsOf } from "../../law.ts";
import type { GatewayParts } from "../../parts.ts";
import { toSignetError } from "../../respond.ts";
import { explainCut } from "../explain_cut.ts";
import { setField } from "../fields/fields.ts";
import type { InFlight } from "../in_flight.ts";
import { relay } from "../relay.ts";
import { requireAnswer } from "../require_answer.ts";
import { requireMcp } from "../require_mcp.ts";
import { endUnowned } from "../sessions/end.ts";
import { bringBack } from "./brought_back.ts";
import type { Carriage } from "./carriage.ts";
import { answerProbe, isProbe, isUnbearable, overheard, tellRemembered } from "./probe.ts";
import { sealAnswer } from "./sealed_answer.ts";
import { answerStateless, type StatelessAnswer } from "./stateless_home.ts";

export interface StatelessRequest {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly message: RpcRequest | RpcNotification;
  readonly body: Uint8Array;
}

/** @throws SignetError as `assertModern`, `request_limit`; HttpError */
export async function forwardStateless(parts: GatewayParts, request: StatelessRequest): Promise<void> {
  const { inbound, caller, message } = request;
  assertModern(message, {
    protocolVersion: inbound.protocolVersion,
    method: inbound.get("mcp-method"),
    name: inbound.get("mcp-name"),
  });
  parts.metrics.modern.inc();
  if (parts.law.policy?.reads.hints === true) inbound.listsOf = listsOf({ caller, session: undefined });
  const fields = parts.fields.toUpstream(inbound, caller);
  const brought = bringBack(parts, request, fields);
  if (isProbe(request)) setField(fields, "accept-encoding", "identity");
  const inFlight = await begin(parts, request);
  if (inFlight === undefined) return;
  try {
    const answered = await ask(parts, request, { inFlight, fields, body: brought.body });
    if (answered !== undefined) await tell(parts, request, { inFlight, carriage: brought.carriage, answered });
  } catch (error) {
    throw explainCut(error, inFlight);
  } finally {
    parts.underWay.end(inFlight);
    if (inFlight.clientGone) parts.metrics.clientAborts.inc();
  }
}

interface Asking {
  readonly inFlight: InFlight;
  readonly fields: FieldList;
  readonly body: Uint8Array;
}

/** Undefined where a probe has been answered with what is remembered. */
async function ask(
  parts: GatewayParts,
  request: StatelessRequest,
  { inFlight, fields, body }: Asking,
): Promise<StatelessAnswer | undefined> {
  const { inbound, caller } = request;
  try {
    return await answerStateless(parts, {
      inbound,
      inFlight,
      received: request.body,
      request: {
        method: "POST",
        query: inbound.head.query,
        fields,
        upstreamSessionId: undefined,
        body,
        // Of what it has opened nobody behind here looks at more than the text.
        parsed: inbound.parsed,
        caller,
        session: undefined,
        noted: inbound.record,
      },
    });
  } catch (fault) {
    if (await answerProbe(parts, request, fault)) return undefined;
    throw fault;
  }
}

interface Telling {
  readonly inFlight: InFlight;
  readonly carriage: Carriage | undefined;
  readonly answered: StatelessAnswer;
}

/** Passes the answer on, with what its client is to bring back sealed in it. */
async function tell(
  parts: GatewayParts,
  request: StatelessRequest,
  { inFlight, carriage, answered }: Telling,
): Promise<void> {
  const { message } = request;
  const { response: given, isPassed } = answered;
  if (isProbe(request) && isUnbearable(given) && await tellRemembered(parts, request)) return given.release();
  const lastWords = (error: unknown) => lastWordsOf(message, explainCut(error, inFlight));
  if (isPassed) return await relay(parts, { inFlight, response: overheard(parts, request, given), lastWords });
  // A server of the other era may have opened a session all the same: it has no owner, and nobody counts it (L1, M1).
  endUnowned(parts, request, given);
  const response = await requireMcp(parts, given).catch((error) => {
    throw explain(error, message.method);
  });
  requireAnswer(request, response);
  const sealed = carriage === undefined ? response : sealAnswer(parts, carriage, response);
  await relay(parts, { inFlight, response: overheard(parts, request, sealed), lastWords });
}

/** A probe that finds nothing falls back to a session, which then is told what is wrong (docs/protocol.md 38). */
function explain(error: unknown, method: string): unknown {
  if (method !== "server/discover" || !(error instanceof SignetError)) return error;
  return error.code === "upstream_not_mcp" ? new SignetError("path_not_found", { cause: error }) : error;
}

/** A probe is waited with for so long, in ms, where there is no room for it at once; asked for again every so often. */
const PROBE_PATIENCE_MS = 2000, PROBE_RETRY_MS = 50;

/**
 * A probe that met a 5xx would make its client give up, one that met a 429 would make it fall back to a session for good
 * (docs/protocol.md 38): it waits for its place, as long as that is likely to be free before long. Undefined where it has
 * been answered with what is remembered.
 */
async function begin(parts: GatewayParts, request: StatelessRequest): Promise<InFlight | undefined> {
  const { message: { method }, inbound } = request;
  const kind = method === "subscriptions/listen" ? "stream" : "call";
  if (method !== "server/discover") return parts.underWay.begin(request, kind);
  for (let waitedMs = 0;; waitedMs += PROBE_RETRY_MS) {
    try {
      return parts.underWay.begin(request, kind);
    } catch (refusal) {
      if (!(refusal instanceof SignetError)) throw refusal;
      if (await answerProbe(parts, request, refusal)) return undefined;
      if (waitedMs < PROBE_PATIENCE_MS && !inbound.exchange.aborted) await pause(PROBE_RETRY_MS, SYSTEM_TIMERS);
      else throw new SignetError("probe_limit", { retryAfterS: refusal.detail.retryAfterS ?? 1, cause: refusal });
    }
  }
}

/** What the stream ends with; an event that was cut off within itself ends first. */
function lastWordsOf(message: RpcRequest | RpcNotification, error: unknown): Uint8Array {
  if (message.kind === "notification") return EVENT_END;
  const refusal = toSignetError(error);
  const { id, method } = message;
  const text = refusal.code === "draining" && method === "subscriptions/listen"
    ? subscriptionEnded(id)
    : errorResponse(id, rpcCodeFor(refusal.kind, true), refusal.message);
  return joinBytes([EVENT_END, DATA, text, EVENT_END]);
}

const EVENT_END = new TextEncoder().encode("\n\n"), DATA = new TextEncoder().encode("event: message\ndata: ");
