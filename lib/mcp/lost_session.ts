// Whether an upstream's answer means that it does not know the session, and proves that it did not process the request.
// Only then may the request be sent again after a new initialize (L4): a tool must never run twice.
//
// The specification asks for 404 (MCP 2025-11-25, "Session Management" 3). Servers in use also say 400 and 401; their
// exact words are known from their sources: the transports of the TypeScript SDK 1.x and 2.x, its examples and
// server-everything, the Python SDK before it moved to 404, mcp-go, rmcp.
import { isJsonObject, type JsonObject } from "./json_rpc.ts";

/** Longer bodies are pages for people, not a transport's refusal. */
const MAX_REFUSAL_BYTES = 8192;

const decoder = new TextDecoder();

/** Words only a transport says, and says before it looks at the message. */
const TRANSPORT_WORDS =
  /^(?:bad request: |error: )?(?:no valid session id|invalid or missing session id|invalid session id|invalid or expired session id|server not initialized)\b/i;

/** Words an application might say too, of sessions of its own; they count only where no request id ties them to a call. */
const SESSION_WORDS =
  /^(?:bad request: |not found: |unauthorized: )?(?:(?:mcp )?session (?:not found|has been terminated|terminated|has expired|expired)|unknown session|invalid session)\b/i;

/** Codes of a transport's refusal; a server that reached the method answers with another. */
const TRANSPORT_CODES: ReadonlySet<unknown> = new Set([-32000, -32001, -32600]);

function parseObject(body: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an error is tied to a call: it then came from behind the transport. The Python SDK puts "server-error". */
function answersACall(message: JsonObject): boolean {
  return message.id !== undefined && message.id !== null && message.id !== "" && message.id !== "server-error";
}

/** A JSON-RPC error of the transport that speaks of the session. */
function refusesSession(message: JsonObject): boolean {
  if (!isJsonObject(message.error) || !TRANSPORT_CODES.has(message.error.code)) return false;
  const words = message.error.message;
  if (typeof words !== "string") return false;
  return TRANSPORT_WORDS.test(words) || (!answersACall(message) && SESSION_WORDS.test(words));
}

function isJsonType(contentType: string | undefined): boolean {
  return (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase().endsWith("json");
}

/** The answer as JSON-RPC, or as other text. A body in events came from a transport that had accepted the request. */
function readRefusal(contentType: string | undefined, body: Uint8Array): { json?: JsonObject; text: string } {
  const text = decoder.decode(body).trim();
  const json = contentType === undefined || isJsonType(contentType) ? parseObject(text) : undefined;
  return json === undefined ? { text } : { json, text };
}

/** 404 means a lost session, unless its body answers the call itself (some servers map JSON-RPC codes to statuses). */
function isLostBy404(contentType: string | undefined, body: Uint8Array): boolean {
  // Too long for a transport: what calls itself JSON is the answer of whatever the call has reached.
  if (body.length > MAX_REFUSAL_BYTES) return !isJsonType(contentType);
  const { json } = readRefusal(contentType, body);
  if (json === undefined || !isJsonObject(json.error)) return true;
  if (refusesSession(json) || !answersACall(json)) return true;
  // The code is the official SDKs' for a time-out too, which comes after the call has begun.
  const words = json.error.message;
  return json.error.code === -32001 && typeof words === "string" && SESSION_WORDS.test(words);
}

/**
 * Whether the upstream refused a request because it does not know its session.
 * @param status of the answer to a request that carried a session id
 * @param contentType `Content-Type` of the answer
 * @param body the whole body, or at least its first 8 KiB + 1
 */
export function isLostSession(status: number, contentType: string | undefined, body: Uint8Array): boolean {
  if (status === 404) return isLostBy404(contentType, body);
  if ((status !== 400 && status !== 401) || body.length > MAX_REFUSAL_BYTES) return false;
  const { json, text } = readRefusal(contentType, body);
  if (status === 401) return json === undefined && /^unauthorized: session not found$/i.test(text); // older rmcp
  if (json === undefined) return TRANSPORT_WORDS.test(text) || SESSION_WORDS.test(text);
  if (json.jsonrpc !== "2.0") return typeof json.error === "string" && TRANSPORT_WORDS.test(json.error);
  return refusesSession(json);
}
