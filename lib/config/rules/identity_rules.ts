// What becomes of an identity once it is proven, judged as a whole (docs/behaviour.md I2, I4, I5, O5): the headers that
// tell it to the upstream, requests without a credential, the metadata clients are pointed at, ids that Signet never
// issued.
import { publishedResource } from "../../identity/challenges/protected_resource.ts";
import { type PrincipalSourceName, type SettingKey, SETTINGS } from "../schema.ts";
import { type Bench, RESERVED_FIELDS, type Rule } from "./rule.ts";

/** Headers that name a caller: stripped from every request that comes in. */
const IDENTITY_HEADERS = ["principalHeader", "identityUserHeader", "identityScopesHeader"] as const;

/** Fields with a meaning of their own for MCP servers, besides those nobody may touch. */
const TAKEN_FIELDS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "accept",
  "accept-encoding",
  "user-agent",
]);

function judgeIdentityHeaders(bench: Bench): void {
  const { settings, problem } = bench;
  for (const [index, key] of IDENTITY_HEADERS.entries()) {
    const name = settings[key];
    if (name === undefined) continue;
    if (RESERVED_FIELDS.has(name) || TAKEN_FIELDS.has(name)) {
      problem(key, `${name} has another meaning`, "Name a header that is there for this alone.");
    }
    const same = IDENTITY_HEADERS.slice(0, index).find((other) => settings[other] === name);
    if (same !== undefined) {
      problem(key, `${name} is the --${SETTINGS[same].name}`, "Name a header that is there for this alone.");
    }
    judgeRemembered(bench, key, name);
  }
}

/** It is stripped from every request, so a session would remember it never, or from whoever could set it. */
function judgeRemembered({ settings, problem }: Bench, key: SettingKey, name: string): void {
  for (const list of ["sealHeaders", "transientHeaders"] as const) {
    if (settings[list].includes(name)) problem(list, `${name} is the --${SETTINGS[key].name}`, "Leave it out here.");
  }
}

function judgeSessionOnly({ settings, places, problem }: Bench): void {
  if (settings.sessionOnly) {
    // Nobody configured means anonymous: `load.ts`.
    if (settings.principals.length === 0 || settings.principals.includes("anonymous")) {
      problem(
        "sessionOnly",
        "callers may be anonymous, so no request ever lacks a credential",
        "Leave it out, or set --principal to sources that ask for one.",
      );
    }
    return;
  }
  if (settings.forwardCredential) {
    problem(
      "forwardCredential",
      "no credential is kept without --session-only",
      "Add --session-only, or leave it out.",
    );
  }
  if (places.has("identityTtlMs")) {
    problem("identityTtlMs", "no identity is kept without --session-only", "Add --session-only, or leave it out.");
  }
}

function judgeAdoption({ settings, warn }: Bench): void {
  if (!settings.adopt) return;
  warn(
    "--adopt: an id Signet never issued belongs to the first caller who shows it. Whoever has learnt one before its " +
      "client comes back takes the session over. Owners are in memory only: a restart forgets them. Take the flag out " +
      "when the sessions from before the roll-out have ended.",
  );
}

function judgeResource({ settings, problem }: Bench): void {
  const { resource, authorizationServers, resourceMetadataUrl, scopes } = settings;
  if (resource === undefined) {
    if (authorizationServers.length > 0) {
      problem("resource", "--authorization-server is for its metadata", "Add --resource with this endpoint's own URL.");
    }
    if (scopes.length > 0) problem("scopes", "there are no metadata to name it in", "Add --resource, or leave it out.");
    return;
  }
  if (authorizationServers.length === 0) {
    problem("authorizationServers", "--resource names nobody to get a token from", "Add --authorization-server URL.");
  }
  if (resource.includes("?")) {
    problem("resource", "the URL has a query", "Leave out ? and what follows (RFC 9728 §1.2).");
  }
  if (resourceMetadataUrl !== undefined) {
    problem(
      "resourceMetadataUrl",
      "with --resource Signet serves the metadata itself, and challenges point there",
      "Leave out one of the two.",
    );
  }
}

/** Sources of tokens that an authorization server gives. */
const OF_OAUTH: readonly PrincipalSourceName[] = ["jwt", "introspection", "bearer"];

/**
 * Signet's challenges take the place of the server's, and its paths are the endpoint's alone: what it says of OAuth is
 * not seen.
 */
function judgeDiscovery({ settings, warn }: Bench): void {
  const { resource, resourceMetadataUrl, principals } = settings;
  const source = principals.find((name) => OF_OAUTH.includes(name));
  if (source === undefined || resource !== undefined || resourceMetadataUrl !== undefined) return;
  warn(
    `--principal ${source} without --resource: clients that get a 401 cannot find out where to log in, even if the MCP server ` +
      "behind would say it (its challenges and metadata name its own address and stay here). Set --resource to this " +
      "endpoint's own URL and --authorization-server to the issuer of the tokens, unless clients get theirs in another way.",
  );
}

function trimmed(url: string): string {
  return url.replace(/\/$/, "");
}

/** What clients would find out one by one. */
function judgeResourceFit({ settings, warn }: Bench): void {
  const { resource, path } = settings;
  if (resource === undefined) return;
  const { pathname } = new URL(resource);
  if (trimmed(pathname) !== trimmed(path)) {
    warn(
      `--resource has the path ${pathname} and this endpoint ${path}: right only if a proxy in front rewrites one to the other.`,
    );
  }
}

/**
 * Clients ask for tokens for the resource that the metadata name (RFC 8707), to the letter, and issuers put into `aud`
 * what was asked for. Whoever wants another audience than the text published refuses every such token.
 */
function judgeAudiences({ settings, problem }: Bench): void {
  const { resource, principals, jwtIssuer, jwtAudiences, jwtAllowNoAudience, jwtProviders } = settings;
  if (resource === undefined) return;
  const published = publishedResource(resource);
  const wanted: { key: SettingKey; audiences: readonly string[]; of: string; write: string }[] = [];
  if (principals.includes("jwt")) {
    if (jwtIssuer !== undefined && !jwtAllowNoAudience) {
      wanted.push({ key: "jwtAudiences", audiences: jwtAudiences, of: "", write: `Add --jwt-audience ${published}` });
    }
    for (const { issuer, audiences, allowNoAudience } of jwtProviders) {
      if (allowNoAudience) continue;
      wanted.push({ key: "jwtProviders", audiences, of: ` of ${issuer}`, write: `Add audience=${published}` });
    }
  }
  if (principals.includes("introspection") && settings.introspectionAudiences.length > 0) {
    const write = `Add --introspection-audience ${published}`;
    wanted.push({ key: "introspectionAudiences", audiences: settings.introspectionAudiences, of: "", write });
  }
  for (const { key, audiences, of, write } of wanted) {
    if (audiences.length === 0 || audiences.includes(published)) continue;
    problem(
      key,
      `no audience${of} is ${published}, which --resource publishes and clients ask for tokens for`,
      `${write}; others may stand beside it.`,
    );
  }
}

export const IDENTITY_RULES: readonly Rule[] = [
  [[...IDENTITY_HEADERS, "sealHeaders", "transientHeaders"], judgeIdentityHeaders],
  [["sessionOnly", "principals", "forwardCredential", "identityTtlMs"], judgeSessionOnly],
  [["adopt"], judgeAdoption],
  [["resource", "authorizationServers", "resourceMetadataUrl", "scopes"], judgeResource],
  [["resource", "path"], judgeResourceFit],
  [["resource", "resourceMetadataUrl", "principals"], judgeDiscovery],
  [["resource", "principals", "jwtIssuer", "jwtAudiences", "jwtProviders", "introspectionAudiences"], judgeAudiences],
];
