// What another replica passes on, or asks (docs/behaviour.md R1, R2). A proof says where a request comes from and that it
// goes no further; it opens no door: guard, caller, owner and limits are asked about as of any other.
import { SignetError } from "../../errors.ts";
import type { FieldList, Fields } from "../../http1/types.ts";
import { withoutHopByHop } from "../../http1/wire/fields/fields.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { digestOfBody, HOP_FIELD, HOP_PROOF_FIELD, proveAnswer, readQuestion } from "../../replica/hop_proof.ts";
import type { HopRefusal } from "../../replica/replicas.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/**
 * In the answer to a request that was not taken, and not run: this is another process, the session went elsewhere, who
 * listens must do so elsewhere, the key that it was proven by is none of this ring. Or it came before, and may have been run
 * then.
 */
export const NOT_TAKEN = {
  otherProcess: "other-process",
  moved: "moved",
  draining: "draining",
  repeated: "repeated",
  unproven: "unproven",
} as const;

/** Why it was not taken, kept until the request is refused in its place on the path. */
const refusals = new WeakMap<Inbound, HopRefusal>();

/** What a proof is made of or stands beside, and what the engine frames a message by: the only fields that none covers. */
const UNPROVEN: ReadonlySet<string> = new Set([
  HOP_FIELD,
  HOP_PROOF_FIELD,
  "connection",
  "content-length",
  "transfer-encoding",
]);

/** Fields of a client's request that are passed on: what the proof is made of. */
export function passedFields(received: Fields): FieldList {
  return withoutUnproven(withoutHopByHop(received));
}

/**
 * Fields of a request that another replica has passed on, as the proof has to cover them: all that anybody here could
 * read. What belongs to one connection was taken out before it was passed on.
 */
function withoutUnproven(received: Fields): FieldList {
  const fields: FieldList = [];
  for (let i = 0; i < received.length; i += 2) {
    if (!UNPROVEN.has(received[i]!)) fields.push(received[i]!, received[i + 1]!);
  }
  return fields;
}

/** Answers a replica's question whether this one lives; undefined for what is no question. */
export function answerReplica({ replicas, registry }: GatewayParts, inbound: Inbound): Promise<void> | undefined {
  const { head, facts: { hop = "" }, exchange } = inbound;
  const { self } = replicas;
  if (head.method !== "GET" || inbound.hopProof !== undefined || self === undefined) return undefined;
  if (!replicas.isOurs(exchange.connection.remoteAddress)) return undefined;
  const question = readQuestion(registry.ring, hop, self);
  if (question === undefined) return undefined;
  const { challenge, key } = question;
  const answer = proveAnswer(key, { to: self, challenge, instance: replicas.instance });
  return exchange.respond({ status: 204, fields: [HOP_FIELD, answer] });
}

/** Notes what is proven of a request that says that another replica has passed it on, or why it is refused. */
export function noteHop({ replicas }: GatewayParts, inbound: Inbound): void {
  const { head: { method, target, fields }, facts, exchange } = inbound;
  // Whoever is in between would take away what the proof covers, and no replica does.
  if (facts.takenAway.length > 0) return void refusals.set(inbound, "unproven");
  let known = facts.hopHead;
  if (known === undefined || !replicas.isCurrent(known)) {
    const request = { method, target, fields: withoutUnproven(fields) };
    known = facts.hopHead = replicas.headOf(facts.hop ?? "", exchange.connection.remoteAddress, request);
  }
  const claim = replicas.take(known, { proof: inbound.hopProof, sessionId: inbound.get(SESSION_ID_FIELD) });
  if (typeof claim === "string") refusals.set(inbound, claim);
  else inbound.hop = claim;
}

/** @throws SignetError `hop_refused`; `session_elsewhere` for what was meant for a process before this one */
export function requireHop(inbound: Inbound): void {
  const refusal = refusals.get(inbound);
  if (refusal === undefined) return;
  if (refusal === "other_process") throw new SignetError("session_elsewhere", { facts: { outcome: refusal } });
  throw new SignetError("hop_refused", {
    facts: { reason: refusal },
    remedy: "Give all replicas the same keys, and name their networks (--peer) or names (--peers).",
  });
}

/** Of whoever comes to the address that a worker has for its neighbours, and says of himself that he is a client. */
export function noNeighbour(): SignetError {
  return new SignetError("hop_refused", {
    facts: { reason: "client" },
    remedy: "Clients connect to --listen: this address is one of --workers, for each other.",
  });
}

/** @throws SignetError `hop_refused` for a body that is not the one that was passed on */
export function requireHopBody({ hop }: Inbound, body: Bytes | undefined): void {
  if (hop === undefined || digestOfBody(body) === hop.bodyDigest) return;
  throw new SignetError("hop_refused", { facts: { reason: "other_body" } });
}

/** What tells the replica that has passed a request on that it was not run. */
export function notTakenFields(inbound: Inbound, error: SignetError): FieldList {
  if (error.code === "draining" && inbound.hop !== undefined) return [HOP_FIELD, NOT_TAKEN.draining];
  const refusal = refusals.get(inbound);
  if (refusal === "repeated" || refusal === "unproven") return [HOP_FIELD, NOT_TAKEN[refusal]];
  if (error.code !== "session_elsewhere") return [];
  return [HOP_FIELD, refusals.has(inbound) ? NOT_TAKEN.otherProcess : NOT_TAKEN.moved];
}
