// Settings → who may call: the principal sources in the configured order, and the challenges that go with them.
// What only some sources need is imported only for them: it costs time at every start.
import type { Settings } from "../../config/schema.ts";
import type { JwtProvider } from "../../config/values/jwt_provider.ts";
import type { MasterKey } from "../../envelope/key_ring.ts";
import { fingerprintOwner } from "../../envelope/owner_fingerprint.ts";
import { ConfigError } from "../../errors.ts";
import { isForwardedField } from "../../gateway/out/fields/guarded_fields.ts";
import { plainName } from "../../http1/wire/fields/field_spelling.ts";
import { AnonymousSource } from "../../identity/anonymous.ts";
import { Authenticator } from "../../identity/authenticator.ts";
import { BearerSource } from "../../identity/bearer.ts";
import { Challenger } from "../../identity/challenges/challenge.ts";
import { describeProtectedResource, type ProtectedResource } from "../../identity/challenges/protected_resource.ts";
import type { WantedClaims } from "../../identity/claims.ts";
import type { PrincipalSource } from "../../identity/principal.ts";
import { TrustedHeaderSource } from "../../identity/proxies/trusted_header.ts";
import { TrustedPeers } from "../../identity/proxies/trusted_peers.ts";
import { isThisMachine } from "../../identity/this_machine.ts";
import { SessionTokenSource } from "../../identity/tokens/session_token_source.ts";
import type { SessionTokens } from "../../identity/tokens/tokens.ts";
import { readTextFile } from "../../platform/files/files.ts";
import { CidrList } from "../../platform/network/cidr.ts";
import { outgoingFetch } from "../../platform/network/outgoing_fetch.ts";

/** What sources need besides the settings. */
export interface CallerParts {
  /** Undefined where no secret is configured. */
  readonly tokens: SessionTokens | undefined;
  readonly introspectionSecret: string | undefined;
  /** The ring's first key. */
  readonly activeKey?: () => MasterKey;
  /** What rules read of callers; default nothing. */
  readonly keepClaims?: WantedClaims;
  /** Default: the system's. */
  readonly readTextFile?: (path: string) => Promise<string>;
}

/** A setting that loading has made sure of, unless a reload wants what was left out when Signet started. */
function given<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  const problem = "a principal source needs it, and it was not there when Signet started";
  throw new ConfigError([{ place: `--${name}`, problem, remedy: "Restart Signet with it." }]);
}

const NO_CLAIMS: ReadonlySet<string> = new Set();

async function createJwt(settings: Settings, parts: CallerParts): Promise<PrincipalSource> {
  const { createJwtIssuers } = await import("../../identity/jwt/jwt_issuers.ts");
  const common = {
    fetch: outgoingFetch,
    readTextFile: parts.readTextFile ?? readTextFile,
    algorithms: settings.jwtAlgorithms,
    clockSkewMs: settings.jwtClockSkewMs,
    keepClaims: parts.keepClaims ?? NO_CLAIMS,
  };
  return await createJwtIssuers(jwtIssuersOf(settings).map((issuer) => ({ ...issuer, ...common })));
}

/** The one of the single settings, where there is one, and those with settings of their own. */
function jwtIssuersOf(settings: Settings): readonly JwtProvider[] {
  if (settings.jwtIssuer === undefined && settings.jwtProviders.length > 0) return settings.jwtProviders;
  const first: JwtProvider = {
    issuer: given(settings.jwtIssuer, "jwt-issuer"),
    jwks: given(settings.jwtJwks, "jwt-jwks"),
    audiences: settings.jwtAudiences,
    allowNoAudience: settings.jwtAllowNoAudience,
    clients: settings.jwtClients,
    subjectClaim: settings.jwtSubjectClaim,
    scopeClaims: settings.jwtScopeClaims,
  };
  return [first, ...settings.jwtProviders];
}

async function createIntrospection(settings: Settings, parts: CallerParts): Promise<PrincipalSource> {
  const { clientSecretBasic, clientSecretPost, IntrospectionSource } = await import(
    "../../identity/asked/introspection.ts"
  );
  const endpoint = given(settings.introspectionUrl, "introspection-url");
  const id = given(settings.introspectionClientId, "introspection-client-id");
  const secret = given(parts.introspectionSecret, "introspection-secret-file");
  const { introspectionIssuer: issuer, introspectionAudiences: audience } = settings;
  return new IntrospectionSource({
    endpoint,
    client: settings.introspectionAuth === "client_secret_post"
      ? clientSecretPost(id, secret)
      : clientSecretBasic(id, secret),
    fetch: (url, init) => outgoingFetch(url, init),
    maxAgeMs: settings.proofMaxAgeMs,
    keepClaims: parts.keepClaims ?? NO_CLAIMS,
    unsafeHttp: settings.unsafeIdentityHttp || isThisMachine(new URL(endpoint).hostname),
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience.length === 0 ? {} : { audience }),
  });
}

async function createResolver(settings: Settings): Promise<PrincipalSource> {
  const peers = new TrustedPeers(new CidrList(settings.trustedProxies));
  const { ResolverSource } = await import("../../identity/asked/resolver.ts");
  return new ResolverSource({
    endpoint: given(settings.resolverUrl, "resolver-url"),
    headers: settings.resolverHeaders,
    believes: (name, address) => !isForwardedField(plainName(name)) || peers.trusts(address),
    fetch: (url, init) => outgoingFetch(url, init),
    maxAgeMs: settings.proofMaxAgeMs,
    unsafeHttp: settings.unsafeIdentityHttp,
  });
}

function createToken(settings: Settings, parts: CallerParts): PrincipalSource {
  const after = settings.principals.slice(settings.principals.indexOf("token") + 1);
  // Where nobody else reads bearer tokens, one that is not ours is refused and not taken for none at all (I3).
  const readsBearer = (name: string) =>
    name === "jwt" || name === "introspection" || name === "bearer" ||
    (name === "resolver" && settings.resolverHeaders.includes("authorization"));
  const refuseForeign = !after.some(readsBearer);
  return new SessionTokenSource(given(parts.tokens, "token-secret-file"), { refuseForeign });
}

/** In logs each caller is what the ids of his sessions say of their owner. */
function createBearer({ activeKey }: CallerParts): PrincipalSource {
  return new BearerSource(
    activeKey === undefined ? {} : { keyedName: (caller) => fingerprintOwner(activeKey(), caller) },
  );
}

async function createSource(
  name: Settings["principals"][number],
  settings: Settings,
  parts: CallerParts,
): Promise<PrincipalSource> {
  switch (name) {
    case "jwt":
      return await createJwt(settings, parts);
    case "introspection":
      return await createIntrospection(settings, parts);
    case "token":
      return createToken(settings, parts);
    case "header":
      return new TrustedHeaderSource({
        header: given(settings.principalHeader, "principal-header"),
        peers: new CidrList(settings.trustedProxies),
      });
    case "resolver":
      return await createResolver(settings);
    case "bearer":
      return createBearer(parts);
    case "anonymous":
      return new AnonymousSource();
  }
}

/** @throws ConfigError if a key set cannot be used; RangeError for what an endpoint cannot be */
export async function createAuthenticator(settings: Settings, parts: CallerParts): Promise<Authenticator> {
  const sources = await Promise.all(settings.principals.map((name) => createSource(name, settings, parts)));
  return new Authenticator(sources, { requireClient: settings.bindClientId });
}

/** The metadata to serve; undefined where `--resource` is not configured. @throws RangeError */
export function createResource(settings: Settings): ProtectedResource | undefined {
  const { resource, authorizationServers } = settings;
  if (resource === undefined) return undefined;
  const scopes = [...new Set([...settings.scopes, ...settings.requireScopes])];
  return describeProtectedResource({
    resource,
    authorizationServers,
    scopes,
    unsafeHttp: settings.unsafeIdentityHttp,
  });
}

export function createChallenger(settings: Settings, resource: ProtectedResource | undefined): Challenger {
  const resourceMetadata = resource?.metadataUrl ?? settings.resourceMetadataUrl;
  const scope = [...new Set([...settings.requireScopes, ...settings.scopes])].join(" ");
  return new Challenger({
    ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
    ...(scope === "" ? {} : { scope }),
  });
}
