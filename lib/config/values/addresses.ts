// Settings that name a place: listen addresses, URLs, networks, hosts and origins.
// Each is checked in full here, so that what starts can be bound, dialled and compared without further parsing.
import { formatAuthority } from "../../http1/wire/authority.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";

/** Where to listen. `hostname` is a name or an IP address; IPv6 without brackets. Port 0 asks for any free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** `host:port` as URLs write it. */
export function formatAddress({ hostname, port }: ListenAddress): string {
  return formatAuthority(hostname, port);
}

/** Whether a listener bound there takes connections on every address of the machine. */
export function isWildcard(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

function isIpv4(text: string): boolean {
  return /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-f:.]+$/i.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`);
}

function isHostname(text: string): boolean {
  return /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(text) &&
    (!/^[\d.]+$/.test(text) || isIpv4(text));
}

const LISTEN_REMEDY = "Write HOST:PORT, for example 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for every interface.";

export const listenAddress: Kind<ListenAddress> = {
  metavar: "HOST:PORT",
  parse(text) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
    if (match === null) return unfit(`${quoted(text)} is not an address to listen on`, LISTEN_REMEDY);
    const [, bracketed, plain, digits] = match;
    const hostname = bracketed ?? plain ?? "";
    const port = Number(digits);
    if (port > 65_535) return unfit(`port ${port} does not exist`, "Write a port from 0 to 65535; 0 takes a free one.");
    if (bracketed === undefined ? !isHostname(hostname) : !isIpv6(hostname)) {
      return unfit(`${quoted(text)} has no usable host`, LISTEN_REMEDY);
    }
    return { value: { hostname: hostname.toLowerCase(), port } };
  },
  format: formatAddress,
};

export const listenAddressOrOff: Kind<ListenAddress | "off"> = {
  metavar: "HOST:PORT|off",
  parse: (text) => text === "off" ? { value: "off" } : listenAddress.parse(text),
  format: (value) => value === "off" ? value : formatAddress(value),
};

/** The path of the endpoint, as it stands in a request target. */
export const endpointPath: Kind<string> = {
  metavar: "PATH",
  parse(text) {
    if (!text.startsWith("/")) return unfit(`${quoted(text)} does not begin with "/"`, "Write a path such as /mcp.");
    // Compared byte for byte with what arrives: anything a client would rewrite first could never match.
    if (!URL.canParse(text, "http://a") || new URL(text, "http://a").href !== `http://a${text}` || /[?#]/.test(text)) {
      return unfit(
        `${quoted(text)} is not a plain path`,
        "Write a path without query, fragment, blanks or dot segments.",
      );
    }
    return { value: text };
  },
  format: (value) => value,
};

/** An MCP server over Streamable HTTP, or one to start. */
export interface UpstreamAddress {
  /** As given in `NAME=URL`, else empty. */
  readonly name: string;
  /** `NAME!=URL`: of several, the one without which no session opens. */
  readonly required: boolean;
  /** Of `NAME=stdio:COMMAND ARG …`, word by word; empty for a server over HTTP. */
  readonly command: readonly string[];
  /** Normalised; the key under which session ids name this upstream. `sse+http…` for one of HTTP+SSE (2024-11-05). */
  readonly url: string;
  /** Without brackets; empty for a unix socket. */
  readonly hostname: string;
  /** 0 for a unix socket. */
  readonly port: number;
}

/** What stands before the URL of the event stream of a server that speaks HTTP+SSE, the transport of 2024-11-05. */
const SSE = "sse+";

/** Whether a server speaks HTTP+SSE, and the URL that requests go to either way. */
export function wireOf({ url }: Pick<UpstreamAddress, "url">): { readonly isSse: boolean; readonly url: string } {
  return url.startsWith(SSE) ? { isSse: true, url: url.slice(SSE.length) } : { isSse: false, url };
}

/** The URL as it may be shown: a query may hold a key. Credentials and fragments are refused when it is read. */
export function shownUrl(upstream: UpstreamAddress): string {
  // Of a command no more than its program: its arguments may hold a secret.
  return upstream.command.length > 0 ? `stdio:${upstream.command[0]}` : upstream.url.replace(/\?.*$/, "");
}

const UPSTREAM_REMEDY =
  "Write http://HOST:PORT/PATH, https://HOST/PATH, http+unix://%2Frun%2Fmcp.sock/PATH for a unix socket, or " +
  "sse+http://HOST:PORT/sse for a server of the older HTTP+SSE transport.";

/** Words are split at blanks; what stands in quotes is one. There is no shell. */
function wordsOf(text: string): string[] | undefined {
  const words = text.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  if (words.join("").replace(/\s/g, "") !== text.replace(/\s/g, "")) return undefined;
  return words.map((word) => word.replace(/^(["'])(.*)\1$/s, "$2"));
}

function parseStdio(named: Named, text: string): Parsed<UpstreamAddress> {
  const command = wordsOf(text);
  if (command === undefined) return unfit("a quote in the command is not closed", "Close it, or leave it out.");
  if (text.includes("\0")) return unfit("the command holds a NUL character", "Leave it out.");
  if ((command[0] ?? "").trim() === "") {
    return unfit("no command stands behind stdio:", "Write NAME=stdio:COMMAND ARG ….");
  }
  // The name alone stands for it in session ids: they outlive a new version of the command.
  const name = named.name === "" ? "stdio" : named.name;
  return { value: { ...named, name, url: `stdio:${name}`, hostname: "", port: 0, command } };
}

/** What stands before the address. */
type Named = Pick<UpstreamAddress, "name" | "required" | "command">;

function socketAddress(named: Named, url: URL): Parsed<UpstreamAddress> {
  let socketPath = "";
  try {
    socketPath = decodeURIComponent(url.hostname);
  } catch {
    // Left empty: refused below.
  }
  if (!socketPath.startsWith("/") || socketPath.includes("\0") || url.port !== "") {
    return unfit("the http+unix URL names no absolute socket path", UPSTREAM_REMEDY);
  }
  return { value: { ...named, url: url.href, hostname: "", port: 0 } };
}

function parseUpstream(text: string): Parsed<UpstreamAddress> {
  const [, name = "", mark, address = ""] = /^(?:([A-Za-z][A-Za-z0-9_-]{0,31})(!)?=)?(.*)$/s.exec(text) ?? [];
  const named: Named = { name, required: mark !== undefined, command: [] };
  if (name === "" && /^[^/:?#=]*=[a-z+]+:/i.test(text)) {
    const remedy = "Write NAME=URL, where NAME is a letter and at most 31 letters, digits, _ and - behind it.";
    return unfit("what stands before = is no name for a server", remedy);
  }
  if (/^stdio:/i.test(address)) return parseStdio(named, address.slice(6));
  if (/^sse\+https?:/i.test(address)) {
    const parsed = parseUrl(named, address.slice(SSE.length));
    return "value" in parsed ? { value: { ...parsed.value, url: SSE + parsed.value.url } } : parsed;
  }
  return parseUrl(named, address);
}

/** It means "any that is free", to whoever listens. */
const PORT_NOUGHT = unfit("the URL's port is 0, to which nobody can connect", "Name the port that is listened on.");

function parseUrl(named: Named, address: string): Parsed<UpstreamAddress> {
  const [plain] = /^[A-Za-z0-9.-]+:\d{1,5}(?:\/[\w./-]*)?$|^\[[0-9a-fA-F:.]+\]:\d{1,5}(?:\/[\w./-]*)?$/.exec(address) ??
    [];
  if (plain !== undefined) {
    const remedy = `Write http://${plain}${
      plain.includes("/") ? "" : "/mcp"
    }, with the scheme and the path of the server.`;
    return unfit(`${quoted(plain)} has no scheme`, remedy);
  }
  // The text may hold credentials, so no message quotes it.
  if (/\s/.test(address.trim())) {
    return unfit(
      "this holds blanks, as a command does",
      "Put a command behind --, or among several servers write 'NAME=stdio:COMMAND ARG …'.",
    );
  }
  if (!URL.canParse(address)) return unfit("this is not a URL", UPSTREAM_REMEDY);
  const url = new URL(address);
  if (!["http:", "https:", "http+unix:"].includes(url.protocol)) {
    return unfit(`${quoted(url.protocol + "//")} is no way to reach an MCP server`, UPSTREAM_REMEDY);
  }
  if (url.username !== "" || url.password !== "") {
    return unfit(
      "the URL holds credentials",
      "Leave user and password out; the client's own Authorization is passed on.",
    );
  }
  if (address.includes("#")) return unfit("the URL has a fragment", "Leave out # and what follows.");
  if (url.port === "0") return PORT_NOUGHT;
  if (url.protocol === "http+unix:") return socketAddress(named, url);
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return { value: { ...named, url: url.href, hostname, port } };
}

export const upstreamAddress: Kind<UpstreamAddress> = {
  metavar: "[NAME=]URL",
  parse: parseUpstream,
  format: ({ name, required, url, command }) => {
    const address = command.length === 0 ? url : `stdio:${command.map((word) => `"${word}"`).join(" ")}`;
    return name === "" ? address : `${name}${required ? "!" : ""}=${address}`;
  },
  socketOf: ({ url }) => url.startsWith("http+unix:") ? decodeURIComponent(new URL(url).hostname) : undefined,
  // A query may hold a comma; only one before the next URL separates.
  separator: /\s*[\s,]\s*(?=(?:[A-Za-z][\w-]*!?=)?(?:(?:sse\+)?https?(?:\+unix)?:\/\/|stdio:))/,
};

/** An absolute http(s) URL without credentials or fragment, normalised. */
export const httpUrl: Kind<string> = {
  metavar: "URL",
  parse(text) {
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
      return unfit("this is not an http or https URL", "Write an absolute URL such as https://auth.example/keys.");
    }
    const url = new URL(text);
    if (url.username !== "" || url.password !== "") {
      return unfit("the URL holds credentials", "Leave user and password out.");
    }
    if (text.includes("#")) return unfit("the URL has a fragment", "Leave out # and what follows.");
    if (url.port === "0") return PORT_NOUGHT;
    return { value: url.href };
  },
  format: (value) => value,
};

/** The issuer of an authorization server: a URL compared as text (RFC 8414 §2), so it stays as it was written. */
export const issuerUrl: Kind<string> = {
  metavar: "URL",
  parse(text) {
    const parsed = httpUrl.parse(text);
    if (!("value" in parsed)) return parsed;
    if (!text.includes("?")) return { value: text };
    return unfit(
      "the URL has a query",
      "Write the issuer as the server's own metadata do, such as https://auth.example.",
    );
  },
  format: (value) => value,
};

/** Where a JSON Web Key Set comes from. */
export type JwksSource = { readonly kind: "url"; readonly url: string } | {
  readonly kind: "file";
  readonly path: string;
};

export const jwksSource: Kind<JwksSource> = {
  metavar: "URL|FILE",
  parse(text) {
    if (!text.includes("://")) {
      return text.trim() === ""
        ? unfit("the value is blank", "Name a URL or a file.")
        : { value: { kind: "file", path: text } };
    }
    const parsed = httpUrl.parse(text);
    return "value" in parsed ? { value: { kind: "url", url: parsed.value } } : parsed;
  },
  format: (value) => value.kind === "url" ? value.url : value.path,
  fileOf: (value) => value.kind === "file" ? value.path : undefined,
};

/** A network in CIDR notation (RFC 4632, RFC 4291); a lone address is a network of one. */
export const cidr: Kind<string> = {
  metavar: "CIDR",
  parse(text) {
    const [, address = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const bits = isIpv4(address) ? 32 : isIpv6(address) ? 128 : 0;
    if (bits === 0) return unfit(`${quoted(text)} is not a network`, "Write one such as 10.0.0.0/8 or fd00::/8.");
    const prefix = length === undefined ? bits : Number(length);
    if (prefix > bits) {
      return unfit(`${quoted(text)} has more than ${bits} bits`, `Write a prefix of at most /${bits}.`);
    }
    return { value: `${address.toLowerCase()}/${prefix}` };
  },
  format: (value) => value,
};

/** `name` or `name:port` of a Host field, lower-cased. */
export const hostName: Kind<string> = {
  metavar: "HOST",
  parse(text) {
    const [, bracketed, plain = "", port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
    const usable = bracketed === undefined ? isHostname(plain) : isIpv6(bracketed);
    if (usable && Number(port ?? 0) <= 65_535) return { value: text.toLowerCase() };
    if (text === "*") return unfit('"*" is not a host', "Name each host, or use --unsafe-listen to accept every one.");
    return unfit(
      `${quoted(text)} is not a host`,
      "Write a name such as mcp.example or mcp.example:8443, without scheme.",
    );
  },
  format: (value) => value,
};

const ORIGIN_REMEDY = "Write scheme and host as browsers send them, for example https://app.example, without a path.";

/** An Origin (RFC 6454 §6.1), as browsers send it. Schemes of extensions and web views are allowed. */
export const origin: Kind<string> = {
  metavar: "ORIGIN",
  parse(text) {
    if (text === "null" || text === "*") {
      return unfit(`${quoted(text)} would let every page in`, "Name each origin, for example https://app.example.");
    }
    const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]+)$/i.exec(text);
    if (match === null || !URL.canParse(text)) return unfit(`${quoted(text)} is not an origin`, ORIGIN_REMEDY);
    const url = new URL(text);
    // `null` for schemes the URL standard does not know: those are compared as written.
    return { value: url.origin === "null" ? text.toLowerCase() : url.origin };
  },
  format: (value) => value,
};
