// A session as its HTTP server knows it, and what a server says when it opens one.
import type { Message } from "../../bridge/peer/peer.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";

/** A session at the server. Never changed: another one takes its place. */
export interface PeerSession {
  /** Undefined for a server that gives none. */
  readonly id: UpstreamSessionId | undefined;
  /** The negotiated revision; empty before. */
  readonly version: string;
}

export const NO_SESSION: PeerSession = { id: undefined, version: "" };

/** What a server said to a greeting. */
export interface Greeted {
  readonly reply: Message;
  /** Undefined if it refused. */
  readonly session: PeerSession | undefined;
}
