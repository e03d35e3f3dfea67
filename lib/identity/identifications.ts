// The answers of sources that carry nothing of their own, made once.
import { shortened } from "../observe/shortened.ts";
import type { Identification } from "./principal.ts";

/** The request carries nothing for this source. */
export const NONE: Identification = Object.freeze({ kind: "none" });

/** The request carries a credential of this source's kind that cannot even be read (RFC 6750 §3.1). */
export function malformed(reason: string): Identification {
  return Object.freeze({ kind: "invalid", error: "invalid_request", reason });
}

/** The credential is of this source's kind and does not hold (RFC 6750 §3.1). */
export function refused(reason: string): Identification {
  return Object.freeze({ kind: "invalid", error: "invalid_token", reason });
}

/** The same for a claim whose values are no secrets: issuer, audience, client, type, algorithm. */
export function refusedClaim(reason: string, claim: { readonly found: unknown; readonly wanted: readonly string[] }) {
  const facts = { found: shownClaim(claim.found), wanted: claim.wanted.join(" or ") };
  return { kind: "invalid", error: "invalid_token", reason, facts } as const satisfies Identification;
}

/** The same for a moment, in whole seconds since the epoch as claims have it: a clock that is wrong shows. */
export function refusedTime(reason: string, time: { readonly found: unknown; readonly wanted: string }) {
  return refusedClaim(reason, { found: shownTime(time.found), wanted: [time.wanted] });
}

/** As people and logs write it. */
export function shownTime(seconds: unknown): unknown {
  const date = new Date(typeof seconds === "number" ? seconds * 1000 : NaN);
  return Number.isNaN(date.getTime()) ? seconds : date.toISOString().replace(/\.\d+Z$/, "Z");
}

function shownClaim(claim: unknown): string {
  const text = typeof claim === "string" ? claim : claim === undefined ? "(none)" : JSON.stringify(claim) ?? "(none)";
  return shortened(text);
}
