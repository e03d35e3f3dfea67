// An MCP server over Streamable HTTP, reached through a pool of connections (TCP, TLS or a unix socket).
// Adds what the wire needs: the upstream's own Host, path and session id.
import { type Endpoint, parseEndpoint } from "../http1/endpoint.ts";
import { Pool, type PoolOptions } from "../http1/pool.ts";
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
  readonly pool: PoolOptions;
}

export class HttpUpstream implements Upstream {
  readonly name: string;
  readonly url: string;
  readonly pool: Pool;
  readonly #endpoint: Endpoint;

  constructor(options: HttpUpstreamOptions) {
    this.name = options.name;
    this.url = options.url;
    this.#endpoint = parseEndpoint(options.url);
    this.pool = new Pool(this.#endpoint, options.pool);
  }

  send(request: UpstreamRequest): Call {
    const { method, query, fields, sessionId, body } = request;
    fields.push("host", this.#endpoint.authority);
    if (sessionId !== undefined) fields.push("mcp-session-id", sessionId);
    const target = appendQuery(this.#endpoint.target, query);
    return this.pool.send(body === undefined ? { method, target, fields } : { method, target, fields, body });
  }

  probe(): Promise<void> {
    return this.pool.probe();
  }

  close(): void {
    this.pool.close();
  }
}
