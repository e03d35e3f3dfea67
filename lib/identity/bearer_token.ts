// The bearer token of a request, in its one allowed place: a single `Authorization: Bearer` field (RFC 6750 §2.1).
// Tokens in bodies and query strings are not looked for: they end up in logs.
import { malformed, NONE } from "./identifications.ts";
import type { CredentialView, Identification } from "./principal.ts";

/** Longest token looked at, in characters, unless configured otherwise. */
export const MAX_TOKEN_LENGTH = 8_192;

export const TOKEN_FIELDS: readonly string[] = ["authorization"];

// RFC 6750 §2.1, b64token.
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

const REPEATED = malformed("Authorization is sent more than once");
const EMPTY = malformed("the Authorization field names the Bearer scheme but holds no token");
const TOO_LONG = malformed("the token is longer than is looked at here");
const BAD_SYNTAX = malformed("the token holds characters no bearer token has");

/** @returns the token; `none` if there is no Authorization, or one of another scheme; `invalid` if it is not one token */
export function readBearerToken(view: CredentialView, maxLength: number): string | Identification {
  const count = view.count("authorization");
  if (count === 0) return NONE;
  if (count > 1) return REPEATED;
  const value = view.get("authorization") ?? "";
  // RFC 9110 §11.1: schemes are case-insensitive.
  const end = value.indexOf(" ");
  const scheme = end < 0 ? value : value.slice(0, end);
  if (scheme.length !== 6 || scheme.toLowerCase() !== "bearer") return NONE;
  const token = end < 0 ? "" : value.slice(end).trim();
  if (token === "") return EMPTY;
  return token.length > maxLength ? TOO_LONG : token;
}

/** What is wrong with the token's characters; undefined if nothing is. Left to `verify`, so that hits need not look. */
export function tokenSyntaxProblem(token: string): Identification | undefined {
  return B64TOKEN.test(token) ? undefined : BAD_SYNTAX;
}
