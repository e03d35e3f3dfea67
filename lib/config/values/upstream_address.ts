// Settings that name an MCP server: over HTTP, over HTTP+SSE, behind a unix socket, or as a command to start.
import { PORT_NOUGHT } from "./addresses.ts";
import { type Kind, type Parsed, quoted, unfit } from "./kinds.ts";

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
