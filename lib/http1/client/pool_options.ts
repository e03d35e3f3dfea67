// What a pool can be told, and what it tells.
import type { Lulls } from "../../platform/memory/lulls.ts";
import type { Socket } from "../../platform/sockets/socket.ts";
import type { ByteAccount } from "../byte_account.ts";
import type { ClientRequest } from "../types.ts";
import type { Endpoint } from "../wire/endpoint.ts";
import type { HeadLimits } from "../wire/fields/fields_parse.ts";
import type { Traffic } from "../wire/streams/traffic.ts";
import type { ClientLimits } from "./client_context.ts";

export interface PoolLimits extends ClientLimits {
  readonly maxConnections: number;
  /** Calls that may wait for a connection when all are in use. */
  readonly maxWaiting: number;
  /** How long such a call waits, ms. */
  readonly waitTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How long an upstream that refuses connections is asked again before the call fails, ms. 0: not at all. */
  readonly connectPatienceMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  maxHeadBytes: 64 * 1024,
  responseTimeoutMs: 0,
  bodyTimeoutMs: 0,
  writeTimeoutMs: 30_000,
  // Node's http server, the commonest upstream, closes after 5 s.
  idleTimeoutMs: 4_000,
  maxConnections: 10_000,
  maxWaiting: 1_000,
  waitTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  connectPatienceMs: 0,
};

export interface PoolOptions {
  readonly limits?: Partial<PoolLimits>;
  readonly headLimits?: Partial<HeadLimits>;
  /** What memory in use for answers is charged to. Default: one without a bound. */
  readonly account?: ByteAccount;
  /** A monotonic clock in ms. */
  readonly now?: () => number;
  /** Hears of every request sent and of what comes of it. Default: this process's. */
  readonly lulls?: Lulls;
  /**
   * Whether a request may be sent twice although its method does not say so. Asked only of one whose kept connection has
   * ended without an answer. Default: none may. Must not throw.
   */
  readonly mayRepeat?: (request: ClientRequest) => boolean;
  /** Opens a socket, in place of the real network. @throws HttpError as {@link connectEndpoint} */
  readonly connect?: (endpoint: Endpoint, timeoutMs: number, signal: AbortSignal) => Promise<Socket>;
}

/** Plain numbers, to be read at any time. */
export interface PoolStats {
  /** Connections open, and how many of them have no call. */
  open: number;
  idle: number;
  connecting: number;
  waiting: number;
  requests: number;
  connects: number;
  connectFailures: number;
  /** Calls sent again on another connection. */
  retries: number;
  readonly traffic: Traffic;
}
