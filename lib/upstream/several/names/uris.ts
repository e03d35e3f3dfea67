// Addresses of resources over several servers: legal URIs that lead to their server and turn back into the very text it
// gave (docs/behaviour.md A3). `file:///a` of `files` is `files+file:///a`; `ui://x/y`, whose scheme means something to
// clients (MCP Apps), is `ui://files/x/y`; what has no scheme gets the member's name for one. Templates are turned as what
// they stand for: `{+url}` is `files+{+url}`.

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

/** A template as what it stands for: what a client puts in place of an expression may be, or begin, a scheme. */
export function outwardTemplate(label: string, template: string): string {
  return bringsScheme(template) ? `${label}+${template}` : outwardUri(label, template);
}

/** Whether it is a template that has no scheme by itself, and what it stands for has one (RFC 6570 §2.2). */
function bringsScheme(template: string): boolean {
  if (SCHEME.test(template) || !template.includes("{")) return false;
  return /^\{\+[^{}]*\}$/.test(template) || SCHEME.test(template.replace(/\{[^{}]*\}/g, "x"));
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
  if (SCHEME.test(rest) !== (joint === "+") && !(joint === "+" && bringsScheme(rest))) return undefined;
  if (rest.startsWith(UI)) return undefined;
  return { label: label.toLowerCase(), uri: rest };
}
