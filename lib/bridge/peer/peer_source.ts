// The peers of a session, one after the other: what it takes to have them, what is heard of them, and what becomes of their
// sessions with servers in the end. A session outlives its peers.
import type { Fields } from "../../http1/types.ts";
import type { JsonObject } from "../../platform/json.ts";
import type { Carrier, Message, Peer } from "./peer.ts";

/** What the client's session was opened with, and how far it came. */
export interface Resumed {
  /** As `PeerSource.state` was when the session was sealed; undefined if there was nothing to lead back to. */
  readonly state: string | undefined;
  /** The revision the client has negotiated. */
  readonly protocolVersion: string;
  /** An initialize as the client's was, for a peer that has to be greeted again. Its id is a placeholder. */
  readonly handshake: Uint8Array;
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
  /**
   * The client has confirmed the handshake: later peers get the confirmation from here. The message itself is sent by
   * `send`.
   */
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
