// OAuth 2.0 Protected Resource Metadata (RFC 9728): what clients that got a 401 read to find the authorization server.
// Everything in it comes from the configuration, nothing from a request, least of all Host (docs/behaviour.md I5,
// docs/protocol.md 22).
import { isScopeToken } from "../scope_token.ts";
import { isThisMachine } from "../this_machine.ts";

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

export interface ProtectedResourceConfig {
  /** Signet's own canonical URI as clients reach it, such as `https://mcp.example.com/mcp`. */
  readonly resource: string;
  /** Issuers of the authorization servers whose tokens are taken, at least one. */
  readonly authorizationServers: readonly string[];
  readonly scopes?: readonly string[];
  /** Shown to people. */
  readonly name?: string;
  readonly documentation?: string;
  /** Allows `http:` beyond loopback: whoever is on the way can then send clients to another authorization server. */
  readonly unsafeHttp?: boolean;
}

/** What to serve, and where. */
export interface ProtectedResource {
  /**
   * As clients must find it in the document (RFC 9728 §3.3) and as tokens must name it as their audience (RFC 8707).
   */
  readonly resource: string;
  /** For `resource_metadata` in challenges. */
  readonly metadataUrl: string;
  /**
   * Request paths that are answered with the document: the one of RFC 9728 §3.1, and the root one, which MCP clients
   * ask as well (MCP 2025-11-25, "Protected Resource Metadata Discovery Requirements").
   */
  readonly paths: readonly string[];
  /** JSON, to be served as `application/json`. */
  readonly document: string;
}

/** @throws RangeError on a value that cannot stand in the document; says which, and what is wanted */
export function describeProtectedResource(config: ProtectedResourceConfig): ProtectedResource {
  const url = parseUrl(config.resource, { what: "resource URI", unsafeHttp: config.unsafeHttp ?? false });
  // A query cannot be told apart in a request path, and RFC 9728 §1.2 recommends against one.
  if (config.resource.includes("?")) {
    throw new RangeError("describing the resource: found a query in its URI, want none");
  }
  const resource = publishedResource(config.resource);
  const path = resource.slice(url.origin.length);
  if (config.authorizationServers.length === 0) {
    throw new RangeError("describing the resource: found no authorization server, want at least one issuer");
  }
  const document = {
    resource,
    authorization_servers: config.authorizationServers.map((issuer) => checkIssuer(issuer, config.unsafeHttp ?? false)),
    ...(config.scopes && config.scopes.length > 0 ? { scopes_supported: config.scopes.map(checkScope) } : {}),
    // RFC 6750 §2.1 only: tokens in bodies and query strings are not taken.
    bearer_methods_supported: ["header"],
    ...(config.name === undefined ? {} : { resource_name: config.name }),
    ...(config.documentation === undefined ? {} : {
      resource_documentation: parseUrl(config.documentation, { what: "documentation URL", unsafeHttp: true }).href,
    }),
  };
  return {
    resource,
    metadataUrl: url.origin + WELL_KNOWN + path,
    paths: [...new Set([WELL_KNOWN + path, WELL_KNOWN])],
    document: JSON.stringify(document),
  };
}

/** The text that clients find in the document, and ask for tokens for. `uri` is a URL. */
export function publishedResource(uri: string): string {
  const url = new URL(uri);
  // RFC 9728 §3.1: a slash that ends the host is dropped; one that ends a longer path is part of the identifier.
  return url.origin + (url.pathname === "/" ? "" : url.pathname);
}

/** RFC 8414 §2: an issuer is compared as text, so it is passed on as it was written. */
function checkIssuer(issuer: string, unsafeHttp: boolean): string {
  parseUrl(issuer, { what: "authorization server", unsafeHttp });
  if (issuer.includes("?")) {
    throw new RangeError("describing the resource: found a query in the authorization server, want an issuer without");
  }
  return issuer;
}

function checkScope(scope: string): string {
  if (!isScopeToken(scope)) {
    throw new RangeError(
      "describing the resource: found a blank or another character in a scope that no scope has (RFC 6749 §3.3)",
    );
  }
  return scope;
}

function parseUrl(text: string, rules: { readonly what: string; readonly unsafeHttp: boolean }): URL {
  const { what, unsafeHttp } = rules;
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new RangeError(`describing the resource: found no URL of https in the ${what}, want one`);
  }
  if (url.protocol === "http:" && !unsafeHttp && !isThisMachine(url.hostname)) {
    throw new RangeError(`describing the resource: found plain http beyond loopback in the ${what}, want https`);
  }
  if (text.includes("#") || url.username !== "" || url.password !== "") {
    throw new RangeError(`describing the resource: found a fragment or user info in the ${what}, want none`);
  }
  return url;
}
