// What a POST says, read no further than the path needs: nothing but its id where a known session's message can go as
// it came, its era and kind where that decides what becomes of it.
import { SignetError } from "../../errors.ts";
import { type Bytes, inspectBytes, inspectInPlace } from "../../http1/wire/streams/borrowed.ts";
import { type Classified, classify as classifyMessage } from "../../mcp/eras/era.ts";
import { allowsBatches, isKnownRevision } from "../../mcp/eras/revisions.ts";
import type { Parsed } from "../../mcp/messages/json_rpc.ts";
import type { Subject } from "../../mcp/messages/message_subject.ts";
import { BATCH, methodNumber, RESPONSE } from "../../mcp/messages/methods.ts";
import { parseMessageInTurns, readPlain } from "../../mcp/messages/read_message.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import { noteArguments, noteMessages } from "../observed.ts";
import type { GatewayParts } from "../parts.ts";
import { decidePlainTrace, decideTrace, expectTrace, traceparentIn } from "../traced.ts";

/** What is looked at in the turn in which it was found, and by nobody later. */
const scratch: Subject = { method: undefined, name: undefined, uri: undefined };
const reading = { maxDepth: 0, subject: undefined as Subject | undefined, traced: false };

function emptied(subject: Subject): Subject {
  subject.method = subject.name = subject.uri = undefined;
  return subject;
}

/** Whether a body of a known session can go as it is; then the id it is to be answered under is known. */
export function isPlain(parts: GatewayParts, inbound: Inbound, body: Bytes): boolean {
  const traced = parts.tracer !== undefined;
  const expected = traced && expectTrace(parts, inbound);
  if (inbound.record === undefined && parts.law.governs) inbound.subject = emptied(scratch);
  reading.maxDepth = parts.options.maxJsonDepth;
  reading.subject = inbound.subject;
  reading.traced = traced;
  const plain = inspectInPlace(body, readPlain, reading);
  if (plain === undefined) return false;
  if (parts.observers.readArguments !== undefined) {
    inspectBytes(body, (view) => noteArguments(parts, inbound, view), undefined);
  }
  inbound.rpcId = plain.id;
  inbound.methodRow = plain.method;
  if (traced) decidePlainTrace(parts, inbound, { traceparent: plain.traceparent, body, expected });
  return true;
}

/** @throws SignetError `parse_error`, `invalid_request` and others, as the parser */
export async function classify(parts: GatewayParts, inbound: Inbound, body: Uint8Array): Promise<Classified> {
  const parsed = await parseMessageInTurns(body, { maxDepth: parts.options.maxJsonDepth });
  inbound.parsed = parsed;
  inbound.methodRow = methodOf(parsed);
  if (parts.tracer !== undefined) decideTrace(parts, inbound, { traceparent: traceparentOf(parsed, body), body });
  if (inbound.record !== undefined) {
    noteMessages(inbound.record, parsed);
    if (parts.observers.readArguments !== undefined) noteArguments(parts, inbound, body);
  }
  if (parsed.kind === "request") inbound.rpcId = parsed.id;
  if (parsed.kind === "batch") {
    const first = parsed.messages.find((message) => message.kind === "request");
    if (first !== undefined) inbound.requestId = first.id;
  }
  return classifyMessage(parsed, inbound.protocolVersion);
}

/** The context of one message; a batch has none of its own. */
function traceparentOf(parsed: Parsed, body: Uint8Array): string | undefined {
  return parsed.kind === "batch" || parsed.kind === "response" ? undefined : traceparentIn(body);
}

/** The row that a body is counted in, of `METHODS`. */
function methodOf(parsed: Parsed): number {
  if (parsed.kind === "batch") return BATCH;
  return parsed.kind === "response" ? RESPONSE : methodNumber(parsed.method);
}

export function isInitialize(message: Classified): message is Extract<Classified, { kind: "initialize" }> {
  return message.era === "legacy" && message.kind === "initialize";
}

export function isCancellation(classified: Classified): boolean {
  if (classified.era === "legacy" && classified.kind === "initialize") return false;
  const { message } = classified;
  return message.kind === "notification" && message.method === "notifications/cancelled";
}

/** Whether a request may come under this version header: the negotiated one, or any published (docs/protocol.md 13). */
export function speaks(session: Session, version: string | undefined): boolean {
  return version === undefined || version === session.protocolVersion || isKnownRevision(version);
}

/** @throws SignetError `protocol_version_unsupported`; `batch_refused` (docs/protocol.md 12) */
export function requireSpoken(session: Session, { protocolVersion }: Inbound, message: Classified | undefined): void {
  if (!speaks(session, protocolVersion)) throw new SignetError("protocol_version_unsupported");
  const isBatch = message?.era === "legacy" && message.kind === "message" && message.message.kind === "batch";
  if (isBatch && !allowsBatches(session.protocolVersion)) throw new SignetError("batch_refused");
}
