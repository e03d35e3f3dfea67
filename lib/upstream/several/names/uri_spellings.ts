// What a resource's address may be taken for by the server that gets it: escapes resolved, dot segments walked, the host
// that is this one left out (RFC 3986 §6.2, RFC 8089). Patterns that hide an address hide it however it is spelt (A7).

/** Escapes of escapes are resolved so often; what has more of them is taken as it then is. */
const MAX_DECODED = 4;

/** The address itself, or a pattern for some, and all that it may be taken for. */
export function uriSpellings(uri: string): readonly string[] {
  const decoded = [uri];
  for (let i = 0; i < MAX_DECODED; i++) {
    const last = decoded.at(-1)!, next = unescaped(last);
    if (next === last) break;
    decoded.push(next);
  }
  const walked = decoded.flatMap((spelling) => URL.canParse(spelling) ? walkedOf(new URL(spelling)) : []);
  return [...new Set([...decoded, ...walked])];
}

/** Of a file its path alone counts, in which two slashes are one. */
function walkedOf({ href, protocol, pathname }: URL): string[] {
  const whole = unescaped(href);
  return protocol === "file:" ? [whole, `file://${unescaped(pathname).replace(/\/+/g, "/")}`] : [whole];
}

/** Of the escapes those that stand for text; of malformed ones none. */
function unescaped(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
