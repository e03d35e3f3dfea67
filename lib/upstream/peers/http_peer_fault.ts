// Why a request to an HTTP server came to nothing, in words that may go to a client: no address, no session id, nothing a
// stranger has written (docs/protocol.md 2).
import type { Message } from "../../bridge/peer/peer.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { type ErrorCode, SignetError } from "../../errors.ts";
import { HttpError, type HttpErrorCode, type ResponseHead } from "../../http1/types.ts";
import { combinedValue } from "../../http1/wire/fields/fields.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { isJsonObject } from "../../platform/json.ts";
import { DecodingError } from "../http/decoded.ts";

type Words = readonly [ErrorCode, string];

const CUT: Words = ["upstream_unreachable", "Bad gateway: the MCP server closed the connection before it answered"];

const OF_HTTP: Partial<Record<HttpErrorCode, Words>> = {
  connect_timeout: ["upstream_timeout", "Gateway timeout: the MCP server cannot be reached"],
  pool_exhausted: ["request_limit", "Too many requests in flight to the MCP server"],
  no_room: ["request_limit", "Too much in flight: there is no room for the MCP server's answer"],
  upstream_closed: CUT,
  upstream_invalid: ["upstream_invalid", "Bad gateway: the MCP server's answer is not valid HTTP"],
  upstream_timeout: ["upstream_timeout", "Gateway timeout: the MCP server did not answer"],
  aborted: ["upstream_unreachable", "Bad gateway: the request to the MCP server was given up"],
};

/** The same failure as a refusal whose message a client may read. */
export function asRefusal(error: unknown): SignetError {
  if (error instanceof SignetError) return error;
  if (error instanceof DecodingError) return badAnswer(error.message);
  const [code, publicMessage] = (error instanceof HttpError ? OF_HTTP[error.code] : undefined) ??
    ["upstream_unreachable", undefined];
  return new SignetError(code, { ...(publicMessage && { publicMessage }), cause: error });
}

/** An answer that is none. @param found for the log */
export function badAnswer(found: string, publicMessage?: string): SignetError {
  return new SignetError("upstream_invalid", {
    ...(publicMessage && { publicMessage: `Bad gateway: ${publicMessage}` }),
    facts: { found },
    remedy: "An MCP server must answer a request with its JSON-RPC response, as JSON or as an event stream.",
  });
}

export function tooLong(maxBytes: number): SignetError {
  return badAnswer("a message over the bound", `the MCP server's answer is longer than ${maxBytes} bytes`);
}

export function noAnswer(): SignetError {
  return badAnswer("the end of the answer before the response", "the MCP server's answer ended without a response");
}

/** What is left to say where a session that has just been opened is not known either. */
export function lostAgain(): SignetError {
  return new SignetError("upstream_unreachable", {
    publicMessage: "Bad gateway: the MCP server loses its sessions at once",
    remedy: "See whether several instances of the MCP server stand behind one address without sharing sessions.",
  });
}

/** A request that the server's transport refuses. */
export function refusedWith({ status, fields }: Pick<ResponseHead, "status" | "fields">): SignetError {
  const facts = { status };
  if (status === 401 || status === 403) {
    const challenge = combinedValue(fields, "www-authenticate");
    return new SignetError("upstream_credential_missing", {
      ...(challenge !== undefined && { refusedCredential: { status, challenge } }),
      publicMessage: `Forbidden: the MCP server does not accept the credential (status ${status})`,
      facts,
      remedy: "Give this server a credential that it accepts, or the client one that may be passed to it.",
    });
  }
  if (status >= 500 || status === 429) {
    return new SignetError("upstream_unreachable", {
      publicMessage: `Bad gateway: the MCP server cannot answer now (status ${status})`,
      facts,
    });
  }
  const publicMessage = `Bad gateway: the MCP server refused the request (status ${status})`;
  return new SignetError("upstream_invalid", { publicMessage, facts });
}

/** What is shorter stands in other words by chance. */
const LEAST_ID = 8;

/** An error may be the transport's, and name the session: nobody must take the id for his own (docs/protocol.md 2). */
export function withoutSession(reply: Message, id: UpstreamSessionId | undefined): Message {
  const { value: { error }, line } = reply;
  if (id === undefined || !isJsonObject(error) || typeof error.message !== "string") return reply;
  if (id.length < LEAST_ID || !error.message.includes(id)) return reply;
  const message = error.message.replaceAll(id, "…");
  const span = findMember(line, "message", findMember(line, "error"))!;
  return {
    value: { ...reply.value, error: { ...error, message } },
    line: replaceSpan(line, span, encodeJson(message)),
  };
}

/** What a server of one era may say in HTTP to a message of the other: it knows no such method, or no such revision. */
export const OTHER_ERA_STATUSES: ReadonlySet<unknown> = new Set([400, 404, 405, 406, 415, 422, 426, 501]);

/** Whether the server has refused in HTTP, as one of the other era would. */
export function mayBeOfOtherEra(error: unknown): boolean {
  return error instanceof SignetError && OTHER_ERA_STATUSES.has(error.detail.facts?.status);
}

/** Whether another credential might have been accepted. */
export function isCredentialFault(error: unknown): boolean {
  return error instanceof SignetError && error.code === "upstream_credential_missing";
}
