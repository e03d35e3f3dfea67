// What a bridge is asked, and on whose behalf it opens peers. In the terms of Streamable HTTP, without a wire.
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { FieldList } from "../http1/types.ts";
import type { Bytes } from "../http1/wire/borrowed.ts";
import type { Parsed } from "../mcp/json_rpc.ts";
import type { CallerKeys, OwnerKey } from "../session/caller.ts";
import type { InitializeParams } from "../mcp/era.ts";
import type { OpenPeers } from "./peer.ts";

export interface BridgeRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly fields: FieldList;
  /** Undefined for initialize and for stateless requests. */
  readonly upstreamSessionId: UpstreamSessionId | undefined;
  readonly body: Bytes | undefined;
  /** What the body says, where the sender has read it already. */
  readonly parsed?: Parsed | undefined;
  readonly caller: CallerKeys;
  /** Names the session over restarts: a short hash, never an id. */
  readonly session: string | undefined;
  /** Whether an initialize stands for one that the client has sent long before (L4). */
  readonly revival?: boolean;
  /** What the session of `upstreamSessionId` was opened with: for a bridge that goes on with one it has not opened. */
  readonly opened?: InitializeParams | undefined;
}

/** Whom peers are opened for. */
export interface Opening {
  readonly caller: CallerKeys;
  /** Names the session in log lines; undefined for a caller's stateless requests. */
  readonly session: string | undefined;
  /** Fields of the request that opens it: a peer may need what they hold. */
  readonly fields: FieldList;
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
