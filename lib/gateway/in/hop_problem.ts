// Whether what another replica has passed on would still be believed, under the ring of the moment (docs/behaviour.md E5, R2).
import type { KeyRing } from "../../envelope/key_ring.ts";
import { SignetError } from "../../errors.ts";
import type { Inbound } from "../inbound.ts";

/** Why not: its key is withdrawn, and with it every word on whose behalf it came. Undefined where it still is. */
export function hopProblem(ring: KeyRing, { hop }: Pick<Inbound, "hop">): SignetError | undefined {
  if (hop === undefined || ring.find(hop.key.idWord) !== undefined) return undefined;
  return new SignetError("hop_refused", { facts: { reason: "key_removed" } });
}
