// A request that carries the text of a session's id, of a caller who has been authenticated, before it is known whose
// session that is (docs/behaviour.md O1).
import type { Caller } from "../../session/caller.ts";
import type { Inbound } from "../inbound.ts";

export interface Bearing {
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly sessionId: string;
}
