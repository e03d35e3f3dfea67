// A resolver's answer, read strictly: whatever is not exactly understood proves nobody. Pure.
// `{"subject": "…", "issuer"?: "…", "client_id"?: "…", "scopes"?: ["…"], "expires_at"?: seconds since the epoch}`
import { isName } from "../claims.ts";
import type { Principal } from "../principal.ts";
import { isScopeToken } from "../scope_token.ts";
import { EndpointFault } from "./endpoint.ts";

const RESOLVER_ISSUER = "signet:resolver";
const MEMBERS: ReadonlySet<string> = new Set(["subject", "issuer", "client_id", "scopes", "expires_at"]);
const MAX_NAME_LENGTH = 1_024;
const MAX_SCOPES = 1_000;

interface Answer {
  readonly subject: string;
  /** Of the same owner by another source, so that his sessions are his by either. Signet's own are not to be had. */
  readonly issuer?: string;
  readonly client_id?: string;
  readonly scopes?: readonly string[];
  readonly expires_at?: number;
}

function isBoundedName(value: unknown): value is string {
  return isName(value) && value.length <= MAX_NAME_LENGTH;
}

function isScopeList(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_SCOPES &&
    value.every((scope) => typeof scope === "string" && isScopeToken(scope));
}

/** Nothing but what is known, each in its one form: a member that is misspelt would be a demand that nobody keeps. */
function isAnswer(value: unknown): value is Answer {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (Object.keys(value).some((name) => !MEMBERS.has(name))) return false;
  const { subject, issuer, client_id, scopes, expires_at } = value as Record<string, unknown>;
  return isBoundedName(subject) &&
    (issuer === undefined || (isBoundedName(issuer) && !issuer.startsWith("signet:"))) &&
    (client_id === undefined || isBoundedName(client_id)) &&
    (scopes === undefined || isScopeList(scopes)) &&
    (expires_at === undefined || (typeof expires_at === "number" && Number.isFinite(expires_at)));
}

/** `expiresAtMs` is when it must be asked again; the credential itself may live longer. */
export interface ResolvedPrincipal extends Principal {
  /** In ms since the epoch; Infinity if the answer does not say. */
  readonly credentialExpiresAtMs: number;
}

/** Undefined for a principal that has expired. @throws EndpointFault if it is no answer */
export function readResolved(
  answer: unknown,
  time: { readonly nowMs: number; readonly maxAgeMs: number },
): ResolvedPrincipal | undefined {
  if (!isAnswer(answer)) throw new EndpointFault("its answer is not of the form of a principal");
  const { subject, issuer, client_id, scopes, expires_at } = answer;
  const credentialExpiresAtMs = expires_at === undefined ? Infinity : expires_at * 1000;
  if (!(time.nowMs < credentialExpiresAtMs)) return undefined;
  return {
    source: "resolver",
    issuer: issuer ?? RESOLVER_ISSUER,
    subject,
    ...(client_id === undefined ? {} : { clientId: client_id }),
    scopes: scopes ?? [],
    expiresAtMs: Math.min(credentialExpiresAtMs, time.nowMs + time.maxAgeMs),
    credentialExpiresAtMs,
    provenAtMs: time.nowMs,
  };
}
