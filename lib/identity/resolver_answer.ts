// A resolver's answer, read strictly: whatever is not exactly understood proves nobody. Pure.
// `{"subject": "…", "issuer"?: "…", "client_id"?: "…", "scopes"?: ["…"], "expires_at"?: seconds since the epoch}`
import { z } from "zod";
import { EndpointFault } from "./endpoint.ts";
import type { Principal } from "./principal.ts";

const RESOLVER_ISSUER = "signet:resolver";

const name = z.string().max(1_024).refine((text) => text.trim() !== "" && text.isWellFormed());

const ANSWER = z.strictObject({
  subject: name,
  /** Of the same owner by another source, so that his sessions are his by either. Signet's own are not to be had. */
  issuer: name.refine((issuer) => !issuer.startsWith("signet:")).optional(),
  client_id: name.optional(),
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)).max(1_000).optional(),
  expires_at: z.number().optional(),
});

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
  const parsed = ANSWER.safeParse(answer);
  if (!parsed.success) throw new EndpointFault("its answer is not of the form of a principal");
  const { subject, issuer, client_id, scopes, expires_at } = parsed.data;
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
