// What a session id holds, and its one encoding: a JSON array in canonical form (docs/behaviour.md E2, E3;
// tests/vectors/FORMAT.md §4). Only what is encoded here decodes; both directions check the same rules.
import { isJsonObject, type JsonObject, parseJson } from "../platform/json.ts";
import { canonicalJson } from "./canonical_json.ts";
import type { ClientKinds } from "./client_kinds.ts";
import type { OwnerFingerprint } from "./owner_fingerprint.ts";

/** Everything any replica needs to serve a session it has never seen. */
export interface SealedSession {
  /** base64url of 16 random bytes: what tells two sessions of one caller apart. */
  readonly sid: string;
  readonly owner: OwnerFingerprint;
  /** Milliseconds since the epoch, an integer. */
  readonly issuedAtMs: number;
  /** Milliseconds since the epoch, an integer ≥ `issuedAtMs`. Opening does not look at it. */
  readonly expiresAtMs: number;
  /** As negotiated with the upstream. */
  readonly protocolVersion: string;
  /** Of the client's initialize, to initialize a lost upstream session again (L4). */
  readonly clientInfo: JsonObject;
  readonly capabilities: JsonObject;
  /** Address of the replica that holds the session's connections. */
  readonly home?: string;
  /** Upstream url → header name (lower case) → value. */
  readonly upstreams: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** base64url of exactly 16 bytes: the last character carries two bits. */
const BASE64URL_16 = /^[\w-]{21}[AQgw]$/;
/** Where the first of two numbers stands in a canonical text: behind `["`, sid, `","`, owner, `",`. */
const TIMES_AT = 2 + 22 + 3 + 22 + 2;
/** A field name, RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LOWER_TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** What would end a field line (RFC 9110 §5.5), were it ever sealed. */
const LINE_BREAK = /[\0\r\n]/;

/**
 * The canonical text of a session: equal sessions give equal texts, in whatever order their members were put.
 *
 * @throws TypeError if the session breaks a rule of {@link SealedSession}, or two header names differ only in case
 */
export function encodeSession(session: SealedSession): string {
  const { sid, owner, issuedAtMs, expiresAtMs, protocolVersion, home } = session;
  require(BASE64URL_16.test(sid), "sid", "base64url of 16 bytes");
  require(BASE64URL_16.test(owner), "owner", "a fingerprint of fingerprintOwner");
  require(isTime(issuedAtMs), "issuedAtMs", "an integer ≥ 0");
  require(isTime(expiresAtMs) && expiresAtMs >= issuedAtMs, "expiresAtMs", "an integer ≥ issuedAtMs");
  require(isText(protocolVersion), "protocolVersion", "a version");
  require(isJsonObject(session.clientInfo), "clientInfo", "a JSON object");
  require(isJsonObject(session.capabilities), "capabilities", "a JSON object");
  require(home === undefined || isText(home), "home", "an address or nothing");
  const members = [
    JSON.stringify(sid),
    JSON.stringify(owner),
    issuedAtMs,
    expiresAtMs - issuedAtMs,
    JSON.stringify(protocolVersion),
    canonicalJson(session.clientInfo),
    canonicalJson(session.capabilities),
    encodeUpstreams(session.upstreams),
  ];
  if (home !== undefined) members.push(JSON.stringify(home));
  return `[${members.join(",")}]`;
}

/**
 * The session whose canonical text is `text`; undefined if its shape is another.
 * @param kinds whose objects are taken for what the client says of itself
 */
export function decodeSession(text: string, kinds?: ClientKinds): SealedSession | undefined {
  let members: unknown;
  try {
    members = parseJson(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(members) || (members.length !== 8 && members.length !== 9)) return undefined;
  const [sid, owner, issuedAtMs, lifetimeMs, protocolVersion, clientInfo, capabilities, upstreams, home] = members;
  if (typeof sid !== "string" || !BASE64URL_16.test(sid)) return undefined;
  if (typeof owner !== "string" || !BASE64URL_16.test(owner)) return undefined;
  if (!isTime(issuedAtMs) || !isTime(lifetimeMs) || !isTime(issuedAtMs + lifetimeMs)) return undefined;
  if (!isText(protocolVersion) || !isJsonObject(clientInfo) || !isJsonObject(capabilities)) return undefined;
  if (!isUpstreams(upstreams)) return undefined;
  const parsed = { protocolVersion, clientInfo, capabilities };
  const said = kinds?.sharedAt(text, text.indexOf('"', TIMES_AT), parsed) ?? parsed;
  const session = {
    sid,
    owner: owner as OwnerFingerprint,
    issuedAtMs,
    expiresAtMs: issuedAtMs + lifetimeMs,
    protocolVersion: said.protocolVersion,
    clientInfo: said.clientInfo,
    capabilities: said.capabilities,
    upstreams,
  };
  if (members.length === 8) return session;
  return isText(home) ? { ...session, home } : undefined;
}

function encodeUpstreams(upstreams: SealedSession["upstreams"]): string {
  require(isJsonObject(upstreams), "upstreams", "an object");
  const entries = Object.keys(upstreams).sort().map((url) => {
    const headers = upstreams[url];
    require(url !== "" && isJsonObject(headers), "upstreams", "url → headers");
    return `${JSON.stringify(url)}:${encodeHeaders(headers)}`;
  });
  return `{${entries.join(",")}}`;
}

function encodeHeaders(headers: Readonly<Record<string, unknown>>): string {
  const byName = new Map<string, string>();
  for (const [given, value] of Object.entries(headers)) {
    // Before lower-casing: the Kelvin sign becomes an ASCII k.
    require(TOKEN.test(given), "an upstream's header name", "a token (RFC 9110 §5.6.2)");
    const name = given.toLowerCase();
    require(isFieldValue(value), `the value of upstream header ${name}`, "a string without line breaks");
    require(!byName.has(name), `upstream header ${name}`, "it once, whatever its case");
    byName.set(name, value);
  }
  const names = [...byName.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(byName.get(name))}`).join(",")}}`;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isFieldValue(value: unknown): value is string {
  return typeof value === "string" && !LINE_BREAK.test(value);
}

function isUpstreams(value: unknown): value is SealedSession["upstreams"] {
  if (!isJsonObject(value)) return false;
  for (const url of Object.keys(value)) {
    const headers = value[url];
    if (url === "" || !isJsonObject(headers)) return false;
    for (const name of Object.keys(headers)) {
      if (!LOWER_TOKEN.test(name) || !isFieldValue(headers[name])) return false;
    }
  }
  return true;
}

function require(holds: boolean, what: string, wanted: string): asserts holds {
  if (!holds) throw new TypeError(`sealing a session: found ${what} unfit, want ${wanted}`);
}
