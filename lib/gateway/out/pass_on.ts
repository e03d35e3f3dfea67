// A request of a session that another replica holds, passed on to it, and its answer back (docs/behaviour.md R1–R3, R8).
// The home checks everything again. Where it is gone and the request provably was not run there, the caller brings the
// session here; what may have been run is not repeated.
import { SignetError } from "../../errors.ts";
import { type Call, type ClientResponse, HttpError } from "../../http1/types.ts";
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
    if (!peer.isReady && !await inFlight.waitFor(peer.isThere())) {
      replicas.hops.inc("dead");
      return undefined;
    }
    const answer = await passOnce(parts, { ...passing, peer, passed });
    if (answer === undefined) return undefined;
    const { status, fields } = answer.head;
    const why = status === 421 || status === 503 ? fieldValue(fields, HOP_FIELD) : undefined;
    if (why === undefined) {
      noteLeaving(peer, fieldValue(fields, HOP_FIELD));
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

/** Until when the peer takes anything, if it says that it leaves. */
function noteLeaving(peer: Peer, field: string | undefined): void {
  const inMs = /^leaving (\d{1,8})$/.exec(field ?? "")?.[1];
  if (inMs !== undefined) peer.noteLeaving(Number(inMs));
}

function passedOf({ inbound, body: received }: Passing["outbound"], home: string): Passed {
  const { head } = inbound;
  const fields = provenFields(head.fields);
  // Of a target in absolute form it is the target's.
  if (fieldValue(fields, "host") !== head.host) setField(fields, "host", head.host);
  const { method, target } = head;
  const body = inbound.trace ? carryHop(inbound, home, { fields, body: received }) : received;
  return { method, target, fields, body, bodyDigest: digestOfBody(body), client: inbound.remoteAddress };
}

async function passOnce(
  parts: GatewayParts,
  { inFlight, peer, passed }: Passing & { readonly peer: Peer; readonly passed: Passed },
): Promise<ClientResponse | undefined> {
  const { replicas } = parts;
  const number = peer.nextNumber();
  for (let isFirst = true;; isFirst = false) {
    try {
      const answer = await follow(inFlight, peer, () => peer.send(passed, number));
      if (answer.head.status !== 403 || fieldValue(answer.head.fields, HOP_FIELD) !== NOT_TAKEN.repeated) return answer;
      answer.release();
      replicas.hops.inc("lost");
      throw unreachable(parts, "it had taken the request before");
    } catch (error) {
      if (inFlight.cut || !(error instanceof HttpError)) throw error;
      if (error.unsent && isFirst) {
        peer.noteDead();
        replicas.hops.inc("dead");
        return undefined;
      }
      // A connection has ended under it, as those of a server that leaves do: under its number it is taken once at most.
      if (isFirst && error.code === "upstream_closed" && await inFlight.waitFor(peer.knows(number))) continue;
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
}

/** The answer of a peer that is asked every second whether it lives, until the answer is released. */
async function follow(inFlight: InFlight, peer: Peer, send: () => Call): Promise<ClientResponse> {
  const call = send();
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
    throw error;
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
