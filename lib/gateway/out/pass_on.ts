// A request of a session that another replica holds, passed on to it, and its answer back (docs/behaviour.md R1–R3, R8).
// The home checks everything again. Where it is gone and the request provably was not run there, the caller brings the
// session here; what may have been run is not repeated.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, HttpError } from "../../http1/types.ts";
import type { Bytes } from "../../http1/wire/borrowed.ts";
import { fieldValue } from "../../http1/wire/fields.ts";
import { digestOfBody, HOP_FIELD } from "../../replica/hop_proof.ts";
import type { Passage, Passed, PassedHead, Peer } from "../../replica/peer.ts";
import { NOT_TAKEN, passedFields } from "../in/hopped.ts";
import { setField } from "./fields.ts";
import type { InFlight } from "./in_flight.ts";
import type { Inbound } from "../inbound.ts";
import type { Outbound } from "./outbound.ts";
import type { GatewayParts } from "../parts.ts";
import { carryHop } from "../traced.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";

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
  const { inFlight, home, outbound: { inbound, body } } = passing;
  const peer = replicas.at(home);
  if (peer === undefined) {
    replicas.hops.inc("refused");
    return undefined;
  }
  const traced = inbound.trace ? tracedHop(inbound, home, body) : undefined;
  const sent = traced === undefined ? body : traced.body;
  const about = { bodyDigest: digestOfBody(sent), sessionId: inbound.get(SESSION_ID_FIELD) };
  // A second time for a process that has taken the place of the one that was asked.
  for (let attempt = 0; attempt < 2; attempt++) {
    if (!peer.isReady && !await inFlight.waitFor(peer.isThere())) {
      replicas.hops.inc("dead");
      return undefined;
    }
    const passage = traced === undefined ? passageOf(inbound, peer) : peer.passageOf(traced.head);
    const hop = { inFlight, peer, passage, passed: { body: sent, message: { ...about, count: peer.nextCount() } } };
    const answer = await passOnce(parts, hop);
    if (answer === undefined) return undefined;
    const { status, fields } = answer.head;
    const said = fieldValue(fields, HOP_FIELD);
    // What the server behind it says so itself has been run, whatever else the replica adds.
    const why = said === undefined || !MARKED.has(status) ? undefined : WHY_NOT.get(said);
    // Proven by a key that it has no more; under whichever it has once, as whoever is in between may have changed it.
    if (why === "unproven" && attempt > 0) return answer;
    if (why === undefined) {
      if (said !== undefined) noteLeaving(peer, said);
      replicas.hops.inc("passed");
      return answer;
    }
    if (why === "draining") {
      if (inbound.method !== "GET") return answer;
      answer.release();
      // Its calls end there; whoever listens does so wherever the session goes (R7).
      await inFlight.waitFor(peer.isGone());
      replicas.hops.inc("dead");
      return undefined;
    }
    answer.release();
    if (why === "moved") {
      replicas.hops.inc("moved");
      return undefined;
    }
    peer.forgetProcess();
  }
  throw unreachable(parts, "it answers as another process each time");
}

/** Statuses of answers that say so. */
const MARKED: ReadonlySet<number> = new Set([403, 421, 503]);

const WHY_NOT = new Map<string, "otherProcess" | "moved" | "draining" | "unproven">(
  (["otherProcess", "moved", "draining", "unproven"] as const).map((why) => [NOT_TAKEN[why], why]),
);

/** Until when the peer takes anything, if it says that it leaves. */
function noteLeaving(peer: Peer, field: string): void {
  const inMs = /^leaving (\d{1,8})$/.exec(field)?.[1];
  if (inMs !== undefined) peer.noteLeaving(Number(inMs));
}

/** How requests with that head are passed on: found out once for all that a connection brings. */
function passageOf(inbound: Inbound, peer: Peer): Passage {
  const { facts } = inbound;
  const known = facts.passage;
  if (known !== undefined && known.to === peer && peer.isCurrent(known.passage)) return known.passage;
  const passage = peer.passageOf(headOf(inbound));
  // Nothing more comes on the connection of a stream, which may last.
  if (inbound.method !== "GET") facts.passage = { to: peer, passage };
  return passage;
}

function headOf({ head, remoteAddress }: Inbound): PassedHead {
  const { method, target } = head;
  const fields = passedFields(head.fields);
  // Of a target in absolute form it is the target's.
  if (fieldValue(fields, "host") !== head.host) setField(fields, "host", head.host);
  return { method, target, fields, client: remoteAddress };
}

/** A head and a body of their own, since each trace is another. */
function tracedHop(inbound: Inbound, home: string, received: Bytes | undefined) {
  const head = headOf(inbound);
  return { head, body: carryHop(inbound, home, { fields: head.fields, body: received }) };
}

/** One request on its way to a peer, under a number of its own. */
interface Hop {
  readonly inFlight: InFlight;
  readonly peer: Peer;
  readonly passage: Passage;
  readonly passed: Passed;
}

async function passOnce(parts: GatewayParts, hop: Hop): Promise<ClientResponse | undefined> {
  const { replicas } = parts;
  const { inFlight, peer, passage, passed } = hop;
  for (let isFirst = true;; isFirst = false) {
    const call = peer.send(passage, passed);
    try {
      const answer = await inFlight.answerOf(call) as ClientResponse;
      if (answer.head.status !== 403 || fieldValue(answer.head.fields, HOP_FIELD) !== NOT_TAKEN.repeated) return answer;
      answer.release();
      replicas.hops.inc("lost");
      throw unreachable(parts, "it had taken the request before");
    } catch (error) {
      peer.forget(call);
      if (inFlight.cut || !(error instanceof HttpError)) throw error;
      if (error.unsent && isFirst) {
        peer.noteDead(error.message);
        replicas.hops.inc("dead");
        return undefined;
      }
      // A connection has ended under it, as those of a server that leaves do: under its number it is taken once at most.
      if (isFirst && error.code === "upstream_closed" && await inFlight.waitFor(peer.knows(passage))) continue;
      peer.forgetProcess();
      // Listening again does no harm.
      if (passage.request.method === "GET" && !await inFlight.waitFor(peer.isThere())) {
        replicas.hops.inc("dead");
        return undefined;
      }
      replicas.hops.inc("lost");
      throw unreachable(parts, error.code, error);
    }
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
