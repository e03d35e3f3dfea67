// What an introspection answer proves (RFC 7662 §2.2): a principal, or nobody. Pure.
import type { IntrospectionResponse } from "oauth4webapi";
import { boundToKey, clientOf, holdsAudience, keptClaims, scopesOf, type WantedClaims } from "../claims.ts";
import { refused, refusedClaim, refusedTime, shownTime } from "../identifications.ts";
import type { Identification, Principal } from "../principal.ts";

export interface IntrospectionRules {
  /**
   * The authorization server's issuer. Becomes the principal's; an answer that names another is refused. Without it the
   * answer's `iss` is taken, else `signet:introspection`.
   */
  readonly issuer?: string;
  /** If set, the answer's `aud` must hold one of these: a token for somebody else proves nothing here (RFC 8707). */
  readonly audience?: readonly string[];
  /** Which member names the caller. Default `sub`; the others are for servers that leave it out. */
  readonly subjectClaim?: "sub" | "username" | "client_id";
  /** Members that are kept for rules. Default none. */
  readonly keepClaims?: WantedClaims;
  /** Longest time an answer is believed, in ms. Default 60,000: how long a token revoked elsewhere still counts. */
  readonly maxAgeMs?: number;
}

/** `expiresAtMs` is when it must be asked again; the token itself may live longer. */
export interface IntrospectedPrincipal extends Principal {
  /** When the token ends, in ms since the epoch; Infinity if the answer does not say. */
  readonly credentialExpiresAtMs: number;
}

const INTROSPECTION_ISSUER = "signet:introspection";

const DEFAULT_MAX_AGE_MS = 60_000;
const MAX_SUBJECT_LENGTH = 1_024;
/** What an access token that is enough by itself may be called. */
const BEARER_TYPES = new Set(["bearer", "access_token"]);

const INACTIVE = refused("the token is not active");
const NO_SUBJECT = refused("the authorization server names no subject for the token");
const WRONG_ISSUER = "the token is of another issuer";
const WRONG_AUDIENCE = "the token is for another audience";
const EXPIRED = "the token has expired";
const NOT_BEARER = refused("the token is no access token that may be used as a bearer token");

export function judgeIntrospection(
  answer: IntrospectionResponse,
  rules: IntrospectionRules,
  nowMs: number,
): Identification {
  if (answer.active !== true) return INACTIVE;
  const bound = boundToKey(answer);
  if (bound !== undefined) return bound;
  if (!isBearer(answer)) return NOT_BEARER;
  const issuer = issuerOf(answer, rules);
  if (issuer === undefined) return refusedClaim(WRONG_ISSUER, { found: answer.iss, wanted: [rules.issuer ?? "a URL"] });
  if (rules.audience && !holdsAudience(answer.aud, rules.audience)) {
    return refusedClaim(WRONG_AUDIENCE, { found: answer.aud, wanted: rules.audience });
  }
  const subject = answer[rules.subjectClaim ?? "sub"];
  if (!isSubject(subject)) return NO_SUBJECT;
  const credentialExpiresAtMs = expiryOf(answer.exp);
  if (!(nowMs < credentialExpiresAtMs)) {
    return refusedTime(EXPIRED, { found: answer.exp, wanted: `exp later than ${shownTime(Math.floor(nowMs / 1000))}` });
  }
  const client = clientOf(answer);
  if (typeof client === "object") return client;
  const claims = keptClaims(answer, rules.keepClaims ?? new Set());
  const principal: IntrospectedPrincipal = {
    source: "introspection",
    ...(claims === undefined ? {} : { claims }),
    issuer,
    subject,
    ...(client === undefined ? {} : { clientId: client }),
    scopes: scopesOf(answer),
    expiresAtMs: Math.min(credentialExpiresAtMs, nowMs + (rules.maxAgeMs ?? DEFAULT_MAX_AGE_MS)),
    credentialExpiresAtMs,
    provenAtMs: nowMs,
  };
  return { kind: "principal", principal };
}

/** A refresh token is active too, and is no access token. */
function isBearer(answer: IntrospectionResponse): boolean {
  const type: unknown = answer.token_type;
  return !isGiven(type) || (typeof type === "string" && BEARER_TYPES.has(type.toLowerCase()));
}

function issuerOf(answer: IntrospectionResponse, rules: IntrospectionRules): string | undefined {
  const found: unknown = answer.iss;
  if (!isGiven(found)) return rules.issuer ?? INTROSPECTION_ISSUER;
  if (typeof found !== "string" || found.trim() === "" || found.startsWith("signet:")) return undefined;
  return rules.issuer === undefined || rules.issuer === found ? found : undefined;
}

function isSubject(subject: unknown): subject is string {
  return typeof subject === "string" && subject.trim() !== "" && subject.length <= MAX_SUBJECT_LENGTH &&
    subject.isWellFormed();
}

/** Servers write members they have no value for as null. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** An expiry that is no number has passed: what it means cannot be told. */
function expiryOf(exp: unknown): number {
  if (!isGiven(exp)) return Infinity;
  return typeof exp === "number" && Number.isFinite(exp) ? exp * 1000 : -Infinity;
}
