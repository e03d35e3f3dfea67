// A head that is kept for as long as a stream lasts. What parsing hands out are slices of the whole head, whose bytes stay
// for as long as one of them does: here each is put in memory of its own, or in that of an equal text that is kept anyway.
import type { RequestHead } from "../../types.ts";
import { sharedText } from "../fields/shared_texts.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Changes no text, but where it lies; whoever has the head, or its list of fields, has them there, too.
 * @param kept texts that somebody keeps, most likely equal to one of the head's
 */
export function settleHead(head: RequestHead, kept: readonly (string | undefined)[]): void {
  const texts: Writable<RequestHead> = head;
  texts.method = settled(head.method, kept);
  texts.target = settled(head.target, kept);
  texts.path = settled(head.path, kept);
  texts.query = settled(head.query, kept);
  texts.host = settled(head.host, kept);
  const changing = head.changing as (string | undefined)[];
  for (let i = 0; i < changing.length; i++) if (changing[i] !== undefined) changing[i] = settled(changing[i]!, kept);
  const fields = head.fields as string[];
  for (let i = 0; i < fields.length; i++) fields[i] = settled(fields[i]!, kept);
}

/** A loop: a function for `find` would be made for each text of the head, and lie among what lasts. */
function settled(text: string, kept: readonly (string | undefined)[]): string {
  for (const each of kept) if (each === text) return each;
  return sharedText(text);
}
