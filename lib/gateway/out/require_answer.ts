// 202 is for what needs no answer. A request that gets one would leave its client waiting until its own time-out
// (docs/protocol.md 10), so it is refused here, where somebody can be told why; unless the client listens in the
// session: some servers answer there, and real clients take an answer from whatever stream it comes on.
import { SignetError } from "../../errors.ts";
import type { ClientResponse } from "../../http1/types.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";

/** @throws SignetError `upstream_invalid`, with the answer released */
export function requireAnswer(
  { inbound, session }: { readonly inbound: Inbound; readonly session?: Session },
  response: ClientResponse,
): void {
  if (response.head.status !== 202 || inbound.requestId === null) return;
  if (session !== undefined && session.openStreams > 0) return;
  inbound.rpcId = inbound.requestId;
  response.release();
  throw new SignetError("upstream_invalid", {
    facts: { found: "202 in answer to a request" },
    remedy:
      "The upstream must answer requests with a JSON-RPC response, as JSON or as an event stream; one that answers " +
      "on the listening stream can serve only clients that have opened it.",
  });
}
