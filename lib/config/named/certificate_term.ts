// For how long the listener's own certificate is good: clients refuse one that is not, and nobody else says so.
import { certificateOf } from "../../platform/runtime/builtin.ts";
import { DAY } from "../values/units.ts";

/** Days ahead at which its end is told of. */
export const FEW_DAYS = 14;

export interface CertificateTerm {
  /** `ok` for some time to come, `soon` over, or `bad`: over, or not begun. */
  readonly state: "ok" | "soon" | "bad";
  /** What completes "the certificate …": `is good for 80 days`. */
  readonly found: string;
  /** A sentence. */
  readonly remedy: string;
}

/** Of the first certificate in a PEM text; undefined if none can be read. @param nowMs milliseconds since the epoch */
export function certificateTerm(pem: string, nowMs: number): CertificateTerm | undefined {
  let [begins, ends] = [NaN, NaN];
  try {
    const { validFrom, validTo } = certificateOf(pem);
    [begins, ends] = [Date.parse(validFrom), Date.parse(validTo)];
  } catch {
    return undefined;
  }
  if (Number.isNaN(begins + ends)) return undefined;
  if (nowMs < begins) {
    const remedy = "Clients refuse it until then: see whether this machine's clock is right.";
    return { state: "bad", found: `is not valid before ${dated(begins)}`, remedy };
  }
  if (nowMs > ends) {
    return { state: "bad", found: `expired on ${dated(ends)}`, remedy: "Renew it and reload: clients refuse it." };
  }
  const days = Math.floor((ends - nowMs) / DAY);
  const found = days === 0 ? "expires within a day" : `is good for ${days} day${days === 1 ? "" : "s"}`;
  return { state: days < FEW_DAYS ? "soon" : "ok", found, remedy: "Renew it and reload." };
}

function dated(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
