// What the members of a token or of an answer about one say of its client and of its scopes, by whichever names issuers
// write them (docs/behaviour.md I6, I7). Pure. Two names for one client are no client: nobody is bound to either of
// them.
import { isJsonObject, parseJson } from "../platform/json.ts";
import { refused } from "./identifications.ts";
import type { Identification } from "./principal.ts";

export type Members = Readonly<Record<string, unknown>>;

/** RFC 9068 §2.2, OpenID Connect Core §2, and what two widely used servers write instead. */
const CLIENT_CLAIMS = ["client_id", "azp", "cid", "appid"] as const;
/** RFC 8693 §4.2, and as some providers write it. */
const SCOPE_CLAIMS = ["scope", "scp"] as const;

const BOUND_TO_KEY = refused("the token is bound to a key, and a bearer token proves none");
const CLIENTS_DIFFER = refused("the token names more than one client");
const CLIENT_UNREADABLE = refused("the token names its client in a form that is not understood");

/**
 * Why a token is refused that is bound to a key: it proves nothing without a proof of that key, which a bearer token is not
 * (RFC 9449 §7.1, RFC 8705 §3). Undefined for one that is not.
 */
export function boundToKey({ cnf }: Members): Identification | undefined {
  return cnf === undefined || cnf === null ? undefined : BOUND_TO_KEY;
}

/** A text that is one name for every reader: a lone surrogate has no UTF-8 and would merge with others. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.isWellFormed();
}

/** @returns the client; undefined if none is named; why the token is refused if it cannot be told */
export function clientOf(members: Members): string | undefined | Identification {
  let client: string | undefined;
  for (const claim of CLIENT_CLAIMS) {
    const value = claimAt(members, claim);
    if (value === undefined || value === null || (typeof value === "string" && value.trim() === "")) continue;
    if (!isName(value)) return CLIENT_UNREADABLE;
    if (client !== undefined && client !== value) return CLIENTS_DIFFER;
    client = value;
  }
  return client;
}

/**
 * The scopes of `scope`, or of `scp` where it names none, and of the claims that are configured to count as such. Each
 * is text with blanks between, or a list of texts; what is neither says nothing.
 */
export function scopesOf(members: Members, further: readonly string[] = []): string[] {
  const own = SCOPE_CLAIMS.map((name) => listed(members, name)).find((scopes) => scopes.length > 0) ?? [];
  return [...new Set([...own, ...further.flatMap((name) => listed(members, name))])];
}

function listed(members: Members, name: string): string[] {
  const value = claimAt(members, name);
  const scopes: readonly unknown[] = typeof value === "string" ? value.split(" ") : Array.isArray(value) ? value : [];
  return scopes.filter((scope): scope is string => typeof scope === "string" && scope !== "");
}

/** A member by its own name, dots and all (`https://a.example/roles`), else by its path: `realm_access.roles`. */
export function claimAt(members: Members, name: string): unknown {
  if (Object.hasOwn(members, name)) return members[name];
  let at: unknown = members;
  for (const step of name.split(".")) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, step)) return undefined;
    at = (at as Members)[step];
  }
  return at;
}

/** Whether two URIs name one resource: with and without the slash that ends it (I6). */
function isSameResource(one: string, other: string): boolean {
  return withoutEndSlash(one) === withoutEndSlash(other);
}

function withoutEndSlash(uri: string): string {
  return uri.endsWith("/") ? uri.slice(0, -1) : uri;
}

/** Whether `aud`, text or list, holds one of the audiences. */
export function holdsAudience(found: unknown, wanted: readonly string[]): boolean {
  const audiences: readonly unknown[] = Array.isArray(found) ? found : [found];
  return audiences.some((audience) =>
    typeof audience === "string" && wanted.some((one) => isSameResource(one, audience))
  );
}

/** What an unverified JWT says of its issuer; undefined where nothing can be read. */
export function issuerOf(token: string): string | undefined {
  return unverified(token, 1, "iss");
}

/** What an unverified JWT says it was signed with, in words. */
export function signedWith(token: string): string {
  const [kid, alg] = [unverified(token, 0, "kid"), unverified(token, 0, "alg")];
  return `${kid === undefined ? "no key named" : `key ${JSON.stringify(kid)}`}, ${alg ?? "no algorithm"}`;
}

/** A text member of one part of a JWT, head or payload. */
function unverified(token: string, part: 0 | 1, name: string): string | undefined {
  const members = partOf(token, part);
  const found = members !== undefined && Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof found === "string" ? found : undefined;
}

/**
 * One part of a JWT, head or payload, as it is written; undefined where that is no JSON object in UTF-8. Libraries use the
 * runtime's own parser, which can take a name with an escape for another (`platform/json.ts`), and read what is no UTF-8 as
 * something, so that two names would be one.
 */
export function partOf(token: string, part: 0 | 1): Members | undefined {
  try {
    const bytes = Uint8Array.fromBase64(token.split(".")[part]!, { alphabet: "base64url" });
    const members: unknown = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isJsonObject(members) ? members as Members : undefined;
  } catch {
    return undefined;
  }
}

/** Claims that are kept, by their names; "all", or none. */
export type WantedClaims = ReadonlySet<string> | "all";

/** Of all that are kept of one caller: whoever reads them does so in bounded time. */
const MOST_VALUES = 1000, MOST_CHARACTERS = 16_384;

/**
 * The claims of those names, as they are. More than a rule may look at is none at all: what reads them then cannot be
 * told, and lets nothing through.
 */
export function keptClaims(members: Members, wanted: WantedClaims): Members | undefined {
  if (wanted !== "all" && wanted.size === 0) return undefined;
  const kept = Object.fromEntries(Object.entries(members).filter(([name]) => wanted === "all" || wanted.has(name)));
  const fits = countValues(kept) <= MOST_VALUES && JSON.stringify(kept).length <= MOST_CHARACTERS;
  return fits ? kept : undefined;
}

function countValues(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, each) => sum + countValues(each), 1);
}
