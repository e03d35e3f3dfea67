// What may stand in a log in place of a secret: a short one-way name, enough to correlate lines, useless to an attacker.
import { hash } from "../platform/runtime/builtin.ts";

/** First 12 hex digits (48 bits) of the SHA-256 of `text`. */
export function shortHash(text: string): string {
  return hash("sha256", text, "hex").slice(0, 12);
}

/** A name and a password, as they stand before a host (RFC 3986 §3.2.1); parsers take the last `@` for their end. */
const USER_INFO = /:\/\/[^/?#]*@/g, PASSWORD = /(:\/\/[^/?#:]*:)[^/?#]*@/g;

/** An address without user info, in itself and in addresses within it. */
export function withoutUserInfo(address: string): string {
  return address.replace(USER_INFO, "://");
}

/** The same where the name says what it is about. */
export function withoutPassword(address: string): string {
  return address.replace(PASSWORD, "$1…@");
}

/**
 * A path without its long segments, a key or an id where services have their clients' in addresses, and without what is
 * said to be something's value: a query that was joined wrongly, or parameters of a segment (RFC 3986 §3.3); of an address
 * in it, without user info.
 */
export function redactPath(path: string): string {
  return withoutUserInfo(path).replace(/(=|%3d)[^/;&]+/gi, "$1…").replace(/[^/]{25,}/g, "…");
}

/** A URL without user info, query and fragment, and without long segments of its path. */
export function redactUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${redactPath(pathname)}`;
  } catch {
    return "(not a URL)";
  }
}
