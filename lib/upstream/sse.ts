// An MCP server of the transport before Streamable HTTP (HTTP+SSE of 2024-11-05) as an upstream: the bridge's own server
// over a stream a session. To clients it is a Streamable HTTP server like any other, with sessions that outlive its streams.
import { type BridgeLimits, type BridgeParts, DEFAULT_BRIDGE_LIMITS } from "../bridge/limits.ts";
import type { ChoosePeers, OwnedSince } from "../bridge/request.ts";
import { BridgeServer, type BridgeSizes } from "../bridge/server.ts";
import { TYPICAL_ID_LENGTH, type UpstreamSessionId } from "../envelope/session_id.ts";
import { ByteAccount } from "../http1/byte_account.ts";
import type { FieldList, Fields } from "../http1/types.ts";
import type { Logger } from "../observe/log.ts";
import { randomBytes } from "../platform/random.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import type { SessionCall } from "../session/lost_session.ts";
import { DEFAULT_BACKOFF } from "./backoff.ts";
import type { SseChannelLimits } from "./sse/sse_channel.ts";
import { SseLife } from "./sse/sse_life.ts";
import { StartGate } from "./start_gate.ts";
import type { HereFor, Upstream, UpstreamRequest } from "./upstream.ts";

export interface SseUpstreamOptions {
  /** What sends to the server: its URL is that of the stream, without the `sse+`. */
  readonly inner: Upstream;
  /** Which of a client's fields the server is told, in a list of its own. */
  readonly fieldsOf: (fields: Fields) => FieldList;
  readonly log: Logger;
  readonly limits?: Partial<BridgeLimits & SseChannelLimits>;
  readonly account?: ByteAccount;
  /** This replica among others. Default: there are none. */
  readonly here?: HereFor | undefined;
  /** See `BridgeParts`. */
  readonly onLostCall?: BridgeParts["onLostCall"];
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

export const DEFAULT_SSE_LIMITS: SseChannelLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  openTimeoutMs: 30_000,
  sendTimeoutMs: 30_000,
  maxSending: 64,
};

/** One that takes too long is refused here, with a cure, before anybody gives up waiting for it. */
const TELLING_MS = 5000;

/** How a server's streams become the peers of sessions; for who serves them together with others' too. */
export function sseStreams(options: Omit<SseUpstreamOptions, "random">): ChoosePeers {
  const { inner: upstream, fieldsOf, log, timers = SYSTEM_TIMERS, account = new ByteAccount() } = options;
  const limits = { ...DEFAULT_SSE_LIMITS, ...options.limits };
  return ({ caller, session }) => (events) => {
    const channel = { upstream, caller, session, limits, timers, account: account.shareOf(caller.principalKey) };
    return new SseLife({ channel, fieldsOf, log, events });
  };
}

export class SseUpstream implements Upstream {
  readonly name: string;
  readonly url: string;
  /** A session is its stream, and that is this process's. */
  readonly isLocal = true;
  readonly idLength = TYPICAL_ID_LENGTH;
  readonly initializeTimeoutMs: number;
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  readonly #inner: Upstream;
  readonly #bridge: BridgeServer;

  constructor(options: SseUpstreamOptions) {
    const { inner, timers = SYSTEM_TIMERS, account = new ByteAccount(), random = randomBytes, onLostCall } = options;
    this.name = inner.name;
    this.url = `sse+${inner.url}`;
    this.#inner = inner;
    const limits = { ...DEFAULT_BRIDGE_LIMITS, ...DEFAULT_SSE_LIMITS, ...options.limits };
    this.initializeTimeoutMs = limits.openTimeoutMs * 2 + TELLING_MS;
    const parts: BridgeParts = { limits, account, timers, random, here: options.here?.(this), onLostCall };
    this.#bridge = new BridgeServer({
      parts,
      gate: new StartGate(DEFAULT_BACKOFF, timers),
      choose: sseStreams({ ...options, account, timers }),
      onEnded: (upstreamSessionId) => this.onEnded?.(upstreamSessionId),
    });
  }

  /** Everything here that grows, for metrics. */
  sizes(): BridgeSizes {
    return this.#bridge.sizes();
  }

  send(request: UpstreamRequest): SessionCall {
    return this.#bridge.send(request);
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  endStateless(which: OwnedSince): void {
    this.#bridge.endStateless(which);
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    this.#bridge.release(upstreamSessionId);
  }

  async close(): Promise<void> {
    await this.#bridge.close();
    await this.#inner.close();
  }
}
