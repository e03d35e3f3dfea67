// What a stateless client and its peer are told from here, as bytes: spliced, so that ids and tokens cross as they were
// written.
import { META_SUBSCRIPTION_ID } from "../../mcp/eras/between_eras.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, type Span } from "../../mcp/json/json_text.ts";
import { exchanged, type PlacedText } from "../../mcp/json/placed_text.ts";
import { INVALID_PARAMS } from "../../mcp/messages/rpc_codes.ts";
import { parseJson } from "../../platform/json.ts";

export const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

const encoder = new TextEncoder();

/** A response to the client, made here. @param body its result or error */
export function clientResponse(id: Uint8Array, body: object): Uint8Array<ArrayBuffer> {
  const text = encodeJson({ jsonrpc: "2.0", id: 0, ...body });
  return replaceSpan(text, findMember(text, "id")!, id);
}

/** The same of a result alone. @param members of it, as a JSON text without the braces */
export function clientResult(id: Uint8Array, members: string): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(`{"jsonrpc":"2.0","id":0,"result":{${members}}}`);
  return replaceSpan(text, findMember(text, "id")!, id);
}

/** A state that leads to no call that waits: what waited is gone, or was never there, or has been answered. */
export function unknownState(id: Uint8Array): Uint8Array {
  return clientResponse(id, {
    error: {
      code: INVALID_PARAMS,
      message: "Invalid params: the call that this requestState belongs to does not wait any more",
      data: { reason: "invalid_request_state" },
    },
  });
}

/** The name of a tool that is called. */
export function toolIn(text: Uint8Array): unknown {
  const params = findMember(text, "params");
  const name = params === undefined ? undefined : findMember(text, "name", params);
  return name === undefined ? undefined : parseJson(new TextDecoder().decode(text.subarray(name.start, name.end)));
}

/** Where a progress token stands, in a text that has one. */
export function tokenSpan(text: Uint8Array): Span {
  return findMember(text, "progressToken", findMember(text, "_meta", findMember(text, "params")))!;
}

export function withToken(placed: PlacedText, token: number): PlacedText {
  return exchanged(placed, tokenSpan(placed.text), encodeJson(token));
}

/** What is told on a subscription bears its request's id (docs/protocol.md 31). */
export function withSubscriptionId(line: Uint8Array, id: Uint8Array): Uint8Array<ArrayBuffer> {
  const params = findMember(line, "params");
  const meta = params === undefined ? undefined : findMember(line, "_meta", params);
  const span = meta === undefined ? undefined : findMember(line, META_SUBSCRIPTION_ID, meta);
  return span === undefined ? line.slice() : replaceSpan(line, span, id);
}
