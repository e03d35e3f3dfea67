// What a bridge is asked, and on whose behalf it opens peers. In the terms of Streamable HTTP, without a wire. What an
// upstream of any kind is asked is the same, and the query of its address (`UpstreamRequest`).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { Fields } from "../http1/types.ts";
import type { Bytes } from "../http1/wire/streams/borrowed.ts";
import type { InitializeParams } from "../mcp/eras/era.ts";
import type { Parsed } from "../mcp/messages/json_rpc.ts";
import type { Whereabouts } from "../replica/elsewhere.ts";
import type { CallerKeys, OwnerKey } from "../session/caller.ts";
import type { Noted } from "./peer/peer.ts";
import type { OpenPeers } from "./peer/peer_source.ts";

/**
 * One message for a server, or for whatever answers as one. Most are no plain objects, and a spread would lose what they
 * say: declared as accessors it does not compile. Whatever has these members is one; of the class nothing is left at run time.
 */
export declare abstract class BridgeRequest {
  abstract get method(): "GET" | "POST" | "DELETE";
  /** End-to-end fields without `host`, `mcp-session-id`, framing and connection fields. */
  abstract get fields(): Fields;
  /** The upstream's own id of the session; undefined for initialize and for requests without a session. */
  abstract get upstreamSessionId(): UpstreamSessionId | undefined;
  /**
   * Undefined for GET and DELETE. What is borrowed is called back when the exchange it came in ends: an upstream that
   * keeps it has to copy it.
   */
  abstract get body(): Bytes | undefined;
  /** What the body says, where the sender has read it already. */
  readonly parsed?: Parsed | undefined;
  /** Who asks: for upstreams that keep callers apart themselves. */
  abstract get caller(): CallerKeys;
  /** Undefined for what belongs to none. */
  abstract get session(): SessionName | undefined;
  /** Whether an initialize stands for one that the client has sent long before (L4). */
  readonly revival?: boolean | undefined;
  /**
   * What the session of `upstreamSessionId` was opened with, as negotiated: for an upstream that goes on with a session
   * it has not opened itself. Undefined where there is no such session, or its id is an adopted one.
   */
  readonly opened?: InitializeParams | undefined;
  /** See {@link Noted}. */
  readonly noted?: Noted | undefined;
  /** Of a request without a session: where it does not belong. Default: nothing is known. */
  readonly where?: Whereabouts | undefined;
}

/**
 * Names a session over restarts, for logs, and for event ids made by the upstream. It is told when it is asked for, since
 * most requests are sent to whom it means nothing.
 */
export interface SessionName {
  /** A short hash, never an id. */
  readonly tag: string;
}

/** Names an owner and a kind of client of his: a digest, the same in every process. */
export type PoolKey = string & { readonly __brand: "PoolKey" };

/** Whether what an owner has since then is meant. @param sinceMs since the epoch */
export type OwnedSince = (owner: OwnerKey, sinceMs: number) => boolean;

/** Whom peers are opened for. */
export interface Opening {
  readonly caller: CallerKeys;
  /** Names the session in log lines; undefined for a caller's stateless requests. */
  readonly session: string | undefined;
  /** Who shares them where they are no session's; undefined for a session's. */
  readonly pool?: PoolKey;
  /** Fields of the request that opens it: a peer may need what they hold. */
  readonly fields: Fields;
}

/** Chooses the peers of an opening; each call of what it returns makes new ones for it. */
export type ChoosePeers = (opening: Opening) => OpenPeers;

/** Starts that fail, held back for the caller that asks for them alone. */
export interface Gate {
  /** @throws SignetError `upstream_unreachable` while starts of this caller are held back */
  assertOpen(owner: OwnerKey): void;
  succeed(owner: OwnerKey): void;
  fail(owner: OwnerKey, error: unknown): void;
}

/** Holds nobody back. */
export const NO_GATE: Gate = { assertOpen() {}, succeed() {}, fail() {} };
