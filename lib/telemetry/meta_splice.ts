// The context that a traced message carries in `params._meta` (SEP-414): exchanged in its bytes, or put in where a message
// goes to what has no header. Everything else of it crosses byte for byte.
import { foldedName } from "../mcp/json/folded_name.ts";
import { replaceSpan } from "../mcp/json/json_splice.ts";
import { findMember, findMembers, membersLike, type Span } from "../mcp/json/json_text.ts";
import { parseJson } from "../platform/json.ts";

const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, QUOTE = 0x22, SMALL_N = 0x6e;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The text of a string member of `params._meta`; undefined if it is none. */
export function readMeta(message: Uint8Array, name: string): string | undefined {
  const meta = metaOf(message);
  const span = meta === undefined ? undefined : findMember(message, name, meta);
  if (span === undefined || message[span.start] !== QUOTE) return undefined;
  return parseJson(decoder.decode(message.subarray(span.start, span.end)));
}

function metaOf(message: Uint8Array): Span | undefined {
  const params = objectAt(message, findMember(message, "params"));
  return params === undefined ? undefined : objectAt(message, findMember(message, "_meta", params));
}

function objectAt(message: Uint8Array, span: Span | undefined): Span | undefined {
  return span !== undefined && message[span.start] === OPEN_OBJECT ? span : undefined;
}

/**
 * `message`, a JSON-RPC message that has been judged, with this context in place of its own; a request or notification
 * that has none gets it as a further member if `insert`. Anything else is itself.
 */
export function withContext(message: Uint8Array, traceparent: string, insert: boolean): Uint8Array {
  const text = JSON.stringify(traceparent);
  const [method, params] = findMembers(message, ["method", "params"]);
  // An answer has no place for one, and a batch has as many as it has messages.
  if (method === undefined) return message;
  if (objectAt(message, params) === undefined) {
    return insert && isNothing(message, params)
      ? put(message, { name: "params", value: `{"_meta":{"traceparent":${text}}}`, at: params })
      : message;
  }
  const meta = findMember(message, "_meta", params);
  if (objectAt(message, meta) === undefined) {
    return insert && isNothing(message, meta)
      ? put(message, { name: "_meta", value: `{"traceparent":${text}}`, at: meta, within: params! })
      : message;
  }
  const at = findMember(message, "traceparent", meta);
  return at !== undefined || insert ? put(message, { name: "traceparent", value: text, at, within: meta! }) : message;
}

/** `null` is as good as none; what is neither and no object is the server's to judge. */
function isNothing(message: Uint8Array, span: Span | undefined): boolean {
  return span === undefined || message[span.start] === SMALL_N;
}

/** A member and its value, as JSON. */
interface Put {
  readonly name: string;
  readonly value: string;
  /** Where its value stands now, if it is there. */
  readonly at: Span | undefined;
  /** Where its object stands; the whole message if not said. */
  readonly within?: Span;
}

/**
 * With another value for a member, or with one more before all others: but not beside one of that name in another case,
 * which would make it a message that is refused.
 */
function put(message: Uint8Array, { name, value, at, within }: Put): Uint8Array {
  if (at !== undefined) return replaceSpan(message, at, encoder.encode(value));
  const folded = foldedName(name);
  if (membersLike(message, [name], within).some((member) => foldedName(member.name) === folded)) return message;
  const first = message.indexOf(OPEN_OBJECT, within?.start ?? 0) + 1;
  let next = first;
  while (BLANKS.has(message[next]!)) next++;
  const comma = message[next] === CLOSE_OBJECT ? "" : ",";
  return replaceSpan(message, { start: first, end: first }, encoder.encode(`${JSON.stringify(name)}:${value}${comma}`));
}
