// The operator's listener: liveness, readiness, metrics. Separate from the front door, with bounds of its own.
// Bound to loopback by default; a Host guard keeps rebinding web pages away from it.
import { serveHttp1 } from "../http1/server/server.ts";
import { type Exchange, HTTP_ERROR_STATUS, type HttpError, type ResponseStart } from "../http1/types.ts";
import { formatAuthority, isLoopbackHost } from "../http1/wire/authority.ts";
import type { Logger } from "../observe/log.ts";
import type { HostRule } from "./admin_hosts.ts";
import { respondWith, webRequest } from "./web_exchange.ts";

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
  /** Names it may be reached by; default: this machine's where it listens on loopback, else any. */
  readonly allowsHost?: HostRule;
  readonly ready: () => Promise<Readiness>;
  readonly metrics: () => string | Promise<string>;
  /** Path → handler, for what later parts of Signet offer to operators. */
  readonly routes?: ReadonlyMap<string, AdminRoute>;
  /** Told of every refusal; `path` is one of ours, or `another`. */
  readonly onRefusal?: (refused: { readonly path: string; readonly status: number; readonly remote: string }) => void;
  /** Told before it closes: what does not end by itself has to. */
  readonly onClose?: () => void;
  /** Whatever is refused here shows in the log (docs/behaviour.md V1), and so does what failed. */
  readonly log: Logger;
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
  const { allowsHost = isLoopbackHost } = options;
  if (isLoopbackHost(options.hostname) && !allowsHost(url.hostname)) {
    return text(403, "Forbidden: this listener answers to loopback names and those of --admin-allow-host only\n");
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
      return text(200, await options.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    default:
      return text(404, "Not found. There are /healthz, /readyz, /metrics and a page at /.\n");
  }
}

/** Bytes of a request's body: more than any request of the API may have, so that it is the API which refuses. */
const MAX_BODY_BYTES = 128 * 1024;
/** Probes, a scraper or two, some operators. */
const MAX_CONNECTIONS = 256;
/** Answers that are being written, and probes that forget to go, have this long (ms). */
const CLOSE_MS = 2_000;

/** Starts listening. @throws a fault of the system (AddrInUse and the like) when the address cannot be had */
export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = serveHttp1({
    handler: (exchange) => handle(options, exchange),
    renderError,
    limits: { maxConnections: MAX_CONNECTIONS, maxBodyBytes: MAX_BODY_BYTES, gatherBytes: MAX_BODY_BYTES },
  });
  const { hostname, port } = options;
  const { address } = await server.listen({ hostname, port });
  return {
    address: formatAuthority(hostname, address.port),
    async close() {
      options.onClose?.();
      await server.drain(CLOSE_MS);
    },
  };
}

function renderError({ code, message }: HttpError): { start: ResponseStart; body: Uint8Array } {
  const body = new TextEncoder().encode(code === "internal" ? "Internal error\n" : `Refused: ${message}\n`);
  const fields = ["content-type", "text/plain; charset=utf-8", "cache-control", "no-store"];
  return { start: { status: HTTP_ERROR_STATUS[code], fields }, body };
}

async function handle(options: AdminOptions, exchange: Exchange): Promise<void> {
  const request = await readRequest(exchange);
  const { remoteAddress } = exchange.connection;
  const response = request === undefined
    ? text(400, "Bad request\n")
    : await answer(options, request, remoteAddress).catch((fault) => failed(options, fault));
  if (response.status >= 400) tellRefusal(options, exchange, response.status);
  await respondWith(exchange, response);
}

function failed({ log }: AdminOptions, fault: unknown): Response {
  log.error("answering the admin listener failed", { cause: fault instanceof Error ? fault.message : String(fault) });
  return text(500, "Internal error\n");
}

/** Not ready is no refusal: probes ask for nothing else. Paths are told where they are ours, so that no text of a client is. */
function tellRefusal({ log, routes, onRefusal }: AdminOptions, { head, connection }: Exchange, status: number): void {
  if (head.path === "/readyz" && status === 503) return;
  const path = routes?.has(head.path) || PROBES.has(head.path) ? head.path : "another";
  const remote = connection.remoteAddress;
  log.info("admin request refused", { code: `admin_${status}`, method: head.method, path, remote });
  onRefusal?.({ path, status, remote });
}

const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** Undefined if it has a method or an authority that no Request can have. */
async function readRequest(exchange: Exchange): Promise<Request | undefined> {
  try {
    return await webRequest(exchange, MAX_BODY_BYTES);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
