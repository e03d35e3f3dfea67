// base62 decoded into bytes of its own, for tests that look at them; the program decodes in place.
import { decodeBase62Into } from "../../lib/envelope/base62.ts";

/** Room for every block of 11 characters, a tail's included. */
const roomFor = (text: string) => Math.ceil(text.length / 11) * 8;

/** The bytes whose text is `text`; undefined if there are none. */
export function decodeBase62(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(roomFor(text));
  const length = decodeBase62Into(text, bytes);
  return length < 0 ? undefined : bytes.slice(0, length);
}
