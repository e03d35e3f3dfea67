// What a request that was cut is answered with, if no answer has begun: as the next one like it would be.
import { SignetError } from "../../errors.ts";
import { HttpError } from "../../http1/types.ts";
import type { InFlight } from "./in_flight.ts";

/** `error` itself if it is not about having been cut. */
export function explainCut(error: unknown, { endReason, refusal, inbound }: InFlight): unknown {
  if (!(error instanceof HttpError) || error.code !== "aborted") return error;
  if (refusal !== undefined) return refusal;
  if (endReason === "drain") return new SignetError("draining", { cause: error });
  if (endReason !== undefined) {
    // Whoever has no session must not take one for lost, nor its method for one that is not there (S5; docs/protocol.md 35).
    if (inbound.facts.claimsModernEra) return new SignetError("caller_revoked", { cause: error });
    return new SignetError("session_not_found", { facts: { outcome: endReason }, cause: error });
  }
  return new SignetError("request_timeout", { facts: { outcome: "client_gone" }, cause: error });
}
