// What a traced request becomes: a server span of its own, a client span for each message that was sent for it, and events
// for what happened between. Made for sampled requests only.
import { detachText } from "../http1/wire/fields/fields.ts";
import type { ExchangeRecord } from "../observe/exchange_record.ts";
import { type Attribute, ATTRIBUTES, errorTypeOf, operationAttributes, spanName } from "./mcp_conventions.ts";
import { type EndedSpan, type Span, SPAN_KIND, type SpanEvent } from "./span.ts";
import { formatTraceparent, type TraceContext } from "./trace_context.ts";

/** Where a request stands in its trace. */
export interface TracePlace {
  readonly traceId: string;
  /** Undefined where the trace begins here. */
  readonly parent: TraceContext | undefined;
  /** Of the HTTP request, where the message has a context of its own (SEP-414). */
  readonly link: TraceContext | undefined;
  /** That of the parent; empty if it has none. */
  readonly traceState: string;
  /** When the request's head had come: of the clock, and by `performance.now`. */
  readonly startMs: number;
  readonly startedAt: number;
}

/** What is said of whoever a message is sent to. */
export interface Peer {
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

/** What a request's head says besides its record. */
export interface HeadOfTrace {
  readonly minorVersion: number;
  /** Of MCP; undefined where it is not known. */
  readonly protocolVersion: string | undefined;
}

/** Events of one request: revivals and hops are few. */
const MAX_EVENTS = 32;
/** Messages sent for one request: the first, the same again, a handshake. */
const MAX_SENT = 8;

/** `error.type` of a message that a server had no session for. */
const SESSION_LOST = "session_lost";

/** Of what a client writes into a head: longer than the name of any method or revision. */
const MAX_NAME = 64;

/** A message that was sent for a traced request: its client span. */
class SentMessage implements EndedSpan {
  readonly spanId: string;
  readonly startMs: number;
  endMs: number | undefined = undefined;
  error: string | undefined = undefined;
  readonly #peer: Peer;
  readonly #trace: RequestTrace;

  constructor(trace: RequestTrace, peer: Peer, { spanId, startMs }: Pick<SentMessage, "spanId" | "startMs">) {
    this.#trace = trace;
    this.#peer = peer;
    this.spanId = spanId;
    this.startMs = startMs;
  }

  toSpan(): Span {
    const { place, spanId: parentSpanId, ended: { endMs, told, peersError } } = this.#trace;
    const isAnswered = this.endMs === undefined;
    const error = isAnswered ? peersError : this.error;
    return {
      traceId: place.traceId,
      spanId: this.spanId,
      parentSpanId,
      traceState: place.traceState,
      name: nameOf(told),
      kind: SPAN_KIND.client,
      startMs: this.startMs,
      endMs: this.endMs ?? endMs,
      attributes: [
        ...operationAttributes(told),
        ...this.#peer.attributes,
        ...sessionOf(told),
        ...(isAnswered ? outcomeOf(told, error) : errorOf(error)),
      ],
      events: [],
      links: [],
      failed: error !== undefined,
    };
  }
}

/** What of an exchange's record and head its spans tell. */
type Told =
  & Pick<ExchangeRecord, "method" | "name" | "uri" | "rpcId" | "from" | "lane" | "session" | "member">
  & Pick<ExchangeRecord, "httpMethod" | "status" | "rpcCode" | "refusal" | "errorId">
  & HeadOfTrace;

/**
 * As it is now, and no more of it: spans wait for their batch, and longer for a collector that is slow, while a record may
 * have a batch's thousand messages (M6), and be written to by whatever comes late.
 */
function toldOf(record: ExchangeRecord, { minorVersion, protocolVersion }: HeadOfTrace): Told {
  const { method, name, uri, rpcId, from, lane, session, member, status, rpcCode, refusal, errorId } = record;
  return {
    ...{ method, name, uri, rpcId, from, lane, session, member, status, rpcCode, refusal, errorId, minorVersion },
    httpMethod: ofHead(record.httpMethod),
    protocolVersion: ofHead(protocolVersion),
  };
}

/** What of a head is kept without it. */
function ofHead(text: string | undefined): string | undefined {
  return text && detachText(text.slice(0, MAX_NAME));
}

/** How it has ended. */
interface Ended {
  readonly endMs: number;
  readonly told: Told;
  readonly error: string | undefined;
  /** Of the message that was answered. */
  readonly peersError: string | undefined;
}

/** The trace of a request, and its server span. */
export class RequestTrace implements EndedSpan {
  readonly place: TracePlace;
  readonly spanId: string;
  /** Whether neither its head nor its message has a context, so that one has but to be added to the head. */
  isBare = false;
  readonly #newSpanId: () => string;
  readonly #events: SpanEvent[] = [];
  readonly #sent: SentMessage[] = [];
  #ended: Ended | undefined = undefined;

  constructor(place: TracePlace, newSpanId: () => string) {
    this.place = place;
    this.spanId = newSpanId();
    this.#newSpanId = newSpanId;
  }

  /** The context of its server span. */
  get traceparent(): string {
    return formatTraceparent(this.place.traceId, this.spanId);
  }

  event(name: string, attributes: readonly Attribute[] = []): void {
    if (this.#events.length < MAX_EVENTS) this.#events.push({ name, atMs: this.#nowMs(), attributes });
  }

  /** A message goes to `peer` now. @returns the context that it is to carry */
  send(peer: Peer): string {
    const spanId = this.#newSpanId();
    this.endSent(undefined);
    if (this.#sent.length < MAX_SENT) this.#sent.push(new SentMessage(this, peer, { spanId, startMs: this.#nowMs() }));
    return formatTraceparent(this.place.traceId, spanId);
  }

  /** The message that was sent last has come to nothing more. */
  endSent(error: string | undefined): void {
    const last = this.#last();
    if (last === undefined || last.endMs !== undefined) return;
    last.endMs = this.#nowMs();
    last.error = error;
  }

  /** The upstream does not know the session: what was sent is sent again, or not at all. */
  lose(): void {
    this.endSent(SESSION_LOST);
    this.event("signet.session.lost");
  }

  /** The request has ended. @returns its spans, children first */
  end(record: ExchangeRecord, head: HeadOfTrace): readonly EndedSpan[] {
    const error = errorTypeOf(record);
    // Of whatever Signet itself has answered, the server's part is not known.
    const peersError = record.refusal === undefined
      ? error
      : record.upstreamMs === undefined
      ? record.refusal
      : undefined;
    this.#ended = { endMs: this.#nowMs(), told: toldOf(record, head), error, peersError };
    return [...this.#sent, this];
  }

  get ended(): Ended {
    if (this.#ended === undefined) throw new Error("telling of a span: found a request that has not ended");
    return this.#ended;
  }

  toSpan(): Span {
    const { endMs, told, error } = this.ended;
    const { traceId, parent, link, traceState, startMs } = this.place;
    return {
      traceId,
      spanId: this.spanId,
      parentSpanId: parent?.spanId ?? "",
      traceState,
      name: nameOf(told),
      kind: SPAN_KIND.server,
      startMs,
      endMs,
      attributes: [
        ...operationAttributes(told),
        ...serverAttributes(told),
        ...sessionOf(told),
        ...outcomeOf(told, error),
      ],
      events: this.#events,
      links: link === undefined ? [] : [link],
      failed: error !== undefined,
    };
  }

  #last(): SentMessage | undefined {
    return this.#sent.at(-1);
  }

  #nowMs(): number {
    return this.place.startMs + performance.now() - this.place.startedAt;
  }
}

function nameOf(told: Told): string {
  return spanName(told, told.httpMethod ?? "HTTP");
}

function sessionOf({ session, protocolVersion }: Told): Attribute[] {
  const attributes: Attribute[] = [];
  if (protocolVersion !== undefined) attributes.push([ATTRIBUTES.protocolVersion, protocolVersion]);
  if (session !== undefined) attributes.push([ATTRIBUTES.sessionId, session]);
  return attributes;
}

function serverAttributes({ from, lane, httpMethod, refusal, errorId, status, minorVersion }: Told): Attribute[] {
  const attributes: Attribute[] = [
    [ATTRIBUTES.transport, "tcp"],
    [ATTRIBUTES.protocolName, "http"],
    [ATTRIBUTES.protocolNumber, `1.${minorVersion}`],
    [ATTRIBUTES.clientAddress, from],
    [ATTRIBUTES.lane, lane],
  ];
  const more: readonly (readonly [string, string | undefined])[] = [
    [ATTRIBUTES.httpMethod, httpMethod],
    [ATTRIBUTES.refusal, refusal],
    [ATTRIBUTES.errorId, errorId],
  ];
  for (const [key, value] of more) if (value !== undefined) attributes.push([key, value]);
  if (status > 0) attributes.push([ATTRIBUTES.httpStatus, status]);
  return attributes;
}

function errorOf(error: string | undefined): Attribute[] {
  return error === undefined ? [] : [[ATTRIBUTES.errorType, error]];
}

function outcomeOf({ rpcCode, member }: Told, error: string | undefined): Attribute[] {
  const attributes = errorOf(error);
  if (rpcCode !== undefined && error !== undefined) attributes.push([ATTRIBUTES.rpcStatus, String(rpcCode)]);
  if (member !== undefined) attributes.push([ATTRIBUTES.member, member]);
  return attributes;
}
