// An MCP server over Streamable HTTP, reached through a pool of connections (TCP, TLS or a unix socket).
// Adds what the wire needs: the upstream's own Host, path and session id.
import { type EndpointUrl, parseEndpoint } from "../http1/wire/endpoint.ts";
import { DEFAULT_POOL_LIMITS, Pool, type PoolLimits } from "../http1/client/pool.ts";
import { connectEndpoint } from "../http1/client/pool_connect.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { Call } from "../http1/types.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** The configured target may have a query of its own, which stays. */
function appendQuery(target: string, query: string): string {
  if (query === "") return target;
  return target.includes("?") ? `${target}&${query.slice(1)}` : target + query;
}

export interface HttpUpstreamOptions {
  readonly name: string;
  /** `http://`, `https://` or `http+unix://%2Fpath%2Fto.sock/mcp`. */
  readonly url: string;
  /** PEM certificates an https upstream is trusted by, besides the built-in roots. */
  readonly caCerts?: readonly string[];
  readonly limits?: Partial<PoolLimits>;
}

export class HttpUpstream implements Upstream {
  readonly name: string;
  readonly url: string;
  readonly pool: Pool;
  /** Never called: a server over HTTP says nothing unasked. */
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  readonly #address: EndpointUrl;
  readonly #probeTimeoutMs: number;

  /** @throws TypeError on a URL that names no endpoint */
  constructor(options: HttpUpstreamOptions) {
    this.name = options.name;
    this.url = options.url;
    this.#address = parseEndpoint(options.url);
    this.#probeTimeoutMs = options.limits?.connectTimeoutMs ?? DEFAULT_POOL_LIMITS.connectTimeoutMs;
    const { endpoint } = this.#address;
    const trusting = endpoint.transport === "tls" && options.caCerts !== undefined
      ? { ...endpoint, caCerts: options.caCerts }
      : endpoint;
    this.pool = new Pool(trusting, options.limits === undefined ? {} : { limits: options.limits });
  }

  send(request: UpstreamRequest): Call {
    const { method, query, fields, upstreamSessionId, body } = request;
    fields.push("host", this.#address.authority);
    if (upstreamSessionId !== undefined) fields.push("mcp-session-id", upstreamSessionId);
    const target = appendQuery(this.#address.target, query);
    return this.pool.send(body === undefined ? { method, target, fields } : { method, target, fields, body });
  }

  /** Connects and hangs up: nothing is asked of the server. */
  async probe(): Promise<void> {
    const socket = await connectEndpoint(this.pool.endpoint, this.#probeTimeoutMs, new AbortController().signal);
    socket.close();
  }

  /** The server keeps its own count of time: the session's id may come back here. */
  release(): void {}

  close(): void {
    this.pool.close();
  }
}
