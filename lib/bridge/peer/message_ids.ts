// Ids and tokens in what a peer says, digit for digit: a number rounds integers beyond 2^53, and two ids would be one
// (MCP, "Requests"; docs/protocol.md 19). Guarantees that what is told apart in the text is told apart here.
import { metaOf } from "../../mcp/eras/modern.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, type Span, textAt } from "../../mcp/json/json_text.ts";
import type { RpcId, RpcRequest } from "../../mcp/messages/json_rpc.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import type { Message } from "./peer.ts";

const encoder = new TextEncoder();

/** The longest integers that servers can hold have 64 bits: with a sign, 20 characters. */
const INTEGER = /^-?\d{1,20}$/;
/** Of so few digits that no two are rounded to one. */
const NUMBER = /^-?\d{1,15}(?:\.\d{1,3})?(?:[eE][+-]?\d{1,2})?$/, LONGEST = 24;

/** Of a request; undefined where it is neither text nor an integer of 64 bits. */
export function idIn({ line, value }: Message): RpcId | undefined {
  return exact(value.id, () => [line, findMember(line, "id")]);
}

/** Of `notifications/cancelled`. */
export function cancelledIdIn(message: Message): RpcId | undefined {
  return paramIn(message, "requestId");
}

/** Of `notifications/progress`. */
export function progressTokenIn(message: Message): RpcId | undefined {
  return paramIn(message, "progressToken");
}

/** A notification of progress under a token that was given. */
export interface Progress {
  readonly token: RpcId;
  readonly message: Message;
}

/**
 * `notifications/progress` as whoever has given its token knows it: some servers write a number as text, as they do ids.
 * @returns undefined where nobody has given such a token
 */
export function progressOf(message: Message, isGiven: (token: RpcId) => boolean): Progress | undefined {
  const said = progressTokenIn(message);
  if (said === undefined) return undefined;
  if (isGiven(said)) return { token: said, message };
  if (typeof said !== "string" || !INTEGER.test(said)) return undefined;
  const token = BigInt(said);
  if (!isGiven(token)) return undefined;
  const { line, value } = message;
  const params = { ...value.params as JsonObject, progressToken: Number(said) };
  const own = replaceSpan(line, findMember(line, "progressToken", paramsIn(line))!, encoder.encode(String(token)));
  return { token, message: { ...message, line: own, value: { ...value, params } } };
}

/** `params._meta.progressToken` of a client's request. @param text it, in full */
export function progressTokenOf({ params }: Pick<RpcRequest, "params">, text: Uint8Array): RpcId | undefined {
  const token = metaOf(params)?.progressToken;
  return exact(token, () => [text, findMember(text, "progressToken", findMember(text, "_meta", paramsIn(text)))]);
}

/** What stands at `span`, where that is an id. */
export function idAt(text: Uint8Array, span: Span): RpcId | undefined {
  return exact(parseJson(textAt(text, span)), () => [text, span]);
}

function paramsIn(text: Uint8Array): Span | undefined {
  return findMember(text, "params");
}

function paramIn({ line, value: { params } }: Message, name: string): RpcId | undefined {
  if (!isJsonObject(params)) return undefined;
  return exact(params[name], () => [line, findMember(line, name, paramsIn(line))]);
}

/** @param read what `JSON.parse` makes of it @param find where it stands, looked for only where that may have been rounded */
function exact(read: unknown, find: () => readonly [text: Uint8Array, span: Span | undefined]): RpcId | undefined {
  if (typeof read === "string") return read;
  if (typeof read !== "number") return undefined;
  if (Number.isSafeInteger(read)) return read;
  const [text, span] = find();
  const written = span === undefined || span.end - span.start > LONGEST ? "" : textAt(text, span);
  if (INTEGER.test(written)) return BigInt(written);
  // `1.5` or `1e20`: no id that MCP knows, and one that is told apart.
  return Number.isFinite(read) && NUMBER.test(written) ? read : undefined;
}
