// Who is at the other end of JSON-RPC: the face that a process, an HTTP server, or a router over several of them shows
// to the bridge. Requests get ids of the peer's own (docs/behaviour.md B6), so that nothing a client chooses can clash;
// each response finds who asked, and whatever else comes is handed on.
import type { JsonObject, RpcId } from "../mcp/json_rpc.ts";
import type { Span } from "../mcp/json_text.ts";

/** A message of the peer: its text on one line, and what it says. */
export interface Message {
  readonly line: Uint8Array;
  readonly value: JsonObject;
}

/** Why a request will never be answered. */
export interface Loss {
  /** In words a client may read; the operator's are in the log. */
  readonly reason: string;
}

/** Who waits for the response to a request. */
export interface Asker {
  /** @returns a promise where the reader of the peer's output should wait */
  readonly onReply: (reply: Message) => Promise<void> | undefined;
  /** Instead of a reply; at most one of the two is called, once. */
  readonly onLost: (loss: Loss) => void;
}

/** One peer for as long as it lives. Texts given to it are on loan until the call returns: it copies what it keeps. */
export interface Peer {
  /** The id that the next request will get. */
  readonly nextId: number;
  /**
   * Sends a request.
   * @param id where its id stands in `text`
   * @returns the id it got; undefined if the peer does not take it now, and then nobody is told anything
   */
  ask(text: Uint8Array, id: Span, asker: Asker): number | undefined;
  /** Sends a notification or a response as it is. @returns false if the peer does not take it now */
  send(text: Uint8Array): boolean;
  /** Answers a request of the peer's with an error. */
  refuse(id: RpcId, code: number, message: string): void;
  /** Nobody waits for the response to `id` any more. */
  forget(id: number): void;
}

/** What a peer says, and what becomes of it; for who works with it. */
export interface PeerEvents {
  /** A request or notification of the peer. @returns as `Asker.onReply` */
  readonly onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
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
}

/**
 * The peers of one session, one at a time: when one dies, the next takes its place with the handshake said again, so
 * that a session outlives its peers.
 */
export interface PeerSource {
  /** The peer that takes requests now; a promise where one has to be started first. @throws SignetError */
  readonly peer: Peer | Promise<Peer>;
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
  initialize(text: Uint8Array): Promise<Message>;
  /** The client has confirmed the handshake: later peers get the confirmation from here. */
  confirm(): void;
  /** Ends every peer. Settles when nothing of them is left. */
  stop(): Promise<void>;
}

/** Makes the peers of a session; nothing is started before `initialize`. */
export type OpenPeers<Source extends PeerSource = PeerSource> = (events: PeerEvents) => Source;
