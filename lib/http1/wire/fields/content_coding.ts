// How the bytes of a body are coded (RFC 9110 §8.4), found in one way by all who undo it, or read only what has none: a coding
// that one of them overlooks is one that its client undoes, and one that is none (`identity`) hides nothing from anybody.
import type { Fields } from "../../types.ts";
import { combinedValue } from "./fields.ts";

/** What has to be undone, in lower case, as one list where there are several; undefined if nothing has: `identity` is none. */
export function contentCoding(fields: Fields): string | undefined {
  const value = combinedValue(fields, "content-encoding");
  if (value === undefined) return undefined;
  const codings = value.toLowerCase().split(",").map((each) => each.trim());
  const undone = codings.filter((each) => each !== "" && each !== "identity");
  return undone.length === 0 ? undefined : undone.join(", ");
}
