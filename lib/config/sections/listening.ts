// Where Signet listens, and who may reach it there.
import { rowsOf } from "../setting.ts";
import { endpointPath, hostName, listenAddress, listenAddressOrOff, origin } from "../values/addresses.ts";
import { file } from "../values/kinds.ts";
import { workerCount } from "../values/quantities.ts";

const rows = rowsOf("Listening");

export const LISTENING = {
  listen: rows.one(listenAddress, {
    name: "listen",
    default: { hostname: "127.0.0.1", port: 8080 },
    doc: "Where MCP clients connect; port 0 takes a free one",
  }),
  workers: rows.one(workerCount, {
    name: "workers",
    default: 1,
    doc: "Processes that share the listening port and the work, on Linux; auto: as many as there are cores",
  }),
  path: rows.one(endpointPath, { name: "path", default: "/mcp", doc: "Path of the MCP endpoint" }),
  legacySse: rows.optional(endpointPath, {
    name: "legacy-sse",
    doc: "Path at which clients of the older HTTP+SSE transport (2024-11-05) are served too, such as /sse",
  }),
  admin: rows.one(listenAddressOrOff, {
    name: "admin",
    default: { hostname: "127.0.0.1", port: 9090 },
    doc: "Where /healthz, /readyz, /metrics and the operators' API are served, or off",
  }),
  adminAllowHosts: rows.many(hostName, {
    name: "admin-allow-host",
    doc: "A name the admin page may be reached by, besides addresses and loopback names",
  }),
  tlsCertFile: rows.optional(file, {
    name: "tls-cert",
    doc: "PEM certificate chain of the listener; read again on SIGHUP",
  }),
  tlsKeyFile: rows.optional(file, { name: "tls-key", doc: "PEM private key of the listener" }),
  allowHosts: rows.many(hostName, {
    name: "allow-host",
    doc: "A Host that requests may name, besides loopback names on a loopback listener",
  }),
  allowOrigins: rows.many(origin, {
    name: "allow-origin",
    doc: "An Origin of web pages that may call, besides loopback pages on a loopback listener",
  }),
  unsafeListen: rows.flag({
    name: "unsafe-listen",
    dangerous: true,
    doc: "Listen beyond loopback without --allow-host: nothing guards against DNS rebinding",
  }),
} as const;
