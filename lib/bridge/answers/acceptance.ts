// What a client is ready to read, as its `Accept` says (MCP 2025-11-25, Transports: JSON and events, both).
import type { ClientResponse, Fields } from "../../http1/types.ts";
import { combinedValue } from "../../http1/wire/fields/fields.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorAnswer } from "./http_answer.ts";

export interface Acceptance {
  readonly json: boolean;
  readonly events: boolean;
}

/** Lenient: a client that says nothing, or anything, takes both. */
export function acceptanceOf(fields: Fields): Acceptance {
  const accept = combinedValue(fields, "accept")?.toLowerCase();
  if (accept === undefined || accept.includes("*/*")) return { json: true, events: true };
  return {
    json: accept.includes("application/json") || accept.includes("application/*"),
    events: accept.includes("text/event-stream") || accept.includes("text/*"),
  };
}

export function notAcceptable(): ClientResponse {
  const message = "Not acceptable: the client must accept application/json and text/event-stream";
  return errorAnswer("not_acceptable", { id: null, code: SERVER_ERROR, message });
}
