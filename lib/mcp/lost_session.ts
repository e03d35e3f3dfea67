// What a refusal says of the session it was sent in, and so whether the request it refuses can have been run (L4). Words
// are proof in one form only, which a transport alone uses; for every other a `ping` in the same session decides.
//
// The specification asks for 404 (MCP 2025-11-25, "Session Management" 3). Servers in use say 400, 401, 410 and 422 too;
// the known words are those of their sources: the transports of the TypeScript SDK 1.x and 2.x, its examples and
// server-everything, the Python SDK, mcp-go, rmcp.
import { isJsonObject, type JsonObject, parseJson } from "../platform/json.ts";
import { claimsModernEra } from "./eras/revisions.ts";
import { textWithoutMark } from "./json/byte_order_mark.ts";
import { elementsOf, findMember, type Span } from "./json/json_text.ts";
import { INVALID_REQUEST, SERVER_ERROR, VERSION_UNSUPPORTED } from "./messages/rpc_codes.ts";

/** Of a refusal no more than this is looked at: a transport's own is shorter, and the rest is for people. */
export const REFUSAL_BYTES = 8192;

const OPEN_ARRAY = 0x5b;
const decoder = new TextDecoder();

/** A refusal as it was heard: `text` is its body without its content coding, undefined where that could not be read. */
export interface Refusal {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string | undefined;
  /** Whether the body went on behind `text`. */
  readonly cut: boolean;
}

/**
 * - `lost`: the transport refused the session before it looked at the request
 * - `own`: the call itself is answered, or nothing is said of the session: to be passed on
 * - `unclear`: either could have said it
 */
export type Meaning = "lost" | "own" | "unclear";

/** Statuses with which servers in use refuse a session. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 404, 410, 422]);

export function isRefusal(status: number): boolean {
  return REFUSALS.has(status);
}

/** What a transport says, and nothing else with it: whole sentences, so that no application's longer one is taken for it. */
const TRANSPORT_WORDS = new RegExp(
  "^(?:(?:bad request|not found|invalid request|error): )?(?:" +
    [
      "no valid session id(?: provided)?",
      "invalid or (?:missing|expired) session(?: id)?",
      "invalid session(?: id)?",
      "unknown session(?: id)?",
      "server not initialized",
      "(?:mcp )?session(?: id)? (?:not found|has been terminated|terminated|has expired|expired|does not exist)",
      "no (?:such )?session(?: [\\x21-\\x7e]{1,2048})?",
    ].join("|") +
    ")[.!]?$",
  "i",
);

/** Statuses of an answer to DELETE that mean: there is no such session, or it cannot be ended by us, which is as good (L5). */
export const NOTHING_TO_END: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 410, 501]);

/** Codes of a transport's refusal; a server that reached the method answers with another. */
const TRANSPORT_CODES: ReadonlySet<unknown> = new Set([SERVER_ERROR, -32001, INVALID_REQUEST, -32005]);
/** In place of an id where the transport knew none; the Python SDK puts "server-error". */
const NO_CALL: ReadonlySet<unknown> = new Set([undefined, null, "", "server-error"]);

/** @param asked the ids of the requests that were refused; of none for a notification */
export function meaningOf(refusal: Refusal, asked: ReadonlySet<string>): Meaning {
  const { status, text } = refusal;
  if (!isRefusal(status)) return "own";
  // Too long for a transport: what calls itself JSON is the answer of whatever the call has reached.
  if (refusal.cut && isJsonType(refusal.contentType)) return "own";
  if (text === undefined) return "unclear";
  const messages = messagesIn(text);
  if (status === 400 && messages.length === 1 && hasNoSessions(messages[0]!)) return "lost";
  if (messages.some((message) => answersCall(message, asked))) return "own";
  const [message] = messages;
  if (messages.length !== 1 || message === undefined || (status !== 404 && status !== 400)) return "unclear";
  return isTransports(message) ? "lost" : "unclear";
}

/** Whether two refusals are one and the same, for two requests: ids and whatever else counts aside. */
export function isAlike(one: Refusal, other: Refusal): boolean {
  return one.status === other.status && one.text !== undefined && other.text !== undefined &&
    shapeOf(one.text) === shapeOf(other.text);
}

/** Whether a refusal could be about the session: it names it, or names nothing at all. */
export function mayMeanSession({ text }: Refusal): boolean {
  return text !== undefined && (text.trim() === "" || /session/i.test(text));
}

/** Whether a JSON-RPC error is one about the session; in answer to a `ping` at any status. */
export function speaksOfSession(message: unknown): boolean {
  return isJsonObject(message) && isJsonObject(message.error) && /session/i.test(wordsOf(message.error));
}

/** The text that a request id is compared by: servers have been seen to turn numbers into text, and back. */
export function askedId(id: unknown): string {
  return String(id);
}

/** The ids of the requests in a body that has been read as JSON before, or was found plain; of none if it is neither. */
export function askedIn(body: Uint8Array): ReadonlySet<string> {
  const messages: (Span | undefined)[] = body.find((byte) => byte > 0x20) === OPEN_ARRAY
    ? elementsOf(body)
    : [undefined];
  const ids = messages.map((message) => findMember(body, "id", message));
  return new Set(
    ids.filter((span) => span !== undefined).map((span) => {
      const text = decoder.decode(body.subarray(span.start, span.end));
      try {
        return askedId(parseJson(text));
      } catch {
        return text;
      }
    }),
  );
}

/** A result is an answer whatever it says; so is an error that has the call's id and does not speak of the session. */
function answersCall(message: JsonObject, asked: ReadonlySet<string>): boolean {
  if (NO_CALL.has(message.id) || !asked.has(askedId(message.id))) return false;
  return message.result !== undefined || (isJsonObject(message.error) && !speaksOfSession(message));
}

/** What a server says that knows stateless revisions only (MCP 2026-07-28, "UnsupportedProtocolVersion"): it has run nothing. */
function hasNoSessions({ error }: JsonObject): boolean {
  if (!isJsonObject(error) || error.code !== VERSION_UNSUPPORTED || !isJsonObject(error.data)) return false;
  const { supported } = error.data;
  return Array.isArray(supported) && supported.length > 0 &&
    supported.every((version) => typeof version === "string" && claimsModernEra(version));
}

/** A JSON-RPC error of a transport about the session, tied to no call. */
function isTransports(message: JsonObject): boolean {
  return message.jsonrpc === "2.0" && isJsonObject(message.error) && NO_CALL.has(message.id) &&
    TRANSPORT_CODES.has(message.error.code) && TRANSPORT_WORDS.test(wordsOf(message.error).trim());
}

function wordsOf({ message }: JsonObject): string {
  return typeof message === "string" ? message : "";
}

/** The JSON objects a body is made of; none if it is no JSON. */
function messagesIn(text: string): JsonObject[] {
  try {
    const value: unknown = parseJson(textWithoutMark(text));
    return (Array.isArray(value) ? value : [value]).filter(isJsonObject);
  } catch {
    return [];
  }
}

/** What is left of a text without what differs from one refusal to the next: the call's id, times, numbers, traces. */
function shapeOf(text: string): string {
  const [message] = messagesIn(text);
  const told = message === undefined ? text.trim() : JSON.stringify({ ...message, id: null });
  return told.replace(/[0-9a-f-]{8,}|\d+/gi, "#");
}

function isJsonType(contentType: string | undefined): boolean {
  return (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase().endsWith("json");
}
