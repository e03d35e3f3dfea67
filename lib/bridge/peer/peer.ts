// Who is at the other end of JSON-RPC: the face that a process, an HTTP server, or a router over several of them shows
// to the bridge. Requests get ids of the peer's own (docs/behaviour.md B6), so that nothing a client chooses can clash;
// each response finds who asked, and whatever else comes is handed on.
import type { SignetError } from "../../errors.ts";
import type { Fields } from "../../http1/types.ts";
import type { Span } from "../../mcp/json/json_text.ts";
import type { RpcId } from "../../mcp/messages/json_rpc.ts";
import type { JsonObject } from "../../platform/json.ts";

/** A message of the peer: its text on one line, and what it says. */
export interface Message {
  readonly line: Uint8Array;
  readonly value: JsonObject;
  /** Where its id stands, where that is known: of a long answer it takes time to find. */
  readonly id?: Span;
}

/**
 * Fields of the client's request that something is done for: what a peer may need of them is a credential, a tenant, a
 * trace. On loan like texts: a peer that keeps them copies them.
 */
export interface Carrier {
  readonly fields: Fields;
  /** Where somebody observes the request: what is found out about it behind the bridge. */
  readonly noted?: Noted | undefined;
}

/** To be filled in by whoever knows. */
export interface Noted {
  /** Of several servers, the one that a request is for. */
  member: string | undefined;
  /** Whether it is a call that was lost while it waited for its client, and is run again. */
  rerun: boolean;
}

/** One to be kept. */
export function ownCarrier({ fields, noted }: Carrier): Carrier {
  return { fields: [...fields], noted };
}

/** Where no request of a client's is at hand. */
export const NO_CARRIER: Carrier = { fields: [] };

/** Why a request will never be answered. */
export interface Loss {
  /** In words a client may read; the operator's are in the log. */
  readonly reason: string;
  /** What it was, where it was a refusal that more than words may come of (`ErrorDetail.refusedCredential`). */
  readonly refusal?: SignetError;
}

/** Who waits for the response to a request. */
export interface Asker {
  /** @returns a promise where the reader of the peer's output should wait */
  readonly onReply: (reply: Message) => Promise<void> | undefined;
  /** Instead of a reply; at most one of the two is called, once. */
  readonly onLost: (loss: Loss) => void;
}

/** Of what is asked on behalf of somebody who has been answered, or of nobody at all. */
export const NOBODY: Asker = { onReply: () => undefined, onLost: () => {} };

/** One peer for as long as it lives. Texts given to it are on loan until the call returns: it copies what it keeps. */
export interface Peer {
  /** The id that the next request will get. */
  readonly nextId: number;
  /**
   * Sends a request.
   * @param id where its id stands in `text`
   * @returns the id it got; undefined if the peer does not take it now, and then nobody is told anything
   */
  ask(text: Uint8Array, id: Span, asker: Asker, carrier: Carrier): number | undefined;
  /** Sends a notification or a response as it is. @returns false if the peer does not take it now */
  send(text: Uint8Array, carrier: Carrier): boolean;
  /** Answers a request of the peer's with an error. */
  refuse(id: RpcId, code: number, message: string): void;
  /** Nobody waits for the response to `id` any more. */
  forget(id: number): void;
  /** Of one among several, which asks: whether it can be about the request of this id. Default: about any. */
  mayMean?(id: number): boolean;
}
