// A request of an open session on its way out: what is sent and on whose behalf, where to, and what can cut it.
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import type { Parsed, RpcId } from "../../mcp/messages/json_rpc.ts";
import type { Caller } from "../../session/caller.ts";
import type { Session } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";
import type { InFlight } from "./in_flight.ts";
import type { Target } from "./route.ts";

/** What is sent, and on whose behalf. */
export interface Outbound {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly session: Session;
  readonly body: Bytes | undefined;
  /** What the body says, where it is not the client's. */
  readonly parsed?: Parsed;
  /** The request's id, if it is an initialize under the session's own id. */
  readonly handshake?: RpcId;
  /** The place it has already, of whoever began it and ends it. */
  readonly place?: InFlight;
}

/** The same being sent, and where to. */
export interface Sending extends Target {
  readonly outbound: Outbound;
  readonly inFlight: InFlight;
}
