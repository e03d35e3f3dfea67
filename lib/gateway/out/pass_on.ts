// A request of a session that another replica holds, passed on to it, and its answer back (docs/behaviour.md R1–R3, R8).
// The home checks everything again. Where it is gone and the request provably was not run there, the caller brings the
// session here; what may have been run is not repeated.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, HttpError } from "../../http1/types.ts";
import { fieldValue } from "../../http1/wire/fields.ts";
import { digestOfBody, HOP_FIELD } from "../../replica/hop_proof.ts";
import type { Passed, Peer } from "../../replica/peer.ts";
import { NOT_TAKEN, provenFields } from "../in/hopped.ts";
import { setField } from "./fields.ts";
import type { InFlight } from "./in_flight.ts";
import type { Outbound } from "./outbound.ts";
import type { GatewayParts } from "../parts.ts";
import { carryHop } from "../traced.ts";

/** What is passed on, and where to. */
export interface Passing {
  readonly outbound: Pick<Outbound, "inbound" | "body">;
  readonly inFlight: InFlight;
  readonly home: string;
}

/**
 * The home's answer; undefined where the home is gone, or the session is no longer there: then nothing was run.
 * @throws SignetError `upstream_unreachable` if it may have been; HttpError `aborted` if the request was cut
 */
export async function passOn(parts: GatewayParts, passing: Passing): Promise<ClientResponse | undefined> {
  const { replicas } = parts;
  const { inFlight, home, outbound } = passing;
  const peer = replicas.at(home);
  if (peer === undefined) {
    replicas.hops.inc("refused");
    return undefined;
  }
  const passed = passedOf(outbound, home);
  // A second time for a process that has taken the place of the one that was asked.
  for (let attempt = 0; attempt < 2; attempt++) {
    if (!await inFlight.waitFor(peer.isThere())) {
      replicas.hops.inc("dead");
      return undefined;
    }
    const answer = await passOnce(parts, { ...passing, peer, passed });
    if (answer === undefined) return undefined;
    const { status, fields } = answer.head;
    const why = status === 421 || status === 503 ? fieldValue(fields, HOP_FIELD) : undefined;
    if (why === undefined) {
      replicas.hops.inc("passed");
      return answer;
    }
    if (why === NOT_TAKEN.draining) {
      if (passed.method !== "GET") return answer;
      answer.release();
      // Its calls end there; whoever listens does so wherever the session goes (R7).
      await inFlight.waitFor(peer.isGone());
      replicas.hops.inc("dead");
      return undefined;
    }
    answer.release();
    if (why === NOT_TAKEN.moved) {
      replicas.hops.inc("moved");
      return undefined;
    }
    peer.forgetProcess();
  }
  throw unreachable(parts, "it answers as another process each time");
}

function passedOf({ inbound, body: received }: Passing["outbound"], home: string): Passed {
  const { head } = inbound;
  const fields = provenFields(head.fields);
  setField(fields, "host", head.host);
  const { method, target } = head;
  const body = inbound.trace ? carryHop(inbound, home, { fields, body: received }) : received;
  return { method, target, fields, body, bodyDigest: digestOfBody(body), client: inbound.remoteAddress };
}

async function passOnce(
  parts: GatewayParts,
  { inFlight, peer, passed }: Passing & { readonly peer: Peer; readonly passed: Passed },
): Promise<ClientResponse | undefined> {
  const { replicas } = parts;
  const call = peer.send({ ...passed, fields: [...passed.fields] });
  const unfollow = peer.follow(() => call.abort());
  try {
    const response = await inFlight.answerOf(call) as ClientResponse;
    return {
      ...response,
      release: () => {
        unfollow();
        response.release();
      },
    };
  } catch (error) {
    unfollow();
    if (inFlight.cut || !(error instanceof HttpError)) throw error;
    if (error.unsent) {
      peer.noteDead();
      replicas.hops.inc("dead");
      return undefined;
    }
    peer.forgetProcess();
    // Listening again does no harm.
    if (passed.method === "GET" && !await inFlight.waitFor(peer.isThere())) {
      replicas.hops.inc("dead");
      return undefined;
    }
    replicas.hops.inc("lost");
    throw unreachable(parts, error.code, error);
  }
}

function unreachable({ metrics }: GatewayParts, found: string, cause?: unknown): SignetError {
  metrics.replays.inc("not_repeated");
  return new SignetError("upstream_unreachable", {
    publicMessage: "Bad gateway: the replica that holds the session did not answer; the call may have been run",
    facts: { attempted: "pass a request on to the session's home", found },
    remedy: "What may have been run is not repeated. The next request finds the session where it is by then.",
    cause,
  });
}
