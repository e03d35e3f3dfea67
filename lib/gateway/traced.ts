// Where a request meets its trace: told once whether it has one, as soon as its message is known; its context given to what
// is sent for it; ended where the path ends. Where nobody traces each of these is one look at `parts.tracer`, and where a
// request is not sampled its context crosses as it came.
import type { FieldList, Fields } from "../http1/types.ts";
import { parseEndpoint } from "../http1/wire/endpoint.ts";
import { combinedValue, fieldValue, OF_THE_BYTES } from "../http1/wire/fields/fields.ts";
import { type Bytes, inspectBytes, ownBytes } from "../http1/wire/streams/borrowed.ts";
import { readPlain } from "../mcp/messages/read_message.ts";
import { type Attribute, ATTRIBUTES } from "../telemetry/mcp_conventions.ts";
import { readMeta, withContext } from "../telemetry/meta_splice.ts";
import type { Peer, RequestTrace } from "../telemetry/request_trace.ts";
import { otherwise, type Upstream, type UpstreamRequest } from "../upstream/upstream.ts";
import type { Inbound } from "./inbound.ts";
import { makeRecord } from "./observed.ts";
import { removeField, setField } from "./out/fields/fields.ts";
import { AddedCrossing, type Crossing } from "./out/session_request.ts";
import type { GatewayParts } from "./parts.ts";

/** How another replica of Signet's is called where an upstream's name stands. */
const REPLICA = "replica";

/** What of a message matters to its trace. */
export interface TracedMessage {
  /** Of `params._meta`. */
  readonly traceparent: string | undefined;
  readonly body: Bytes;
}

/** To be called where `parts.tracer` is there; again: nothing. */
export function decideTrace(parts: GatewayParts, inbound: Inbound, message?: TracedMessage): void {
  const { tracer } = parts;
  if (tracer === undefined || inbound.trace !== undefined) return;
  inbound.trace = tracer.mayTrace(inbound.facts.traceparent, message?.traceparent)
    ? begin(parts, inbound, message)
    : null;
  // One that has no message has nothing in it.
  if (inbound.trace && message === undefined) inbound.trace.isBare = inbound.facts.traceparent === undefined;
}

/**
 * Whether a request is traced if its message, which has not been read yet, has no context of its own: then what it is about
 * is noted as it is read. To be asked once, where `parts.tracer` is there.
 */
export function expectTrace({ tracer }: GatewayParts, inbound: Inbound): boolean {
  if (tracer === undefined || inbound.trace !== undefined) return false;
  const expected = tracer.mayTrace(inbound.facts.traceparent, undefined);
  if (expected && inbound.record === undefined) makeRecord(inbound);
  return expected;
}

/** As {@link decideTrace}, of a message that goes as it is. @param expected see {@link expectTrace} */
export function decidePlainTrace(
  parts: GatewayParts,
  inbound: Inbound,
  { traceparent, body, expected }: TracedMessage & { readonly expected: boolean },
): void {
  if (inbound.trace !== undefined) return;
  if (traceparent !== undefined) return decideTrace(parts, inbound, { traceparent, body });
  inbound.trace = expected ? begin(parts, inbound, { traceparent, body }) : null;
  if (inbound.trace) inbound.trace.isBare = inbound.facts.traceparent === undefined;
}

function begin(parts: GatewayParts, inbound: Inbound, message: TracedMessage | undefined): RequestTrace | null {
  const trace = parts.tracer?.begin({
    header: inbound.facts.traceparent,
    meta: message?.traceparent,
    startMs: inbound.receivedAtMs,
    startedAt: inbound.receivedAt,
    stateOf: (from) =>
      from === "header" ? combinedValue(inbound.head.fields, "tracestate") : metaOf(message, "tracestate"),
  });
  if (trace === undefined) return null;
  const isFirst = inbound.record === undefined;
  const record = inbound.record ?? makeRecord(inbound);
  record.traceparent = trace.traceparent;
  // Nobody had asked what the message is about when it was read.
  if (isFirst && message !== undefined && inbound.parsed === undefined) {
    inspectBytes(message.body, readPlain, { maxDepth: parts.options.maxJsonDepth, subject: record });
  }
  return trace;
}

function metaOf(message: TracedMessage | undefined, name: string): string | undefined {
  return message === undefined ? undefined : readMeta(ownBytes(message.body), name);
}

/** The context in the `_meta` of a body that has been read whole. */
export function traceparentIn(body: Uint8Array): string | undefined {
  return readMeta(body, "traceparent");
}

/** To be called behind the last step, where the request is traced. */
export function endTrace({ tracer }: GatewayParts, inbound: Inbound): void {
  const { trace, record } = inbound;
  if (tracer === undefined || trace === undefined || trace === null || record === undefined) return;
  tracer.end(trace, record, { minorVersion: inbound.head.minorVersion, protocolVersion: inbound.protocolVersion });
}

/**
 * What of a client's head goes along in its session, with the context of the client span that begins now, where nothing else
 * becomes another: so that what has been made of the head serves traced requests, too. Undefined where more does: see
 * {@link carryTrace}.
 */
export function addTrace(
  { trace }: Inbound,
  upstream: Pick<Upstream, "name" | "url">,
  { fields, notes }: Crossing,
): Crossing | undefined {
  if (!trace?.isBare || notes === undefined || !hasFields(upstream) || hasContext(fields)) return undefined;
  return new AddedCrossing({ fields, notes, added: ["traceparent", trace.send(peerOf(upstream))] });
}

function hasContext(fields: Fields): boolean {
  return fieldValue(fields, "traceparent") !== undefined || fieldValue(fields, "tracestate") !== undefined;
}

/**
 * The request that is sent to `upstream`, with the context of the client span that begins now in its body and, in a list
 * of its own, its fields; as it is where it is not traced.
 */
export function carryTrace(
  { trace }: Inbound,
  upstream: Pick<Upstream, "name" | "url">,
  request: UpstreamRequest,
): UpstreamRequest {
  if (trace === undefined || trace === null) return request;
  const fields = request.fields.slice();
  const traceparent = trace.send(peerOf(upstream));
  setContext(fields, traceparent, trace.place.traceState);
  const body = request.body &&
    inMessage(fields, ownBytes(request.body), { traceparent, insert: !hasFields(upstream) });
  return otherwise(request, { fields, notes: undefined, body });
}

/** What is passed on to another replica, in the same way: its own server span is then below this hop. */
export function carryHop<Body extends Bytes | undefined>(
  { trace }: Inbound,
  home: string,
  { fields, body }: { readonly fields: FieldList; readonly body: Body },
): Body | Uint8Array {
  if (trace === undefined || trace === null) return body;
  const attributes = networkOf({ url: home });
  trace.event("signet.hop", attributes);
  const traceparent = trace.send({ name: REPLICA, attributes: [[ATTRIBUTES.upstream, REPLICA], ...attributes] });
  setContext(fields, traceparent, trace.place.traceState);
  return body === undefined ? body : inMessage(fields, ownBytes(body), { traceparent, insert: false });
}

/** @param fields of the message, which say nothing of its bytes any more where these are others */
function inMessage(
  fields: FieldList,
  body: Uint8Array,
  { traceparent, insert }: { readonly traceparent: string; readonly insert: boolean },
): Uint8Array {
  const carried = withContext(body, traceparent, insert);
  if (carried === body) return body;
  for (const name of OF_THE_BYTES) removeField(fields, name);
  return carried;
}

/** What stands beside it is of another trace where the message has a context of its own. */
function setContext(fields: FieldList, traceparent: string, traceState: string): void {
  setField(fields, "traceparent", traceparent);
  if (traceState === "") removeField(fields, "tracestate");
  else setField(fields, "tracestate", traceState);
}

/** Whether what stands behind gets the fields of a request. */
function hasFields({ url }: Pick<Upstream, "url">): boolean {
  return /^https?:|^http\+unix:/.test(url);
}

/** One entry an upstream: there are as many as are configured. */
const peers = new WeakMap<object, Peer>();

function peerOf(upstream: Pick<Upstream, "name" | "url">): Peer {
  const known = peers.get(upstream);
  if (known !== undefined) return known;
  const { name } = upstream;
  const peer = { name, attributes: [[ATTRIBUTES.upstream, name] as const, ...networkOf(upstream)] };
  peers.set(upstream, peer);
  return peer;
}

function networkOf(upstream: Pick<Upstream, "url">): Attribute[] {
  if (!hasFields(upstream)) return upstream.url.startsWith("stdio:") ? [[ATTRIBUTES.transport, "pipe"]] : [];
  const { endpoint } = parseEndpoint(upstream.url);
  const http: Attribute[] = [[ATTRIBUTES.protocolName, "http"], [ATTRIBUTES.protocolNumber, "1.1"]];
  if (endpoint.transport === "unix") {
    return [[ATTRIBUTES.transport, "unix"], ...http, [ATTRIBUTES.serverAddress, endpoint.path]];
  }
  const { hostname, port } = endpoint;
  return [[ATTRIBUTES.transport, "tcp"], ...http, [ATTRIBUTES.serverAddress, hostname], [ATTRIBUTES.serverPort, port]];
}
