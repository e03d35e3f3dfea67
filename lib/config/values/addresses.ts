// Settings that name a place: listen addresses, URLs, networks, hosts and origins; MCP servers are in upstream_address.ts.
// Each is checked in full here, so that what starts can be bound, dialled and compared without further parsing.
import { formatAuthority } from "../../http1/wire/authority.ts";
import { type Kind, quoted, unfit } from "./kinds.ts";

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

/** It means "any that is free", to whoever listens. */
export const PORT_NOUGHT = unfit(
  "the URL's port is 0, to which nobody can connect",
  "Name the port that is listened on.",
);

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
