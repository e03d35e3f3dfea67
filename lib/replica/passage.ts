// A request as it is passed on to another replica: its head, which all of a client's that have the same share, with who sends
// it and for whom; and what differs from one to the next, with the proof (docs/behaviour.md R1, R2).
import type { MasterKey } from "../envelope/key_ring.ts";
import { type ClientRequest, type FieldList, newMadeHead } from "../http1/types.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import { HOP_FIELD, HOP_PROOF_FIELD, HopHead, type HopMessage, type HopOrigin } from "./hop_proof.ts";

/** The head of what is passed on. */
export interface PassedHead {
  readonly method: string;
  readonly target: string;
  /** End-to-end fields as they came, with `host`, without the session's id. */
  readonly fields: FieldList;
  /** The client's address. */
  readonly client: string;
}

/** Requests with one head, as they are passed on to the process that a peer is. */
export interface Passage {
  readonly hop: HopHead;
  readonly request: Pick<ClientRequest, "method" | "target" | "fields" | "made">;
}

/** What differs from one to the next. */
export interface Passed {
  readonly body: ClientRequest["body"];
  /** Its number is the peer's next one (`Peer.nextCount`). */
  readonly message: HopMessage;
}

/** Requests with that head, as they go to whoever is at `address`, proven by `key`. */
export function passageTo(
  address: string,
  { method, target, fields }: PassedHead,
  { key, origin }: { readonly key: MasterKey; readonly origin: HopOrigin },
): Passage {
  const hop = new HopHead(key, origin, { to: address, method, target, fields });
  const sent = [...fields, HOP_FIELD, hop.field];
  return { hop, request: { method, target, fields: sent, made: newMadeHead(true) } };
}

/** One of them. */
export function requestOf({ hop, request }: Passage, { body, message }: Passed): ClientRequest {
  const { sessionId } = message;
  const proof = [HOP_PROOF_FIELD, hop.prove(message)];
  const changing = sessionId === undefined ? proof : [SESSION_ID_FIELD, sessionId, ...proof];
  return { ...request, changing, body };
}
