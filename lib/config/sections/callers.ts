// Who may call: the principal sources, what each needs, and what challenges say (docs/behaviour.md I1, I5, T1).
import { JWT_ALGORITHMS } from "../../identity/jwt/jwt_algorithms.ts";
import { rowsOf } from "../setting.ts";
import { cidr, httpUrl, issuerUrl, jwksSource } from "../values/addresses.ts";
import { jwtProvider } from "../values/jwt_provider.ts";
import { choice, file, headerName, scope, string } from "../values/kinds.ts";
import { duration, integer } from "../values/quantities.ts";
import { HOUR, MINUTE, SECOND, upTo } from "../values/units.ts";

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

const SECOND_SOURCE = "Name each once; further issuers of JWTs go into --jwt-provider.";

const rows = rowsOf("Callers");

export const CALLERS = {
  principals: rows.many({ ...choice(PRINCIPAL_SOURCES, "SOURCE"), onRepeat: SECOND_SOURCE }, {
    name: "principal",
    doc:
      "How callers are told apart, tried in order: jwt, introspection, token, header, resolver, bearer, anonymous. On loopback the default is anonymous",
  }),
  jwtIssuer: rows.optional(string, { name: "jwt-issuer", doc: "The iss a token must carry, to the letter" }),
  jwtAudiences: rows.many(string, { name: "jwt-audience", doc: "An aud that is accepted: this endpoint's URI" }),
  jwtJwks: rows.optional(jwksSource, { name: "jwt-jwks", doc: "The issuer's public keys (JWKS)" }),
  jwtAllowNoAudience: rows.flag({
    name: "jwt-allow-no-audience",
    doc: "Take tokens without aud, of the clients that --jwt-client names; one for another audience is still refused",
  }),
  jwtClients: rows.many(string, {
    name: "jwt-client",
    doc:
      "An OAuth client whose tokens are taken (client_id, azp, cid or appid); those of every client if none is given",
  }),
  jwtSubjectClaim: rows.one(string, {
    name: "jwt-subject-claim",
    default: "sub",
    doc: "The claim that names the caller; it must be unique at the issuer and never given to somebody else",
  }),
  jwtScopeClaims: rows.many(string, {
    name: "jwt-scope-claim",
    doc: "A claim that counts as scopes besides scope and scp, by name or path: roles, permissions, realm_access.roles",
  }),
  jwtProviders: rows.many(jwtProvider, {
    name: "jwt-provider",
    doc:
      "A further issuer with settings of its own: issuer=URL jwks=URL|FILE audience=URI …, and allow-no-audience, client, subject-claim, scope-claim as above; in a file a list of mappings",
  }),
  jwtAlgorithms: rows.many(choice(JWT_ALGORITHMS, "ALGORITHM"), {
    name: "jwt-algorithms",
    default: ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
    doc: "Signature algorithms that are accepted, of RFC 7518 and RFC 8037; asymmetric ones only",
  }),
  jwtClockSkewMs: rows.one(duration({ min: 1, max: 10 * MINUTE, orZero: true }), {
    name: "jwt-clock-skew",
    default: 30 * SECOND,
    doc: "Leeway for exp and nbf",
  }),
  introspectionUrl: rows.optional(httpUrl, {
    name: "introspection-url",
    doc: "The authorization server's RFC 7662 endpoint, for --principal introspection",
  }),
  introspectionIssuer: rows.optional(string, {
    name: "introspection-issuer",
    doc: "The authorization server's issuer: answers that name another are refused",
  }),
  introspectionAudiences: rows.many(string, {
    name: "introspection-audience",
    doc: "An aud that is accepted in introspection answers; any if none is given",
  }),
  introspectionClientId: rows.optional(string, {
    name: "introspection-client-id",
    doc: "Signet's client id at the authorization server",
  }),
  introspectionSecretFile: rows.optional(file, {
    name: "introspection-secret-file",
    doc: "Its client secret, alone in a file",
  }),
  introspectionAuth: rows.one(choice(["client_secret_basic", "client_secret_post"]), {
    name: "introspection-auth",
    default: "client_secret_basic",
    doc: "How Signet authenticates there",
  }),
  tokenSecretFile: rows.optional(file, {
    name: "token-secret-file",
    doc: "Secrets of Signet's own session tokens, one base64 text of 32 bytes or more a line; the first signs",
  }),
  maxTokensPerAgent: rows.one(integer({ min: 1, max: 1_000_000 }), {
    name: "max-tokens-per-agent",
    default: 10,
    doc: "Live session tokens one agent may have; beyond it none is issued",
  }),
  principalHeader: rows.optional(headerName, {
    name: "principal-header",
    doc: "Header in which a trusted proxy names the caller",
  }),
  trustedProxies: rows.many(cidr, {
    name: "trusted-proxy",
    doc:
      "Network of proxies whose --principal-header, X-Forwarded-*, Forwarded, X-Real-IP, Client-Cert and their kin are believed; from others these never pass",
  }),
  resolverUrl: rows.optional(httpUrl, {
    name: "resolver-url",
    doc: "Your endpoint that is asked who calls, for --principal resolver",
  }),
  resolverHeaders: rows.many(headerName, {
    name: "resolver-header",
    default: ["authorization"],
    doc: "A request header the resolver gets to see",
  }),
  proofMaxAgeMs: rows.one(upTo(HOUR), {
    name: "proof-max-age",
    default: 60 * SECOND,
    doc: "How long an answer of introspection or resolver is believed",
  }),
  bindClientId: rows.flag({
    name: "bind-client-id",
    doc: "Bind sessions to the OAuth client too, besides issuer and subject",
  }),
  resource: rows.optional(httpUrl, {
    name: "resource",
    doc: "This endpoint's own URL as clients know it: its RFC 9728 metadata are served and challenges point at them",
  }),
  authorizationServers: rows.many(issuerUrl, {
    name: "authorization-server",
    doc: "Issuer of tokens for --resource, to the letter, named in its metadata",
  }),
  scopes: rows.many(scope, { name: "scope", doc: "A scope that tokens can have here, named in the metadata" }),
  requireScopes: rows.many(scope, { name: "require-scope", doc: "A scope every caller must have; without it 403" }),
  resourceMetadataUrl: rows.optional(httpUrl, {
    name: "resource-metadata-url",
    doc: "Where something else serves the RFC 9728 metadata that 401 and 403 challenges point at; not with --resource",
  }),
  forwardIdentity: rows.flag({
    name: "forward-identity",
    doc: "Tell the upstream user and scopes of the caller in the two headers below",
  }),
  identityUserHeader: rows.one(headerName, {
    name: "identity-user-header",
    default: "x-signet-user",
    doc: "Header for the caller's subject; never let in from outside",
  }),
  identityScopesHeader: rows.one(headerName, {
    name: "identity-scopes-header",
    default: "x-signet-scopes",
    doc: "Header for the caller's scopes; never let in from outside",
  }),
  unsafeAnonymous: rows.flag({
    name: "unsafe-anonymous",
    dangerous: true,
    doc: "Accept anonymous callers beyond loopback: all share one owner, so binding protects nobody",
  }),
  unsafeJwksHttp: rows.flag({
    name: "unsafe-jwks-http",
    dangerous: true,
    doc: "Fetch the JWKS over plain http: whoever is on the way can mint tokens",
  }),
  unsafeIdentityHttp: rows.flag({
    name: "unsafe-identity-http",
    dangerous: true,
    doc:
      "Plain http for --introspection-url, --resolver-url and the URLs of the metadata: whoever is on the way sees tokens and can vouch",
  }),
} as const;
