// The Origin of a request whose head was refused, so that a web page can read why (Fetch standard, CORS protocol). What it is
// found in was never parsed: it is good for comparing with a list of origins, and for nothing else.

/** The one Origin in the text of a head, whole or cut; undefined if there is none, or more than one. */
export function originIn(head: string): string | undefined {
  const end = head.indexOf("\r\n\r\n");
  const fields = end < 0 ? head : head.slice(0, end + 2);
  const [first, second] = fields.matchAll(/\norigin:[ \t]*([\x21-\x7e]+)[ \t]*\r?\n/gi);
  return second === undefined ? first?.[1] : undefined;
}
