// Sessions of clients before a stateless HTTP server: the bridge's own server, over a peer that has none to keep.
import { BridgeServer } from "../../bridge/server.ts";
import { type BridgeLimits, type BridgeParts, DEFAULT_BRIDGE_LIMITS } from "../../bridge/limits.ts";
import type { Gate } from "../../bridge/request.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { ByteAccount } from "../../http1/byte_account.ts";
import type { Logger } from "../../observe/log.ts";
import { randomBytes } from "../../platform/random.ts";
import { SYSTEM_TIMERS, type Timers } from "../../platform/timers.ts";
import type { Upstream } from "../upstream.ts";
import type { StatelessLimits } from "./stateless_parts.ts";
import { statelessPeer } from "./stateless_peer_life.ts";

export interface StatelessSessionsOptions {
  /** The server. */
  readonly inner: Upstream;
  readonly log: Logger;
  readonly onEnded: (upstreamSessionId: UpstreamSessionId) => void;
  readonly account?: ByteAccount;
  readonly limits?: Partial<BridgeLimits>;
  readonly statelessLimits?: Partial<StatelessLimits>;
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

/** A stateless server is asked each time anew: nothing is held back before it. */
const NO_GATE: Gate = { assertOpen() {}, succeed() {}, fail() {} };

export function statelessSessions(options: StatelessSessionsOptions): BridgeServer {
  const { inner, log, timers = SYSTEM_TIMERS, random = randomBytes, account = new ByteAccount() } = options;
  const parts: BridgeParts = { limits: { ...DEFAULT_BRIDGE_LIMITS, ...options.limits }, account, timers, random };
  const { statelessLimits: limits = {}, onEnded } = options;
  return new BridgeServer({
    parts,
    gate: NO_GATE,
    choose: ({ caller, session }) =>
      statelessPeer({ upstream: inner, caller, session, account, timers, log, random, limits }),
    onEnded,
  });
}
