// The one table of settings. Flags, `SIGNET_…` names, keys of signet.yaml, help, completions, the README's table and
// the type of `Settings` all come from it. Property names carry units; `name` is what people write.
import {
  cidr,
  endpointPath,
  hostName,
  httpUrl,
  jwksSource,
  listenAddress,
  listenAddressOrOff,
  origin,
  upstreamAddress,
} from "./addresses.ts";
import { choice, duration, file, headerName, integer, size, stateFile, string } from "./kinds.ts";
import { environmentName, rowsOf, type Setting, type ValueOf } from "./setting.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** How a caller is told; tried in the order configured. */
export const PRINCIPAL_SOURCES = [
  "jwt",
  "introspection",
  "token",
  "header",
  "resolver",
  "bearer",
  "anonymous",
] as const;

/** Asymmetric signatures only (RFC 7518 §3.1, RFC 8037): with a shared secret every verifier could issue. */
export const JWT_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const listening = rowsOf("Listening");
const forwarding = rowsOf("Forwarding");
const keys = rowsOf("Keys");
const callers = rowsOf("Callers");
const sessions = rowsOf("Sessions");
const limits = rowsOf("Limits");
const timeouts = rowsOf("Time-outs");
const operation = rowsOf("Operation");

const upTo = (max: number, orZero = false) => duration({ min: 1, max, orZero });

export const SETTINGS = {
  listen: listening.one(listenAddress, {
    name: "listen",
    default: { hostname: "127.0.0.1", port: 8080 },
    doc: "Where MCP clients connect; port 0 takes a free one",
  }),
  path: listening.one(endpointPath, { name: "path", default: "/mcp", doc: "Path of the MCP endpoint" }),
  admin: listening.one(listenAddressOrOff, {
    name: "admin",
    default: { hostname: "127.0.0.1", port: 9090 },
    doc: "Where /healthz, /readyz and /metrics are served, or off",
  }),
  tlsCertFile: listening.optional(file, {
    name: "tls-cert",
    doc: "PEM certificate chain of the listener; read again on SIGHUP",
  }),
  tlsKeyFile: listening.optional(file, { name: "tls-key", doc: "PEM private key of the listener" }),
  allowHosts: listening.many(hostName, {
    name: "allow-host",
    doc: "A Host that requests may name, besides loopback names on a loopback listener",
  }),
  allowOrigins: listening.many(origin, {
    name: "allow-origin",
    doc: "An Origin of web pages that may call, besides loopback pages on a loopback listener",
  }),
  unsafeListen: listening.flag({
    name: "unsafe-listen",
    dangerous: true,
    doc: "Listen beyond loopback without --allow-host: nothing guards against DNS rebinding",
  }),

  upstreams: forwarding.many(upstreamAddress, {
    name: "upstream",
    doc: "The MCP server behind Signet: http, https or http+unix",
  }),
  upstreamCaFile: forwarding.optional(file, {
    name: "upstream-ca",
    doc: "PEM certificates trusted for an https upstream, besides the system's",
  }),
  stripHeaders: forwarding.many(headerName, {
    name: "strip-header",
    doc: "A request header that is never passed on from outside; --principal-header is always one",
  }),

  keyFile: keys.optional(file, {
    name: "key-file",
    doc: "One base64 key of 32 bytes a line; the first seals, all open. Read again on SIGHUP",
  }),

  principals: callers.many(choice(PRINCIPAL_SOURCES, "SOURCE"), {
    name: "principal",
    doc:
      "How callers are told apart, tried in order: jwt, header, bearer, anonymous. On loopback the default is anonymous",
  }),
  jwtIssuer: callers.optional(string, { name: "jwt-issuer", doc: "The iss a token must carry, to the letter" }),
  jwtAudiences: callers.many(string, { name: "jwt-audience", doc: "An aud that is accepted: this endpoint's URI" }),
  jwtJwks: callers.optional(jwksSource, { name: "jwt-jwks", doc: "The issuer's public keys (JWKS)" }),
  jwtAlgorithms: callers.many(choice(JWT_ALGORITHMS, "ALGORITHM"), {
    name: "jwt-algorithms",
    default: ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
    doc: "Signature algorithms that are accepted, of RFC 7518 and RFC 8037; asymmetric ones only",
  }),
  jwtClockSkewMs: callers.one(duration({ min: 1, max: 10 * MINUTE, orZero: true }), {
    name: "jwt-clock-skew",
    default: 30 * SECOND,
    doc: "Leeway for exp and nbf",
  }),
  bindClientId: callers.flag({
    name: "bind-client-id",
    doc: "Bind sessions to the OAuth client too, besides issuer and subject",
  }),
  principalHeader: callers.optional(headerName, {
    name: "principal-header",
    doc: "Header in which a trusted proxy names the caller",
  }),
  trustedProxies: callers.many(cidr, {
    name: "trusted-proxy",
    doc: "Network of proxies whose --principal-header is believed",
  }),
  resourceMetadataUrl: callers.optional(httpUrl, {
    name: "resource-metadata-url",
    doc: "URL of the RFC 9728 metadata that 401 and 403 challenges point at",
  }),
  resource: callers.optional(httpUrl, {
    name: "resource",
    doc: "This endpoint's own URL as clients know it: its RFC 9728 metadata are served and challenges point at them",
  }),
  authorizationServers: callers.many(string, {
    name: "authorization-server",
    doc: "Issuer of tokens for --resource, named in its metadata",
  }),
  scopes: callers.many(string, { name: "scope", doc: "A scope that tokens can have here, named in the metadata" }),
  requireScopes: callers.many(string, { name: "require-scope", doc: "A scope every caller must have; without it 403" }),
  introspectionUrl: callers.optional(httpUrl, {
    name: "introspection-url",
    doc: "The authorization server's RFC 7662 endpoint, for --principal introspection",
  }),
  introspectionIssuer: callers.optional(string, {
    name: "introspection-issuer",
    doc: "The authorization server's issuer: answers that name another are refused",
  }),
  introspectionAudiences: callers.many(string, {
    name: "introspection-audience",
    doc: "An aud that is accepted in introspection answers; any if none is given",
  }),
  introspectionClientId: callers.optional(string, {
    name: "introspection-client-id",
    doc: "Signet's client id at the authorization server",
  }),
  introspectionSecretFile: callers.optional(file, {
    name: "introspection-secret-file",
    doc: "Its client secret, alone in a file",
  }),
  introspectionAuth: callers.one(choice(["client_secret_basic", "client_secret_post"]), {
    name: "introspection-auth",
    default: "client_secret_basic",
    doc: "How Signet authenticates there",
  }),
  resolverUrl: callers.optional(httpUrl, {
    name: "resolver-url",
    doc: "Your endpoint that is asked who calls, for --principal resolver",
  }),
  resolverHeaders: callers.many(headerName, {
    name: "resolver-header",
    default: ["authorization"],
    doc: "A request header the resolver gets to see",
  }),
  proofMaxAgeMs: callers.one(upTo(HOUR), {
    name: "proof-max-age",
    default: 60 * SECOND,
    doc: "How long an answer of introspection or resolver is believed",
  }),
  unsafeIdentityHttp: callers.flag({
    name: "unsafe-identity-http",
    dangerous: true,
    doc: "Ask introspection and resolver over plain http: whoever is on the way sees tokens and can vouch",
  }),
  tokenSecretFile: callers.optional(file, {
    name: "token-secret-file",
    doc: "Secrets of Signet's own session tokens, one base64 text of 32 bytes or more a line; the first signs",
  }),
  maxTokensPerAgent: callers.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-tokens-per-agent",
    default: 10,
    doc: "Live session tokens one agent may have",
  }),
  forwardIdentity: callers.flag({
    name: "forward-identity",
    doc: "Tell the upstream user and scopes of the caller in the two headers below",
  }),
  identityUserHeader: callers.one(headerName, {
    name: "identity-user-header",
    default: "x-signet-user",
    doc: "Header for the caller's subject; never let in from outside",
  }),
  identityScopesHeader: callers.one(headerName, {
    name: "identity-scopes-header",
    default: "x-signet-scopes",
    doc: "Header for the caller's scopes; never let in from outside",
  }),
  unsafeAnonymous: callers.flag({
    name: "unsafe-anonymous",
    dangerous: true,
    doc: "Accept anonymous callers beyond loopback: all share one owner, so binding protects nobody",
  }),
  unsafeJwksHttp: callers.flag({
    name: "unsafe-jwks-http",
    dangerous: true,
    doc: "Fetch the JWKS over plain http: whoever is on the way can mint tokens",
  }),

  sessionTtlMs: sessions.one(duration({ min: SECOND, max: 365 * DAY }), {
    name: "session-ttl",
    default: 24 * HOUR,
    doc: "How long a session id is valid, whatever happens",
  }),
  sessionIdleMs: sessions.one(duration({ min: SECOND, max: 365 * DAY }), {
    name: "session-idle",
    default: 15 * MINUTE,
    doc: "After how long without use a session's resources are freed; its id stays valid",
  }),
  sweepIntervalMs: sessions.one(duration({ min: 100, max: HOUR }), {
    name: "sweep-interval",
    default: 30 * SECOND,
    doc: "How often idle and expired sessions are looked for",
  }),
  sealHeaders: sessions.many(headerName, {
    name: "seal-header",
    doc: "A header of the initialize request sealed into the id and sent with every request of the session",
  }),
  transientHeaders: sessions.many(headerName, {
    name: "transient-header",
    doc: "Like --seal-header, but kept in memory only and replaced on every initialize",
  }),
  cancelOnDisconnect: sessions.flag({
    name: "cancel-on-disconnect",
    doc: "Cancel a call when its client disconnects; by default it runs on",
  }),
  sessionOnly: sessions.flag({
    name: "session-only",
    doc: "Let requests without a credential use the identity their session was opened with",
  }),
  identityTtlMs: sessions.one(upTo(DAY), {
    name: "identity-ttl",
    default: 15 * MINUTE,
    doc: "How long --session-only keeps an identity, if its credential does not end before",
  }),
  forwardCredential: sessions.flag({
    name: "forward-credential",
    doc: "With --session-only, send the credential of initialize upstream for requests that have none",
  }),
  adopt: sessions.flag({
    name: "adopt",
    doc: "Accept upstream ids Signet never issued: the first caller owns them. For a roll-out only",
  }),
  compatStatus: sessions.one(choice([404, 410, 401]), {
    name: "compat-status",
    default: 404,
    doc: "Status for a session id that does not open; MCP says 404, some older clients want another",
  }),
  fullLane: sessions.flag({ name: "full-lane", doc: "Send every request down the full lane, for diagnosis" }),

  maxSessions: limits.one(integer({ min: 1, max: 10_000_000 }), {
    name: "max-sessions",
    default: 10_000,
    doc: "Sessions at a time; beyond it 503",
  }),
  maxSessionsPerPrincipal: limits.one(integer({ min: 1, max: 10_000_000 }), {
    name: "max-sessions-per-principal",
    default: 100,
    doc: "Sessions of one caller at a time; beyond it 429",
  }),
  maxConnections: limits.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-connections",
    default: 20_000,
    doc: "Client connections at a time; beyond it the one idle longest is closed, else 503",
  }),
  maxStreams: limits.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-streams",
    default: 10_000,
    doc: "Open listening streams (GET) at a time; beyond it 503",
  }),
  maxInFlight: limits.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-in-flight",
    default: 4096,
    doc: "Requests being served at a time; beyond it 503",
  }),
  maxCallsPerSession: limits.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-calls-per-session",
    default: 100,
    doc: "Requests of one session being served at a time; beyond it 503",
  }),
  maxStreamsPerSession: limits.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-streams-per-session",
    default: 16,
    doc: "Open listening streams of one session at a time; beyond it 503",
  }),
  maxBodyBytes: limits.one(size({ min: KIB, max: GIB }), {
    name: "max-body",
    default: 4 * MIB,
    doc: "Largest request body; beyond it 413",
  }),
  maxBufferedBytes: limits.one(size({ min: MIB, max: 64 * GIB }), {
    name: "max-buffered",
    default: 256 * MIB,
    doc: "Request bodies held in memory at a time, together; beyond it 503",
  }),
  maxHeadBytes: limits.one(size({ min: 4 * KIB, max: 256 * KIB }), {
    name: "max-head",
    default: 16 * KIB,
    doc: "Largest request or response head; beyond it 431 or 502",
  }),
  maxIdLength: limits.one(integer({ min: 512, max: 65_536 }), {
    name: "max-id-length",
    default: 4096,
    doc: "Longest session id in characters, checked before anything is decoded",
  }),
  maxJsonDepth: limits.one(integer({ min: 8, max: 1000 }), {
    name: "max-json-depth",
    default: 64,
    doc: "Deepest nesting of a JSON body",
  }),

  connectTimeoutMs: timeouts.one(upTo(10 * MINUTE), {
    name: "connect-timeout",
    default: 5 * SECOND,
    doc: "For one attempt to connect to the upstream",
  }),
  connectPatienceMs: timeouts.one(upTo(10 * MINUTE, true), {
    name: "connect-patience",
    default: 2 * SECOND,
    doc: "How long a refused connection is tried again, for an upstream that restarts; 0 = once",
  }),
  responseTimeoutMs: timeouts.one(upTo(DAY, true), {
    name: "response-timeout",
    default: 0,
    doc: "For the upstream to begin its answer; 0 = none, as tools may take their time",
  }),
  headTimeoutMs: timeouts.one(upTo(10 * MINUTE), {
    name: "head-timeout",
    default: 10 * SECOND,
    doc: "For a client to send a whole request head",
  }),
  bodyTimeoutMs: timeouts.one(upTo(HOUR), {
    name: "body-timeout",
    default: 30 * SECOND,
    doc: "For a client to send the next bytes of a body",
  }),
  writeTimeoutMs: timeouts.one(upTo(HOUR), {
    name: "write-timeout",
    default: 30 * SECOND,
    doc: "For a client to take the next bytes of an answer, before its connection is cut",
  }),
  idleTimeoutMs: timeouts.one(upTo(HOUR), {
    name: "idle-timeout",
    default: 75 * SECOND,
    doc: "How long a client connection is kept between requests",
  }),
  sseKeepAliveMs: timeouts.one(duration({ min: 100, max: HOUR, orZero: true }), {
    name: "sse-keep-alive",
    default: 15 * SECOND,
    doc: "Between keep-alive comments on a quiet event stream; 0 = none",
  }),
  drainTimeoutMs: timeouts.one(upTo(HOUR, true), {
    name: "drain-timeout",
    default: 10 * SECOND,
    doc: "For requests and streams to end after SIGTERM, before they are cut",
  }),

  stateFile: operation.optional(stateFile, {
    name: "state",
    doc: "SQLite file that keeps revocations and session tokens over restarts; made if it is not there",
  }),
  adminTokenFile: operation.optional(file, {
    name: "admin-token-file",
    doc: "Token that operators' commands must show the admin listener; needed where it is not loopback",
  }),
  logLevel: operation.one(choice(["debug", "info", "warn", "error"]), {
    name: "log-level",
    default: "info",
    doc: "Least severity that is logged",
  }),
  logFormat: operation.one(choice(["auto", "human", "json"]), {
    name: "log-format",
    default: "auto",
    doc: "auto is human on a terminal and JSON lines otherwise",
  }),
} as const;

/** A property of {@link Settings}. */
export type SettingKey = keyof typeof SETTINGS;

/** Everything that can be configured, checked and with defaults filled in. Units are in the names. */
export type Settings = { readonly [K in SettingKey]: ValueOf<typeof SETTINGS[K]> };

export type PrincipalSourceName = typeof PRINCIPAL_SOURCES[number];
export type JwtAlgorithm = typeof JWT_ALGORITHMS[number];

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** Row of a property. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

const KEY_BY_NAME: ReadonlyMap<string, SettingKey> = new Map(SETTING_KEYS.map((key) => [SETTINGS[key].name, key]));
const KEY_BY_ENVIRONMENT: ReadonlyMap<string, SettingKey> = new Map(
  SETTING_KEYS.map((key) => [environmentName(SETTINGS[key]), key]),
);

/** Property of a flag or file key such as `session-ttl`. */
export function keyOfName(name: string): SettingKey | undefined {
  return KEY_BY_NAME.get(name);
}

/** Property of an environment variable such as `SIGNET_SESSION_TTL`. */
export function keyOfEnvironment(name: string): SettingKey | undefined {
  return KEY_BY_ENVIRONMENT.get(name);
}
