// One field name under several spellings. CGI (RFC 3875 §4.1.18), WSGI, Rack and PHP hand fields to programs as variables,
// whose names have letters, digits and `_` only: there `x-api-key`, `x_api_key` and `x.api.key` are one.

const [DASH, NINE, ZERO, A, Z] = [45, 57, 48, 97, 122];

const NOT_PLAIN = /[^a-z0-9-]/;

function isPlainCode(code: number): boolean {
  return (code >= A && code <= Z) || code === DASH || (code >= ZERO && code <= NINE);
}

/** Whether a lower-case name is the way most fields are written: letters, digits and dashes. Cheap: asked of every field. */
export function isPlainName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (!isPlainCode(name.charCodeAt(i))) return false;
  return true;
}

/** The plain name that a lower-case one is the same as, to whoever makes variables of them. */
export function plainName(name: string): string {
  // By the runtime's own search: every start asks it of dozens of names, before any loop of ours is compiled.
  return NOT_PLAIN.test(name) ? name.replace(/[^a-z0-9]/g, "-") : name;
}

/** Whether two lower-case names are one in some spelling. */
export function isSameName(one: string, other: string): boolean {
  return one === other || (one.length === other.length && plainName(one) === plainName(other));
}
