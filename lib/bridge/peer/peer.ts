// Who is at the other end of JSON-RPC: the face that a process, an HTTP server, or a router over several of them shows
// to the bridge. Requests get ids of the peer's own (docs/behaviour.md B6), so that nothing a client chooses can clash;
// each response finds who asked, and whatever else comes is handed on.
import type { SignetError } from "../../errors.ts";
import type { Fields } from "../../http1/types.ts";
import type { JsonObject, RpcId } from "../../mcp/json_rpc.ts";
import type { Span } from "../../mcp/json_text.ts";

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

/** What the client's session was opened with, and how far it came. */
export interface Resumed {
  /** As `PeerSource.state` was when the session was sealed; undefined if there was nothing to lead back to. */
  readonly state: string | undefined;
  /** The revision the client has negotiated. */
  readonly protocolVersion: string;
  /** An initialize as the client's was, for a peer that has to be greeted again. Its id is a placeholder. */
  readonly handshake: Uint8Array;
}

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

/** What a peer says, and what becomes of it; for who works with it. */
export interface PeerEvents {
  /**
   * A request or notification of the peer.
   * @param about the id (`Peer.ask`) of the request it belongs to, where the peer's transport tells
   * @returns as `Asker.onReply`
   */
  readonly onMessage: (message: Message, peer: Peer, about?: number) => Promise<void> | undefined;
  /** A peer has ended, wanted or not: its questions have nobody to be answered to. */
  readonly onLost: (peer: Peer) => void;
  /** A new peer has taken an earlier one's place, and knows nothing of what that one told. */
  readonly onReplaced: (capabilities: JsonObject) => void;
  /**
   * Requests whose effect has outlived their peer: the new one is asked them before any other. Ids are placeholders.
   */
  readonly retell: () => Iterable<Uint8Array>;
  /** When the session was last used, in ms since the epoch; undefined while it is in use. */
  readonly unusedSinceMs: () => number | undefined;
  /** There is none any more, and will be none. */
  readonly onDoomed: () => void;
  /**
   * The server refuses what it took before, as one does that has become another since: of the other era, or of another
   * revision. Whoever can greets it anew. @param fields of the request that found it out
   */
  readonly onRefused?: (fields: Fields) => void;
}

/**
 * What becomes of the sessions that peers have at their servers, where nobody here uses them any more.
 *
 * - `leave`: what somebody can find again stays where it is, in a client's sealed id or kept for all who share it.
 * - `end`: it ends too, unless other processes use it.
 *
 * What nobody could find again ends either way.
 */
export type Parting = "leave" | "end";

/** What is waited for where peers are stopped. Neither rejects; what servers are told is told in bounded time. */
export interface Stopping {
  /** Who could not be told that a session of its ends, in words for a client: empty if all could. */
  readonly told: Promise<readonly string[]>;
  /** Nothing of them is left here. */
  readonly gone: Promise<unknown>;
}

/** Where no server keeps anything that it would have to be told of. */
export function withoutWord(gone: Promise<unknown>): Stopping {
  return { told: Promise.resolve([]), gone };
}

/**
 * The peers of one session, one at a time: when one dies, the next takes its place with the handshake said again, so
 * that a session outlives its peers.
 */
export interface PeerSource {
  /**
   * The peer that takes requests now; a promise where one has to be started first.
   * @param carrier of the request at hand: what a peer is greeted with that has to be started for it
   * @throws SignetError
   */
  peerFor(carrier: Carrier): Peer | Promise<Peer>;
  /** Of the handshake; empty before it, and for a stateless server. */
  readonly protocolVersion: string;
  /** The result of the handshake, as the current peer gave it. */
  readonly handshake: JsonObject;
  readonly capabilities: JsonObject;
  /**
   * Starts the first peer with a handshake.
   * @returns the peer's reply, which may be an error: then there is no session
   * @throws SignetError as the peer's kind may fail to start; what was reserved for it is given back
   */
  initialize(text: Uint8Array, carrier: Carrier): Promise<Message>;
  /** Whether `initialize` was refused in a way that the same handshake will not change. False where nobody can say. */
  readonly isRefusedForGood?: boolean;
  /**
   * Leads back to the peer's session after a restart or from elsewhere, by `attach`: a session id. Undefined where there
   * is nothing that would outlive this process. May change whenever the peer is greeted again.
   */
  readonly state: string | undefined;
  /**
   * Its state stands in a client's id from now on: what it leads back to is what `leave` leaves.
   * @returns the state
   */
  seal(): string | undefined;
  /**
   * Instead of `initialize`: goes on with a session opened before; nothing is sent before the first request. A peer that
   * turns out not to know its session is greeted again, as after a loss; so is one without a state.
   * @returns false if this is no state of its kind: then it is as good as not there
   */
  attach(resumed: Resumed): boolean;
  /** The client has confirmed the handshake: later peers get the confirmation from here. The message itself is sent by `send`. */
  confirm(): void;
  /**
   * A client listens: from now on the peer has to say what it says unasked, until the end. Again: nothing, or another
   * try with this carrier's credential where the last one was refused.
   * @param place of an earlier process, as `place` was: what came behind it is said again, if the peer can
   */
  listen(carrier: Carrier, place?: string): void;
  /**
   * While what the peer says unasked is heard, a number that is another one after each gap; undefined while nobody hears
   * it, or nobody can say.
   */
  readonly hearing?: number | undefined;
  /** Where the peer's unasked messages stand, for `listen` after a restart; undefined if it cannot say any again. */
  readonly place: string | undefined;
  /**
   * Lets go of every peer, whatever they are about to do. Again: the same; what becomes of sessions is decided once.
   * @param carrier of the request that ends it; where there is none, each goes with what its last request brought
   */
  stop(how: Parting, carrier: Carrier): Stopping;
  /**
   * Whether other processes may use what it uses at the same time: what was asked for may be wanted there, and is not
   * taken back. Default: no.
   */
  readonly isShared?: boolean;
}

/** Makes the peers of a session; nothing is started before `initialize`. */
export type OpenPeers<Source extends PeerSource = PeerSource> = (events: PeerEvents) => Source;
