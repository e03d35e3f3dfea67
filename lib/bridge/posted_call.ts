// A message that comes by POST, read and made into a call: at once, or in turns where it is long.
import { callOf } from "../http1/call_of.ts";
import { type Call, HttpError } from "../http1/types.ts";
import { ownBytes } from "../http1/wire/streams/borrowed.ts";
import { replaceSpan } from "../mcp/json/json_splice.ts";
import { findMember } from "../mcp/json/json_text.ts";
import type { Parsed } from "../mcp/messages/json_rpc.ts";
import { parseMessage, parseMessageInTurns, TURN_BYTES } from "../mcp/messages/read_message.ts";
import type { BridgeRequest } from "./request.ts";

/** The gateway has looked at bodies already; this is for those who use a bridge by itself. */
const LIMITS = { maxDepth: 128 };

/** What a message is made into. */
type Begin = (text: Uint8Array, parsed: Parsed) => Call;

/**
 * The call that `begin` makes of a message, at once: what it reserves is reserved in this turn, unless the message is so
 * long that others must have theirs while it is read. A server reads its messages when it likes, and the exchange they
 * came in may have ended by then: they are in memory of their own from here on.
 */
export function callWith({ body, parsed: known }: Pick<BridgeRequest, "body" | "parsed">, begin: Begin): Call {
  if (body === undefined) {
    return callOf(Promise.reject(new HttpError("bad_request", "reading a POST: found no body, want a message")));
  }
  const text = ownBytes(body);
  if (known === undefined && text.length > TURN_BYTES) return beginInTurns(text, begin);
  try {
    const parsed = known ?? parseMessage(text, LIMITS);
    return begin(withoutNull(text, parsed), parsed);
  } catch (error) {
    return callOf(Promise.reject(error));
  }
}

/**
 * A server of the official SDK takes `"params": null` for no message at all, and over its pipes it answers nothing then:
 * the call would wait for ever. To those that do take it, `{}` says the same.
 */
function withoutNull(text: Uint8Array, parsed: Parsed): Uint8Array {
  if (parsed.kind === "batch" || parsed.kind === "response" || parsed.params !== undefined) return text;
  const span = findMember(text, "params");
  return span === undefined ? text : replaceSpan(text, span, NO_PARAMS);
}

const NO_PARAMS = new TextEncoder().encode("{}");

function beginInTurns(text: Uint8Array, begin: Begin): Call {
  let call: Call | undefined;
  let aborted = false;
  const response = parseMessageInTurns(text, LIMITS).then((parsed) => {
    if (aborted) throw new HttpError("aborted", "reading a POST: its client has left");
    call = begin(withoutNull(text, parsed), parsed);
    return call.response;
  });
  return callOf(response, () => {
    aborted = true;
    call?.abort();
  });
}
