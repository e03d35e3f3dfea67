// Reads the upstream's answer to an initialize far enough to know whether it succeeded: only then may a session id be
// issued (PROTOCOL.md 1). The answer may be JSON or an event stream, as the upstream chooses (PROTOCOL.md 11).
import { SignetError } from "../../errors.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { countField, detachText, fieldValue } from "../../http1/wire/fields.ts";
import { ownBytes } from "../../http1/wire/borrowed.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { isJsonObject, parseMessage, type RpcId, type RpcResponse } from "../../mcp/json_rpc.ts";
import { GatheredBytes } from "../../mcp/gathered_bytes.ts";
import { SseParser } from "../../mcp/sse.ts";
import { isMediaType } from "../inbound.ts";
import { isEventStream } from "./relay.ts";

/** What an id may be (MCP 2025-11-25, "Session Management" 1), short enough to be sealed. */
const UPSTREAM_ID = /^[\x21-\x7e]{1,2048}$/;

/**
 * The id the upstream gives a session, to be kept; undefined from one that gives none.
 * @throws SignetError `upstream_invalid` if it is none that could be sent back
 */
export function readUpstreamId(response: ClientResponse): UpstreamSessionId | undefined {
  const id = upstreamIdOf(response);
  if (id !== undefined || countField(response.head.fields, "mcp-session-id") === 0) return id;
  throw unreadable("a session id that is repeated, empty, longer than 2,048 characters or not visible ASCII");
}

/** The same where an id of another form counts for none. */
export function upstreamIdOf(response: ClientResponse): UpstreamSessionId | undefined {
  const { fields } = response.head;
  const id = fieldValue(fields, "mcp-session-id");
  if (id === undefined || !UPSTREAM_ID.test(id) || countField(fields, "mcp-session-id") > 1) return undefined;
  return detachText(id) as UpstreamSessionId;
}

export interface InitializeAnswer {
  /** The raw bytes read so far: all of a JSON body, or an event stream up to and including the answer. */
  readonly bytes: Uint8Array;
  /** The negotiated revision; undefined if the upstream answered with an error. */
  readonly protocolVersion: string | undefined;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_DEPTH = 128;
const REVISION = /^[\x21-\x7e]{1,64}$/;

function unreadable(found: string): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { found: `initialize was answered with ${found}` },
    remedy: "the upstream must answer initialize with a JSON-RPC response, as JSON or as an event stream",
  });
}

function read(bytes: Uint8Array, id: RpcId): RpcResponse | undefined {
  const message = parseMessage(bytes, { maxDepth: MAX_DEPTH });
  return message.kind === "response" && (message.id === id || message.error !== undefined) ? message : undefined;
}

function asAnswer(bytes: Uint8Array, response: RpcResponse): InitializeAnswer {
  if (response.result === undefined) return { bytes, protocolVersion: undefined };
  const { protocolVersion, capabilities } = response.result;
  if (typeof protocolVersion !== "string" || !isJsonObject(capabilities)) {
    throw unreadable("a result without protocolVersion and capabilities");
  }
  // It will stand in a header field, and in the session's id.
  if (!REVISION.test(protocolVersion)) throw unreadable("a protocolVersion that no header field could hold");
  return { bytes, protocolVersion };
}

async function readJson(response: ClientResponse, id: RpcId): Promise<InitializeAnswer> {
  const bytes = await response.body.readAll(MAX_ANSWER_BYTES);
  const message = read(bytes, id);
  if (message === undefined) throw unreadable("a message that is not its response");
  return asAnswer(bytes, message);
}

async function readEvents(response: ClientResponse, id: RpcId): Promise<InitializeAnswer> {
  const parser = new SseParser({ maxEventBytes: MAX_ANSWER_BYTES });
  const encoder = new TextEncoder();
  const gathered = new GatheredBytes();
  for (let lent = await response.body.read(); lent !== null; lent = await response.body.read()) {
    const piece = ownBytes(lent);
    if (gathered.size + piece.length > MAX_ANSWER_BYTES) throw unreadable("more than 1 MiB before its response");
    gathered.add(piece);
    for (const event of parser.push(piece)) {
      if (event.event !== "message" || !event.data) continue;
      const message = read(encoder.encode(event.data), id);
      if (message !== undefined) return asAnswer(gathered.take(), message);
    }
  }
  throw unreadable("an event stream that ended before its response");
}

/**
 * Reads the answer to the initialize request `id` from a response with status 200.
 * @throws SignetError `upstream_invalid`; HttpError `upstream_*`
 */
export async function readInitializeAnswer(response: ClientResponse, id: RpcId): Promise<InitializeAnswer> {
  try {
    if (isEventStream(response.head.fields)) return await readEvents(response, id);
    const type = fieldValue(response.head.fields, "content-type");
    if (type === undefined || !isMediaType(type, "application/json")) throw unreadable("neither JSON nor events");
    return await readJson(response, id);
  } catch (error) {
    if (error instanceof SignetError && error.code !== "upstream_invalid") {
      throw unreadable("a body that is not JSON-RPC");
    }
    throw error;
  }
}
