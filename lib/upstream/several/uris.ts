// Addresses of resources over several servers: legal URIs that lead to their server and turn back into the very text it
// gave (docs/behaviour.md A3). `file:///a` of `files` is `files+file:///a`; `ui://x/y`, whose scheme means something to
// clients (MCP Apps), is `ui://files/x/y`; what has no scheme gets the member's name for one.

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const UI = "ui://";

/** What stands for a member in a URI: schemes are compared without case, and know no underscore (RFC 3986 §3.1). */
export function labelOf(memberName: string): string {
  return memberName.toLowerCase().replaceAll("_", ".");
}

export function outwardUri(label: string, uri: string): string {
  if (uri.startsWith(UI)) return `${UI}${label}/${uri.slice(UI.length)}`;
  return SCHEME.test(uri) ? `${label}+${uri}` : `${label}:${uri}`;
}

/** The member's label and its own URI; undefined where nobody's label leads. */
export function inwardUri(uri: string): { readonly label: string; readonly uri: string } | undefined {
  if (uri.startsWith(UI)) {
    const slash = uri.indexOf("/", UI.length);
    if (slash === -1) return undefined;
    return { label: uri.slice(UI.length, slash).toLowerCase(), uri: UI + uri.slice(slash + 1) };
  }
  const [whole, label = "", joint] = /^([A-Za-z][A-Za-z0-9.-]*)([+:])/.exec(uri) ?? [];
  if (whole === undefined) return undefined;
  const rest = uri.slice(whole.length);
  // `outwardUri` writes neither: two texts never lead to one resource.
  if (SCHEME.test(rest) !== (joint === "+") || rest.startsWith(UI)) return undefined;
  return { label: label.toLowerCase(), uri: rest };
}
