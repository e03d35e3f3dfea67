// Which media type a message says it has (RFC 9110 §8.3.1): with or without parameters, in any letter case.
import type { Fields } from "../../types.ts";
import { fieldValue } from "./fields.ts";

/** Whether `value`, of a Content-Type field, names the media type `type` (lower case), parameters aside. */
export function isMediaType(value: string | undefined, type: string): boolean {
  if (value === undefined || value.length < type.length) return false;
  if (!value.startsWith(type) && value.slice(0, type.length).toLowerCase() !== type) return false;
  const next = value.charAt(type.length);
  return next === "" || next === ";" || next === " " || next === "\t";
}

const CHARSET = /charset/gi, UTF_8_ALONE = /;[ \t]*charset="?utf-?8"?[ \t]*(?:;|$)/i;

/**
 * Whether a parameter `charset` of a Content-Type leaves JSON what it is to every reader, UTF-8 (RFC 8259 §8.1). Many
 * servers decode as they are told: in UTF-7 or Shift JIS the same bytes say something else.
 */
export function isUtf8(contentType: string): boolean {
  const named = contentType.match(CHARSET);
  return named === null || (named.length === 1 && UTF_8_ALONE.test(contentType));
}

/** Whether a message is JSON. */
export function isJson(fields: Fields): boolean {
  return isMediaType(fieldValue(fields, "content-type"), "application/json");
}

/** Whether a message is a stream of server-sent events (HTML, "Server-sent events"). */
export function isEventStream(fields: Fields): boolean {
  return isMediaType(fieldValue(fields, "content-type"), "text/event-stream");
}
