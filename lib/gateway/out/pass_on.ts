// A request of a session that another replica holds, passed on to it, and its answer back (docs/behaviour.md R1–R3, R8).
// The home checks everything again. Where it is gone and the request provably was not run there, the caller brings the
// session here; what may have been run is not repeated.
import { SignetError } from "../../errors.ts";
import { type ClientResponse, HttpError } from "../../http1/types.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { digestOfBody, HOP_FIELD } from "../../replica/hop_proof.ts";
import type { Passage, Passed, PassedHead } from "../../replica/passage.ts";
import type { Peer } from "../../replica/peer.ts";
import { NOT_TAKEN, passedFields } from "../in/hopped.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";
import { carryHop } from "../traced.ts";
import { setField } from "./fields/fields.ts";
import type { InFlight } from "./in_flight.ts";
import type { Outbound } from "./outbound.ts";

/** `error.type` of a hop to a replica that is gone, or does not have what was looked for there. */
export const NOT_THERE = "session_elsewhere";

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
  const passage = () => traced === undefined ? passageOf(inbound, peer) : peer.passageOf(traced.head);
  // Again for a process that has taken the place of the one that was asked, or under a ring that has taken the other's.
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    if (!peer.isReady && !await inFlight.waitFor(peer.isThere())) {
      replicas.hops.inc("dead");
      return undefined;
    }
    const hop = { inFlight, peer, passage, passed: { body: sent, message: { ...about, count: peer.nextCount() } } };
    const answer = await passOnce(parts, hop);
    if (answer === "outdated") continue;
    if (answer === undefined) return undefined;
    const why = whyNotTaken(answer);
    // Proven by a key that it has no more: under whichever it has, a few times, as whoever is in between may have changed it.
    if (why === "unproven" && attempt === MOST_ATTEMPTS - 1) return answer;
    if (why === undefined) {
      noteLeaving(peer, fieldValue(answer.head.fields, HOP_FIELD) ?? "");
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

const MOST_ATTEMPTS = 3;

/** Statuses of answers that say so. */
const MARKED: ReadonlySet<number> = new Set([403, 421, 503]);

type WhyNot = keyof typeof NOT_TAKEN;
const WHY_NOT = new Map((Object.keys(NOT_TAKEN) as WhyNot[]).map((why) => [NOT_TAKEN[why] as string, why]));

/** Undefined where it was: what the server behind it says so itself has been run, whatever else the replica adds. */
function whyNotTaken({ head: { status, fields } }: ClientResponse): WhyNot | undefined {
  return MARKED.has(status) ? WHY_NOT.get(fieldValue(fields, HOP_FIELD) ?? "") : undefined;
}

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
  /** To the process that is there, by the key that it knows, whenever it is asked for. */
  readonly passage: () => Passage;
  readonly passed: Passed;
}

/** @returns `outdated` if nothing was sent, and who is there has to be proven to anew; undefined if nobody is */
async function passOnce(parts: GatewayParts, hop: Hop): Promise<ClientResponse | "outdated" | undefined> {
  const { replicas } = parts;
  const { inFlight, peer, passed } = hop;
  let passage = hop.passage();
  for (let isFirst = true;; isFirst = false) {
    const isListening = passage.request.method === "GET";
    const call = peer.send(passage, passed);
    try {
      const answer = await inFlight.answerOf(call) as ClientResponse;
      const why = whyNotTaken(answer);
      // Who has lost his connection to the first of two has that one run, it may be, and why he does not take the second
      // says nothing of it.
      if (why !== "repeated" && (why === undefined || isFirst || isListening)) return answer;
      answer.release();
      replicas.hops.inc("lost");
      throw unreachable(
        parts,
        why === "repeated" ? "it had taken the request before" : `the second time it was ${why}`,
      );
    } catch (error) {
      peer.forget(call);
      if (inFlight.cut || !(error instanceof HttpError)) throw error;
      if (error.unsent && isFirst) {
        if (!peer.isCurrent(passage)) return "outdated";
        peer.noteDead(error.message);
        replicas.hops.inc("dead");
        return undefined;
      }
      // A connection has ended under it, as those of a server that leaves do: under its number it is taken once at most.
      if (isFirst && error.code === "upstream_closed" && await inFlight.waitFor(peer.knows(passage))) {
        const again = hop.passage();
        // By the key that it is known by now; its number counts for that process alone.
        if (again.hop.origin.instance === passage.hop.origin.instance) {
          passage = again;
          continue;
        }
      }
      peer.forgetProcess();
      // Listening again does no harm.
      if (isListening && !await inFlight.waitFor(peer.isThere())) {
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
