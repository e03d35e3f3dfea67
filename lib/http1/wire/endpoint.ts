// Where an upstream listens: TCP, TLS or a unix socket, and how it is written as a URL.
import type { ConnectTarget } from "../../platform/sockets/socket.ts";
import { formatAuthority } from "./authority.ts";

export type Endpoint = ConnectTarget;

/** A URL taken apart: where to connect, and what to ask for there. */
export interface EndpointUrl {
  readonly endpoint: Endpoint;
  /** The value of Host. */
  readonly authority: string;
  /** Path and query, at least `/`. */
  readonly target: string;
}

/**
 * Reads `http://host[:port]/path`, `https://…` or `http+unix://%2Fpath%2Fto.sock/path`.
 * @throws TypeError that says what is wanted
 */
export function parseEndpoint(url: string): EndpointUrl {
  const unix = /^http\+unix:\/\/([^/?#]+)([^#]*)$/i.exec(url);
  if (unix !== null) return unixEndpoint(unix[1]!, unix[2]!);
  if (!URL.canParse(url)) throw new TypeError("using the upstream URL: found no URL, want http://host:port/path");
  const parsed = new URL(url);
  const { protocol, hostname, host } = parsed;
  if (protocol !== "http:" && protocol !== "https:") {
    throw new TypeError(`using the upstream URL: found ${protocol}, want http:, https: or http+unix:`);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new TypeError("using the upstream URL: found credentials in it, want them in a header");
  }
  if (parsed.hash !== "") throw new TypeError("using the upstream URL: found a fragment, want none");
  const tls = protocol === "https:";
  const port = parsed.port === "" ? (tls ? 443 : 80) : Number(parsed.port);
  const endpoint: Endpoint = { transport: tls ? "tls" : "tcp", hostname: hostname.replace(/^\[|\]$/g, ""), port };
  return { endpoint, authority: host, target: parsed.pathname + parsed.search };
}

function unixEndpoint(encoded: string, rest: string): EndpointUrl {
  let path: string;
  try {
    path = decodeURIComponent(encoded);
  } catch {
    throw new TypeError("using the upstream URL: found a socket path that is not percent-encoded correctly");
  }
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new TypeError("using the upstream URL: found no absolute socket path, want one with `/` written as %2F");
  }
  const { pathname, search } = new URL(rest, "http://localhost");
  return { endpoint: { transport: "unix", path }, authority: "localhost", target: pathname + search };
}

/** For log lines and error messages. */
export function describeEndpoint(endpoint: Endpoint): string {
  return endpoint.transport === "unix"
    ? `unix:${endpoint.path}`
    : `${endpoint.transport === "tls" ? "tls:" : ""}${formatAuthority(endpoint.hostname, endpoint.port)}`;
}
