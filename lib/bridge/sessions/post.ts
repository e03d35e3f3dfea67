// A POST of a session: the messages in it, and what it is refused for before any of them is taken in (docs/behaviour.md C1, M6;
// MCP 2025-11-25, Transports).
import type { ClientResponse } from "../../http1/types.ts";
import { allowsBatches } from "../../mcp/eras/revisions.ts";
import { elementsOf } from "../../mcp/json/json_text.ts";
import { idKey, type Parsed, type RpcId, type RpcRequest } from "../../mcp/messages/json_rpc.ts";
import { INVALID_REQUEST, SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import type { Acceptance } from "../answers/acceptance.ts";
import { errorAnswer } from "../answers/http_answer.ts";
import { refusalIfOverdrawn } from "../answers/overdrawn.ts";
import type { BridgeParts } from "../limits.ts";
import { progressTokenOf } from "../peer/message_ids.ts";
import type { Carrier } from "../peer/peer.ts";
import type { OpenCalls } from "./open_calls.ts";

/** A POST: its text, and the messages in it. */
export interface Post extends Carrier {
  readonly text: Uint8Array;
  readonly parsed: Parsed;
  readonly accepts: Acceptance;
}

type Single = Exclude<Parsed, { kind: "batch" }>;

/** One message with its text. */
export interface Piece {
  readonly text: Uint8Array;
  readonly message: Single;
}

/** What takes it in. */
export interface Taking {
  readonly protocolVersion: string;
  readonly calls: OpenCalls;
  readonly parts: BridgeParts;
}

const TOKEN_IN_USE = "Invalid request: a request with this progress token is in flight already";
const ID_IN_FLIGHT = "Invalid request: a request with this id is in flight already";

export function piecesOf({ text, parsed }: Post): Piece[] {
  if (parsed.kind !== "batch") return [{ text, message: parsed }];
  const spans = elementsOf(text);
  return parsed.messages.map((message, i) => ({ text: text.subarray(spans[i]!.start, spans[i]!.end), message }));
}

/** Why none of it is taken in; undefined where all is. @param requests of its pieces, those that are requests */
export function refusalOf(
  post: Post,
  requests: readonly Piece[],
  { protocolVersion, calls, parts }: Taking,
): ClientResponse | undefined {
  const refuse = (id: RpcId | null, message: string) =>
    errorAnswer("invalid_request", { id, code: INVALID_REQUEST, message });
  if (post.parsed.kind === "batch" && !allowsBatches(protocolVersion)) {
    return refuse(null, "Invalid request: this protocol version has no JSON-RPC batches");
  }
  for (const { text, message } of requests) {
    const request = message as RpcRequest;
    if (calls.hasId(request.id)) return refuse(request.id, ID_IN_FLIGHT);
    if (calls.hasTokenOf(request, text)) return refuse(request.id, TOKEN_IN_USE);
  }
  if (requests.length > 1) {
    const twice = refusalOfDoubles(requests);
    if (twice !== undefined) return refuse(null, twice);
  }
  if (requests.length > 0 && calls.size + requests.length > parts.limits.maxCalls) {
    return tooMany((requests[0]!.message as RpcRequest).id);
  }
  const [first] = requests;
  return first && refusalIfOverdrawn(parts.account, (first.message as RpcRequest).id);
}

/** Of a batch: two requests of one id, or of one progress token. */
function refusalOfDoubles(requests: readonly Piece[]): string | undefined {
  const ids = requests.map(({ message }) => idKey((message as RpcRequest).id));
  if (new Set(ids).size < requests.length) return ID_IN_FLIGHT;
  const tokens = requests.map(({ message, text }) => progressTokenOf(message as RpcRequest, text))
    .filter((one) => one !== undefined);
  return new Set(tokens.map(idKey)).size < tokens.length ? TOKEN_IN_USE : undefined;
}

export function tooMany(id: RpcId | null): ClientResponse {
  return errorAnswer("request_limit", { id, code: SERVER_ERROR, message: "Too many calls at once in this session" });
}
