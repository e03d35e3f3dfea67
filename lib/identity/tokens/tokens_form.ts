// A session token as text: `base64url({"sid","aid","exp"}).base64url(HMAC-SHA256)` (docs/behaviour.md T1).
// Linear in a capped length, and nothing is parsed before its signature was checked (T2).
import { Buffer } from "node:buffer";
import { parseJson } from "../../platform/json.ts";

/** No issued token comes near: an agent may have 512 characters. */
const MAX_TOKEN_LENGTH = 4_096;
/** 32 bytes in base64url without padding. */
const MAC_LENGTH = 43;
const FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/;

export interface TokenPayload {
  readonly sid: string;
  /** The agent. */
  readonly aid: string;
  /** Seconds since the epoch. */
  readonly exp: number;
}

export interface TokenParts {
  /** What was signed, as it stands in the token. */
  readonly signed: string;
  readonly mac: Uint8Array;
}

/** The same payload is always the same text. */
export function encodePayload(payload: TokenPayload): string {
  const { sid, aid, exp } = payload;
  return Buffer.from(JSON.stringify({ sid, aid, exp }), "utf8").toString("base64url");
}

export function joinToken(signed: string, mac: Uint8Array): string {
  return `${signed}.${Buffer.from(mac).toString("base64url")}`;
}

/** Undefined if it has not a token's form. The signature's text must be the one way to write its bytes. */
export function splitToken(token: string): TokenParts | undefined {
  if (token.length > MAX_TOKEN_LENGTH || !FORM.test(token)) return undefined;
  const macText = token.slice(-MAC_LENGTH);
  const mac = Buffer.from(macText, "base64url");
  if (mac.toString("base64url") !== macText) return undefined;
  return { signed: token.slice(0, -MAC_LENGTH - 1), mac };
}

/** Undefined unless it is exactly what {@link encodePayload} writes for a payload that could have been issued. */
export function decodePayload(signed: string): TokenPayload | undefined {
  let parsed: unknown;
  try {
    parsed = parseJson(Buffer.from(signed, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { sid, aid, exp } = parsed as Record<string, unknown>;
  if (typeof sid !== "string" || sid === "" || typeof aid !== "string" || aid.trim() === "") return undefined;
  if (typeof exp !== "number" || !Number.isSafeInteger(exp) || exp < 0) return undefined;
  const payload = { sid, aid, exp };
  return encodePayload(payload) === signed ? payload : undefined;
}
