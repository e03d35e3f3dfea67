// A stateless request where it belongs: here, or at the replica where a call of its client waits, or where the server's
// state of its client is, if no other can reach it (docs/behaviour.md R1, R8, S3, S4). One hop at most; whoever is gone is
// asked for nothing, and then the request is this replica's.
import { SignetError } from "../../../errors.ts";
import type { ClientResponse } from "../../../http1/types.ts";
import { Elsewhere } from "../../../replica/elsewhere.ts";
import { otherwise, type UpstreamRequest } from "../../../upstream/upstream.ts";
import type { Inbound } from "../../inbound.ts";
import type { GatewayParts } from "../../parts.ts";
import type { InFlight } from "../in_flight.ts";
import { NOT_THERE, passOn } from "../pass_on.ts";
import { sendWithoutSession } from "../send.ts";

export interface StatelessSending {
  readonly inbound: Inbound;
  readonly inFlight: InFlight;
  /** As it came: what another replica is to have. */
  readonly received: Uint8Array;
  /** As the server is to have it. */
  readonly request: UpstreamRequest & { readonly upstreamSessionId: undefined };
}

export interface StatelessAnswer {
  readonly response: ClientResponse;
  /** Whether another replica gave it, which has done with it all that is to be done. */
  readonly isPassed: boolean;
}

/** How often a request may turn out to belong somewhere else. */
const MOST_MOVES = 4;

/** @throws HttpError; SignetError `upstream_*`, `session_elsewhere` */
export async function answerStateless(parts: GatewayParts, sending: StatelessSending): Promise<StatelessAnswer> {
  const { inbound, inFlight, received, request } = sending;
  const gone: string[] = [];
  const where = { gone, isPassedOn: inbound.hop !== undefined };
  for (;;) {
    try {
      const response = await sendWithoutSession(parts, inFlight, otherwise(request, { where }));
      return { response, isPassed: false };
    } catch (fault) {
      if (!(fault instanceof Elsewhere)) throw fault;
      // Never two hops: whoever passed it on finds out where it went.
      if (inbound.hop !== undefined) throw new SignetError("session_elsewhere", { facts: { outcome: "moved" } });
      if (gone.length >= MOST_MOVES || gone.includes(fault.home)) {
        throw new SignetError("upstream_unreachable", { facts: { outcome: "moved_too_often" } });
      }
      const response = await passOn(parts, { outbound: { inbound, body: received }, inFlight, home: fault.home });
      if (response !== undefined) return { response, isPassed: true };
      inbound.trace?.endSent(NOT_THERE);
      gone.push(fault.home);
    }
  }
}
