// The programs that are compared, each set up for the same job as fairly as its documentation allows: one worker (where the
// job is not about several), one core, keep-alive to the upstream, no access log, buffers of 64 KiB, TCP_NODELAY on both sides.
import { findBun } from "../bun.ts";
import { freePort } from "../free_port.ts";
import { findProgram } from "../programs.ts";
import { V8_FLAGS } from "../v8_flags.ts";
import { AUDIENCE, type Credentials, ISSUER } from "./credentials.ts";
import { pinned } from "./machine.ts";
import { type Running, startServer } from "./process.ts";

const here = import.meta.dirname ?? ".";
const deno = Deno.execPath();

export interface Setup {
  readonly credentials: Credentials;
  /** Of the upstream. */
  readonly upstreamPort: number;
  /** In place of the one at that port: several, as `--upstream` takes each. */
  readonly upstreams?: readonly string[];
  /** The listener speaks TLS. */
  readonly tls?: boolean;
  /** A compiled Signet, in place of the one that Deno runs from source. */
  readonly executable?: string;
  /** Another checkout, in place of this one. */
  readonly folder?: string;
  /** Of Signet's environment, besides what the run has. */
  readonly env?: Record<string, string>;
}

/** Which runtime takes least of the load's core: there is a Bun wherever an executable was made. */
let upstreamCommand: Promise<readonly string[]> | undefined;

async function findUpstreamCommand(): Promise<readonly string[]> {
  const bun = await findBun();
  return [...(bun === undefined ? [deno, "run", "-A"] : [bun, "run", "--no-install"]), `${here}/upstream.ts`];
}

export async function startUpstream(intervalMs = 0, onLine?: (line: string) => void): Promise<Running> {
  const port = freePort();
  const command = [...await (upstreamCommand ??= findUpstreamCommand()), String(port), String(intervalMs)];
  return await startServer({ name: "upstream", role: "load", port, command, ...(onLine ? { onLine } : {}) });
}

export interface SignetPorts {
  readonly port: number;
  readonly admin: number;
}

const fromSource = (folder: string) => [
  ...[deno, "run", "-A", "--cached-only", V8_FLAGS, `--config=${folder}/deno.json`],
  `${folder}/main.ts`,
];
const FROM_SOURCE = fromSource(`${here}/../..`);

/** Signet as an operator runs it, whatever stands behind it. */
function serveCommand(
  { jwksFile, keyFile }: Credentials,
  { port, admin }: SignetPorts,
  program: readonly string[] = FROM_SOURCE,
): string[] {
  // deno-fmt-ignore
  return [
    ...program, "serve",
    "--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${admin}`,
    "--principal", "jwt", "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE, "--jwt-jwks", jwksFile,
    "--key-file", keyFile, "--principal-share", "100", "--max-sessions-per-principal", "100000",
    "--drain-timeout", "1s", "--log-level", "warn",
  ];
}

function programOf({ executable, folder }: Setup): string[] {
  if (executable !== undefined) return [executable];
  return folder === undefined ? FROM_SOURCE : fromSource(folder);
}

/** Signet before the HTTP upstream; `flags` are added. */
export function signetCommand(setup: Setup, ports: SignetPorts, flags: readonly string[] = []): string[] {
  const { certFile, tlsKeyFile } = setup.credentials;
  const upstreams = setup.upstreams ?? [`http://127.0.0.1:${setup.upstreamPort}/mcp`];
  return [
    ...serveCommand(setup.credentials, ports, programOf(setup)),
    ...upstreams.flatMap((upstream) => ["--upstream", upstream]),
    ...(setup.tls ? ["--tls-cert", certFile, "--tls-key", tlsKeyFile] : []),
    ...flags,
  ];
}

export interface RunningSignet extends Running {
  readonly admin: number;
}

/** For every session of a run. */
export const ROOM: readonly string[] = ["--max-sessions", "20000"];

export async function startSignet(setup: Setup, flags: readonly string[] = ROOM): Promise<RunningSignet> {
  const ports = { port: freePort(), admin: freePort() };
  const command = signetCommand(setup, ports, flags);
  const env = setup.env === undefined ? {} : { env: setup.env };
  const running = await startServer({ name: "signet", role: "proxy", port: ports.port, command, ...env });
  return { ...running, admin: ports.admin };
}

/** Signet before a stdio server, with room for a process for every session of a run. */
export async function startStdioSignet(credentials: Credentials, server: readonly string[]): Promise<RunningSignet> {
  const ports = { port: freePort(), admin: freePort() };
  const room = ["--max-processes", "1000", "--max-processes-per-principal", "1000"];
  const command = [...serveCommand(credentials, ports), ...room, "--", ...server];
  const running = await startServer({ name: "signet", role: "proxy", port: ports.port, command });
  return { ...running, admin: ports.admin };
}

/** @throws Error if fewer than 99 % of the requests so far took `lane`: the figures would be somebody else's */
export async function requireLane({ admin }: RunningSignet, lane: "fast" | "full"): Promise<void> {
  const page = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  const count = (name: string) =>
    Number(new RegExp(`^signet_requests_total\\{lane="${name}"\\} (\\d+)$`, "m").exec(page)?.[1] ?? NaN);
  const [fast, full] = [count("fast"), count("full")];
  const share = (lane === "fast" ? fast : full) / (fast + full);
  if (!(share > 0.99)) throw new Error(`want the ${lane} lane measured, found ${fast} fast and ${full} full requests`);
}

/** @param workers processes that share the port */
export async function startNginx(setup: Setup, workers = 1): Promise<Running> {
  const port = freePort();
  const prefix = await Deno.makeTempDir({ dir: setup.credentials.directory, prefix: "nginx_" });
  const config = `${prefix}/nginx.conf`;
  await Deno.writeTextFile(config, nginxConfig({ port, workers, prefix }, setup));
  const command = [await need("nginx"), "-p", prefix, "-c", config, "-g", "daemon off;"];
  return await startServer({ name: "nginx", role: "proxy", port, command });
}

interface NginxPlace {
  readonly port: number;
  readonly workers: number;
  readonly prefix: string;
}

function nginxConfig({ port, workers, prefix }: NginxPlace, setup: Setup): string {
  const { certFile, tlsKeyFile } = setup.credentials;
  const tls = `ssl_certificate ${certFile}; ssl_certificate_key ${tlsKeyFile};`;
  return `
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${prefix}/pid;
error_log stderr crit;
events { worker_connections 16384; multi_accept on; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  client_body_temp_path ${prefix}/body; proxy_temp_path ${prefix}/proxy;
  fastcgi_temp_path ${prefix}/f; uwsgi_temp_path ${prefix}/u; scgi_temp_path ${prefix}/s;
  large_client_header_buffers 4 16k;
  client_max_body_size 8m;
  client_body_buffer_size 64k;
  upstream mcp { server 127.0.0.1:${setup.upstreamPort}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port}${setup.tls ? " ssl" : ""}${workers > 1 ? " reuseport" : ""} backlog=8192;
    ${setup.tls ? tls : ""}
    location / {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_read_timeout 600s;
      proxy_request_buffering off;
      proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
    }
    location /stream {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_read_timeout 600s;
      proxy_buffering off;
    }
  }
}
`;
}

export async function startHaproxy(setup: Setup): Promise<Running> {
  const port = freePort();
  const config = `${setup.credentials.directory}/haproxy_${port}.cfg`;
  await Deno.writeTextFile(config, haproxyConfig(port, setup.upstreamPort));
  return await startServer({
    name: "haproxy",
    role: "proxy",
    port,
    command: [await need("haproxy"), "-db", "-f", config],
  });
}

const haproxyConfig = (port: number, upstreamPort: number) => `
global
  nbthread 1
  maxconn 8000
  tune.bufsize 65536
  tune.maxrewrite 8192
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend front
  bind 127.0.0.1:${port} backlog 8192
  default_backend mcp
backend mcp
  server one 127.0.0.1:${upstreamPort}
`;

export async function startFetchProxy(setup: Setup): Promise<Running> {
  const port = freePort();
  const command = [deno, "run", "-A", `${here}/fetch_proxy.ts`, String(port), `http://127.0.0.1:${setup.upstreamPort}`];
  return await startServer({ name: "Deno.serve + fetch", role: "proxy", port, command });
}

/** Pinned, so that a figure can be repeated. */
export const MCP_PROXY = "mcp-proxy@6.7.19";
export const SUPERGATEWAY = "supergateway@4.0.0";

/** The stdio server of the HTTP jobs, for the proxies that front nothing else; on the core of the load. */
const STDIO_SERVER = pinned("load", [deno, "run", "-A", `${here}/stdio_server.ts`]);

/** npm's mcp-proxy fronts stdio servers only: the server behind it is a stdio one here. */
export async function startMcpProxy(server: readonly string[] = STDIO_SERVER): Promise<Running> {
  const port = freePort();
  // deno-fmt-ignore
  const command = [
    await need("npx"), "-y", MCP_PROXY, "--port", String(port), "--host", "127.0.0.1", "--server", "stream",
    "--", ...server,
  ];
  return await startServer({ name: "mcp-proxy", role: "proxy", port, command });
}

/** npm's supergateway, likewise; stateful, so that it keeps sessions as Signet does. */
export async function startSupergateway(server: readonly string[] = STDIO_SERVER): Promise<Running> {
  const port = freePort();
  // deno-fmt-ignore
  const command = [
    await need("npx"), "-y", SUPERGATEWAY, "--stdio", server.join(" "),
    "--outputTransport", "streamableHttp", "--stateful", "--port", String(port), "--logLevel", "none",
  ];
  return await startServer({ name: "supergateway", role: "proxy", port, command });
}

export const MCP_HUB = "mcp-hub@4.2.1";

/** npm's mcp-hub, which makes one server of several; it knows of them before it knows their tools. */
export async function startMcpHub(directory: string, servers: Readonly<Record<string, string>>): Promise<Running> {
  const port = freePort();
  const config = `${directory}/mcp_hub.json`;
  const mcpServers = Object.fromEntries(Object.entries(servers).map(([name, url]) => [name, { url }]));
  await Deno.writeTextFile(config, JSON.stringify({ mcpServers }));
  const command = [await need("npx"), "-y", MCP_HUB, "--port", String(port), "--config", config];
  return await startServer({ name: "mcp-hub", role: "proxy", port, command });
}

async function need(name: string): Promise<string> {
  const path = await findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
