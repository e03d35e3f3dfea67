// What a session's messages can be sent to. Every kind speaks as a Streamable HTTP server would, in HTTP's own terms
// but without a wire of its own: the gateway neither knows nor cares what stands behind.
// No member is optional: whoever wraps an upstream and forgets one does not compile.
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { Bytes } from "../http1/wire/borrowed.ts";
import type { FieldList } from "../http1/types.ts";
import type { InitializeParams } from "../mcp/era.ts";
import type { Parsed } from "../mcp/json_rpc.ts";
import type { CallerKeys } from "../session/caller.ts";
import type { SessionCall } from "../session/lost_session.ts";

/** One message for an upstream. */
export interface UpstreamRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** `?…` or empty: appended to the upstream's own path. */
  readonly query: string;
  /** End-to-end fields without `host`, `mcp-session-id`, framing and connection fields. The upstream may add to the list. */
  readonly fields: FieldList;
  /** The upstream's own id of the session; undefined for initialize and for requests without a session. */
  readonly upstreamSessionId: UpstreamSessionId | undefined;
  /**
   * Undefined for GET and DELETE. What is borrowed is called back when the exchange it came in ends: an upstream that
   * keeps it has to copy it.
   */
  readonly body: Bytes | undefined;
  /** What the body says, where the sender has read it already. */
  readonly parsed?: Parsed | undefined;
  /** Who asks: for upstreams that keep callers apart themselves. */
  readonly caller: CallerKeys;
  /**
   * Names the session over restarts: a short hash, never an id. For logs, and for event ids made by the upstream.
   * Undefined for what belongs to none.
   */
  readonly session: string | undefined;
  /** Whether an initialize stands for one that the client has sent long before (L4). */
  readonly revival?: boolean;
  /**
   * What the session of `upstreamSessionId` was opened with, as negotiated: for an upstream that goes on with a session
   * it has not opened itself. Undefined where there is no such session, or its id is an adopted one.
   */
  readonly opened?: InitializeParams | undefined;
}

export interface Upstream {
  /** Short, unique, fit for a metric label. */
  readonly name: string;
  /** The configured URL: the upstream's key in the envelope. */
  readonly url: string;
  /** How long it may take to open a session, in ms. A hung server must not hold requests for ever. */
  readonly initializeTimeoutMs: number;
  /** Answered with `LostSession` only where the request has an `upstreamSessionId`. @throws HttpError, SignetError `upstream_*` */
  send(request: UpstreamRequest): SessionCall;
  /** Whether it can be reached at all. @throws HttpError `connect_*` */
  probe(): Promise<void>;
  /** Lets go of everything; settles when nothing is left. Again: nothing. */
  close(): void | Promise<void>;
  /** The session has left the gateway's memory, for whatever reason: nothing will be sent under this id any more. */
  release(upstreamSessionId: UpstreamSessionId): void;
  /** For the gateway to set: told when the upstream ends a session by itself, for good. */
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
}
