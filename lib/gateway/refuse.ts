// A request that Signet answers itself because something stood in its way. None goes without a line in the log (V1).
import { ERROR_KINDS, type ErrorCode, rpcCodeFor, SignetError } from "../errors.ts";
import type { RefusedRequest } from "../http1/server/server_context.ts";
import type { ClientResponse, HttpError } from "../http1/types.ts";
import { methodNumber, UNREAD } from "../mcp/messages/methods.ts";
import { corsFieldsFor } from "./in/guard.ts";
import { notTakenFields } from "./in/hopped.ts";
import type { Inbound } from "./inbound.ts";
import { noteRefusal, tellEngineRefusal } from "./observed.ts";
import type { GatewayParts } from "./parts.ts";
import { refusalFacts } from "./refusal_facts.ts";
import { type ErrorResponse, isToolResult, toSignetError } from "./respond.ts";
import { resultMembers } from "./tool_result.ts";
import { decideTrace } from "./traced.ts";

/** The answer to what the engine refuses before the gateway sees it. A page of an allowed origin may read it, as any other. */
export function renderEngineError(parts: GatewayParts, error: HttpError, refused: RefusedRequest): ErrorResponse {
  const { remoteAddress: from, origin } = refused;
  const signetError = toSignetError(error);
  parts.metrics.refusals.inc(signetError.code);
  const answer = parts.errors.respond(error, { facts: { from }, fields: corsFieldsFor(parts.guard, origin) });
  const { start: { status }, errorId } = answer;
  parts.metrics.exchanges.count(UNREAD, status, 0);
  tellEngineRefusal(parts, { error: signetError, from, status, errorId });
  return answer;
}

/** A refusal of Signet's own that comes as an upstream's answer, since what refuses stands for one (`bridge/`). */
export function tellRefusalBehind(parts: GatewayParts, inbound: Inbound, { refusal }: ClientResponse): void {
  if (refusal === undefined) return;
  const error = new SignetError(refusal.code as ErrorCode, { facts: { found: refusal.found } });
  parts.metrics.refusals.inc(error.code);
  const facts = refusalFacts({ parts, inbound, error });
  noteRefusal(inbound, error);
  parts.errors.tell(error, facts);
}

const TOOLS_CALL = methodNumber("tools/call");

/** What a caller has too much of ends soon: an agent that calls a tool is told so where it looks (G5). */
function asAgentsRead(inbound: Inbound, error: SignetError): SignetError {
  const { methodRow, rpcId } = inbound;
  const isOfCalls = error.code === "principal_limit" && String(error.detail.facts?.what).startsWith("calls of one");
  if (!isOfCalls || methodRow !== TOOLS_CALL || rpcId === null) return error;
  const { retryAfterS = 1 } = error.detail;
  const publicMessage = `${error.message}. Wait ${retryAfterS} s before trying again.`;
  return new SignetError(error.code, { asToolResult: resultMembers(inbound), ...error.detail, publicMessage });
}

/** By which the log's line is found from the trace, and the trace from the line. */
function traceFact({ trace }: Inbound): { readonly trace?: string } {
  return trace ? { trace: trace.place.traceId } : {};
}

/** Answers with the error, unless an answer is under way: then the client sees it break off. */
export async function refuse(parts: GatewayParts, inbound: Inbound, error: unknown): Promise<void> {
  const signetError = asAgentsRead(inbound, toSignetError(error));
  parts.metrics.refusals.inc(signetError.code);
  const { exchange, origin } = inbound;
  if (parts.tracer !== undefined) decideTrace(parts, inbound);
  const facts = { ...refusalFacts({ parts, inbound, error: signetError }), ...traceFact(inbound) };
  noteRefusal(inbound, signetError);
  if (inbound.record !== undefined) inbound.record.session ??= facts.session;
  // The client sees it break off, or has left: the log is the only place where it shows.
  if (exchange.started || exchange.aborted) return parts.errors.note(signetError, facts);
  const isStateless = inbound.facts.claimsModernEra;
  const { start, body, errorId } = parts.errors.respond(signetError, {
    rpcId: inbound.rpcId,
    isStateless,
    facts,
    fields: [...corsFieldsFor(parts.guard, origin), ...notTakenFields(inbound, signetError)],
  });
  if (inbound.record !== undefined) {
    inbound.record.errorId = errorId;
    if (isToolResult(signetError, inbound.rpcId)) inbound.record.isError = true;
    else inbound.record.rpcCode = rpcCodeFor(ERROR_KINDS[signetError.code], isStateless);
    inbound.record.outcomeKnown = true;
  }
  await exchange.respond(start, body);
}
