// What observers are told of an exchange: begun where the path begins, noted on the way, told once where the path ends, in
// both lanes and however it ends. Where nobody observes there is no record, and every note is one look at that.
import { ERROR_KINDS, type SignetError } from "../errors.ts";
import type { ClientResponse, Fields } from "../http1/types.ts";
import { contentCoding } from "../http1/wire/fields/content_coding.ts";
import { isEventStream } from "../http1/wire/fields/media_type.ts";
import type { Bytes } from "../http1/wire/streams/borrowed.ts";
import { noteOutcome, OutcomeReader } from "../mcp/answer_outcome.ts";
import { findMember } from "../mcp/json/json_text.ts";
import type { Parsed, RpcMessage } from "../mcp/messages/json_rpc.ts";
import { shortened, shortenedUri } from "../mcp/messages/message_subject.ts";
import { type BatchItem, ExchangeRecord } from "../observe/exchange_record.ts";
import type { LifeEvent } from "../observe/observers.ts";
import type { Caller } from "../session/caller.ts";
import type { Session } from "../session/session.ts";
import type { Inbound } from "./inbound.ts";
import type { InFlight } from "./out/in_flight.ts";
import type { GatewayParts } from "./parts.ts";

/**
 * To be called before the first step, where `parts.observers.watched`.
 * @returns what has to be waited for, where there is no room for what is told; it may reject
 */
export function beginRecord({ observers }: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const record = makeRecord(inbound);
  record.isObserved = true;
  observers.begin(record);
  return observers.gate?.();
}

/** A record that no observer is told of, for a trace where nobody observes. */
export function makeRecord(inbound: Inbound): ExchangeRecord {
  const record = new ExchangeRecord(inbound.receivedAtMs, inbound.remoteAddress);
  record.httpMethod = inbound.head.method;
  record.path = inbound.head.path;
  record.userAgent = inbound.facts.userAgent;
  record.traceparent = inbound.facts.traceparent;
  record.bytesIn = Math.max(0, inbound.head.bodyLength);
  inbound.record = record;
  return record;
}

/** To be called behind the last step, however that came. @param endedAt by `performance.now` */
export function endRecord({ observers }: GatewayParts, inbound: Inbound, endedAt: number): void {
  const { record, exchange, provenAs, requestId } = inbound;
  if (record === undefined) return;
  record.actor = provenAs?.principal;
  record.rpcId ??= requestId;
  record.status = exchange.status;
  record.bytesOut = exchange.bodySent;
  if (exchange.aborted) record.cutBy ??= record.refusal === undefined ? "client" : "upstream";
  record.durationMs = endedAt - inbound.receivedAt;
  if (record.isObserved) observers.tell(record);
}

/** What a tool or prompt is called with, for whoever is to see some of it. Of a batch it is not told. */
export function noteArguments({ observers }: GatewayParts, { record }: Inbound, message: Uint8Array): undefined {
  if (record?.method !== "tools/call" && record?.method !== "prompts/get") return;
  const params = findMember(message, "params");
  const span = params === undefined ? undefined : findMember(message, "arguments", params);
  if (span !== undefined) observers.readArguments?.(record, message.subarray(span.start, span.end));
}

/** What a body says that has been read. */
export function noteMessages(record: ExchangeRecord, parsed: Parsed): void {
  if (parsed.kind === "batch") record.batch = parsed.messages.map(itemOf);
  else Object.assign(record, itemOf(parsed));
}

function itemOf(message: RpcMessage): BatchItem {
  if (message.kind === "response") return { method: undefined, name: undefined, uri: undefined, rpcId: message.id };
  const { method, params } = message;
  const rpcId = message.kind === "request" ? message.id : null;
  return { method: shortened(method), name: shortened(params?.name), uri: shortenedUri(params?.uri), rpcId };
}

/** Why Signet does not do what was asked, whatever it is answered with. */
export function noteRefusal({ record }: Inbound, { code, detail: { facts } }: SignetError): void {
  if (record === undefined) return;
  record.refusal = code;
  if (typeof facts?.session === "string") record.session ??= facts.session;
  if (facts?.rule !== undefined) record.rule = String(facts.rule);
  if (facts?.limit !== undefined) record.limit = String(facts.what ?? facts.limit);
}

/** A whole answer that is here, on its way to the client. */
export function noteAnswerBody({ record }: Inbound, fields: Fields, body: Bytes): void {
  if (record === undefined || record.isStream || record.batch !== undefined || contentCoding(fields) !== undefined) {
    return;
  }
  noteOutcome(body, isEventStream(fields), record);
}

/** Who is to see an answer that comes in pieces; undefined where nobody needs to. */
export function outcomeReader(
  { record }: Inbound,
  { head }: ClientResponse,
  inFlight: InFlight,
): OutcomeReader | undefined {
  if (record === undefined || inFlight.kind === "stream" || record.batch !== undefined) return undefined;
  if (contentCoding(head.fields) !== undefined) return undefined;
  return new OutcomeReader(isEventStream(head.fields), record);
}

/** What the engine has refused before there was a request to walk the path. */
export function tellEngineRefusal(
  { observers, now }: GatewayParts,
  refused: { readonly error: SignetError; readonly from: string; readonly status: number; readonly errorId: string },
): void {
  if (!observers.watched) return;
  const { error, from, status, errorId } = refused;
  const record = new ExchangeRecord(now(), from);
  record.refusal = error.code;
  record.rpcCode = ERROR_KINDS[error.code].rpcCode;
  record.outcomeKnown = true;
  record.status = status;
  record.errorId = errorId;
  observers.tell(record);
}

/** Something about a session that no exchange says. */
export function tellOfSession(
  { observers, now }: Pick<GatewayParts, "observers" | "now">,
  event: LifeEvent["event"],
  about: { readonly session: Session; readonly caller?: Caller | undefined; readonly reason?: string },
): void {
  if (!observers.watched) return;
  const { session, caller, reason } = about;
  observers.tellEvent({ event, atMs: now(), session: session.tag, actor: caller?.principal, reason });
}

/** A stream has begun to listen: its exchange, which may last for days, tells of its end. */
export function tellOfStream({ observers, now }: GatewayParts, { record, provenAs }: Inbound): void {
  if (record === undefined) return;
  const { session } = record;
  observers.tellEvent({ event: "stream.open", atMs: now(), session, actor: provenAs?.principal });
}
