// What a client of HTTP+SSE (2024-11-05) and its channel need to know of a message, read where it stands in its text. Of what
// is no message nothing is known: none of these throws.
import { withoutMark } from "../../mcp/json/byte_order_mark.ts";
import { elementsOf, findMember, skipBlanks } from "../../mcp/json/json_text.ts";
import { isJsonObject, parseJson } from "../../platform/json.ts";

/** `[`. */
const OPEN_ARRAY = 0x5b;
const decoder = new TextDecoder();

/** Each message of a text, as clients of this transport read it: they know no arrays, and no byte order mark. */
export function messagesIn(text: Uint8Array): Uint8Array[] {
  const plain = withoutMark(text);
  if (plain[skipBlanks(plain, 0)] !== OPEN_ARRAY) return [plain];
  try {
    return elementsOf(plain).map(({ start, end }) => plain.subarray(start, end));
  } catch {
    return [plain];
  }
}

/** Of an answer to initialize; undefined for any other. */
export function versionIn(text: Uint8Array): string | undefined {
  if (text.length > 64 * 1024) return undefined;
  try {
    const { result } = parseJson(decoder.decode(text));
    const version = isJsonObject(result) ? result.protocolVersion : undefined;
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}

export function isNotificationOf(text: Uint8Array, method: string): boolean {
  if (text.length > 4096) return false;
  try {
    const message = parseJson(decoder.decode(text));
    return isJsonObject(message) && message.method === method && message.id === undefined;
  } catch {
    return false;
  }
}

/** As it stands in a message; undefined where there is none, or nobody could tell whose it is. */
export function idIn(text: Uint8Array): Uint8Array | undefined {
  try {
    const span = findMember(text, "id");
    const id = span === undefined ? undefined : text.slice(span.start, span.end);
    return id === undefined || decoder.decode(id) === "null" ? undefined : id;
  } catch {
    return undefined;
  }
}

/** The id of a request; undefined of any other message. */
export function requestIdIn(text: Uint8Array): Uint8Array | undefined {
  const id = idIn(text);
  return id !== undefined && isAsked(text) ? id : undefined;
}

/** Whether a message answers the request `id`, which some servers write as another type. */
export function isAnswerTo(id: Uint8Array, text: Uint8Array): boolean {
  const said = idIn(text);
  return said !== undefined && !isAsked(text) && plainId(said) === plainId(id);
}

function plainId(id: Uint8Array): string {
  const text = decoder.decode(id);
  if (!text.startsWith('"')) return text;
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Of a text that has an id: whether it is a request. */
function isAsked(text: Uint8Array): boolean {
  try {
    return findMember(text, "method") !== undefined;
  } catch {
    return false;
  }
}
