// The operator's listener: liveness, readiness, metrics. Separate from the front door, never hot, so `Deno.serve` does.
// Bound to loopback by default; a Host guard keeps rebinding web pages away from it.
import { formatAuthority, isLoopbackHost } from "../http1/wire/authority.ts";

export interface Readiness {
  readonly ready: boolean;
  /** What was looked at: name → `ok` or what is wrong. No secrets. */
  readonly checks: Readonly<Record<string, string>>;
}

/** A further path of the admin listener. */
export type AdminRoute = (request: Request, remoteAddress: string) => Response | Promise<Response>;

export interface AdminOptions {
  readonly hostname: string;
  readonly port: number;
  readonly ready: () => Promise<Readiness>;
  readonly metrics: () => string;
  /** Path → handler, for what later parts of Signet offer to operators. */
  readonly routes?: ReadonlyMap<string, AdminRoute>;
}

export interface AdminServer {
  /** `host:port`, with the real port where 0 was asked for. */
  readonly address: string;
  close(): Promise<void>;
}

function text(status: number, body: string, contentType = "text/plain; charset=utf-8"): Response {
  return new Response(body, { status, headers: { "content-type": contentType, "cache-control": "no-store" } });
}

async function answer(options: AdminOptions, request: Request, remoteAddress: string): Promise<Response> {
  const url = new URL(request.url);
  if (isLoopbackHost(options.hostname) && !isLoopbackHost(url.hostname)) {
    return text(403, "Forbidden: this listener answers to loopback names only\n");
  }
  const route = options.routes?.get(url.pathname);
  if (route) return await route(request, remoteAddress);
  if (request.method !== "GET" && request.method !== "HEAD") return text(405, "Method not allowed\n");
  switch (url.pathname) {
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz": {
      const readiness = await options.ready();
      return text(readiness.ready ? 200 : 503, JSON.stringify(readiness) + "\n", "application/json");
    }
    case "/metrics":
      return text(200, options.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    default:
      return text(404, "Not found. There are /healthz, /readyz and /metrics.\n");
  }
}

/** Starts listening. @throws Deno.errors.AddrInUse and the like when the address cannot be had */
export function serveAdmin(options: AdminOptions): AdminServer {
  const server = Deno.serve({
    hostname: options.hostname,
    port: options.port,
    onListen: () => {},
    onError: () => text(500, "Internal error\n"),
  }, (request, info) => answer(options, request, info.remoteAddr.hostname));
  return {
    address: formatAuthority(server.addr.hostname, server.addr.port),
    close: () => server.shutdown(),
  };
}
