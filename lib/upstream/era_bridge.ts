// Where a client and an HTTP server have no era in common: the bridge's own server between them. Clients with sessions
// before a stateless server have sessions here, over a peer that has none to keep; stateless clients before a server with
// sessions share one of its sessions for each owner and kind of client (docs/behaviour.md S2, S3).
import { type BridgeLimits, type BridgeParts, DEFAULT_BRIDGE_LIMITS } from "../bridge/limits.ts";
import { type ChoosePeers, NO_GATE } from "../bridge/request.ts";
import { BridgeServer } from "../bridge/server.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { ByteAccount } from "../http1/byte_account.ts";
import type { Logger } from "../observe/log.ts";
import { randomBytes } from "../platform/random.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import type { Here } from "../replica/elsewhere.ts";
import { peerFields } from "./peer_fields.ts";
import { httpPeer } from "./peers/http_peer_life.ts";
import type { PooledSessions } from "./peers/pooled/pooled_sessions.ts";
import type { StatelessLimits } from "./stateless/stateless_parts.ts";
import { statelessPeer } from "./stateless/stateless_peer_life.ts";
import type { Upstream } from "./upstream.ts";

export interface EraBridgeOptions {
  /** The server. */
  readonly inner: Upstream;
  readonly log: Logger;
  readonly onEnded: (upstreamSessionId: UpstreamSessionId) => void;
  readonly account?: ByteAccount;
  readonly limits?: Partial<BridgeLimits>;
  readonly statelessLimits?: Partial<StatelessLimits>;
  /** Keeps the sessions of stateless clients where other processes find them. Default: nowhere. */
  readonly pools?: PooledSessions | undefined;
  readonly here?: Here | undefined;
  /** See `BridgeParts`. */
  readonly onLostCall?: BridgeParts["onLostCall"];
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

export function eraBridge(options: EraBridgeOptions): BridgeServer {
  const { inner: upstream, log, timers = SYSTEM_TIMERS, random = randomBytes, account = new ByteAccount() } = options;
  const { statelessLimits: limits = {}, onEnded, onLostCall, pools, here } = options;
  const bridgeLimits = { ...DEFAULT_BRIDGE_LIMITS, ...options.limits };
  const parts: BridgeParts = { limits: bridgeLimits, account, timers, random, here, onLostCall };
  const choose: ChoosePeers = ({ caller, session, pool }) => {
    const reach = { upstream, caller, session, account, timers, log };
    // What belongs to no session is a stateless client's.
    if (session !== undefined) return statelessPeer({ ...reach, random, limits });
    const pooled = () =>
      pool === undefined ? undefined : pools?.at({ pool, owner: caller.owner, member: "", upstream });
    return httpPeer({ ...reach, fieldsOf: peerFields, pooled });
  };
  return new BridgeServer({ parts, gate: NO_GATE, choose, onEnded, statelessPeersAre: "legacy" });
}
