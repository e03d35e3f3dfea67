// Settings → the parts of the path of a request. They follow the settings: a reload makes them anew, and they take the old
// ones' place as a whole. What a reload keeps is lasting.ts.
import { loadSecrets } from "../../config/named/secrets.ts";
import type { Settings } from "../../config/schema.ts";
import { Authentication } from "../../gateway/in/authenticate.ts";
import { Guard } from "../../gateway/in/guard.ts";
import { SessionOnly } from "../../gateway/in/session_only.ts";
import { nameToHide } from "../../gateway/out/fields/addresses.ts";
import { FieldPolicy } from "../../gateway/out/fields/fields.ts";
import type { GatewayOptions, GatewayParts } from "../../gateway/parts.ts";
import { ErrorResponder } from "../../gateway/respond.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import type { Authenticator } from "../../identity/authenticator.ts";
import { TrustedPeers } from "../../identity/proxies/trusted_peers.ts";
import { CidrList } from "../../platform/network/cidr.ts";
import { randomBytes } from "../../platform/random.ts";
import { bridgedBytesOf } from "../caps.ts";
import type { Lasting } from "../lasting.ts";
import { createAuthenticator, createChallenger, createResource } from "./callers.ts";
import { createRulesAndRates } from "./rules_and_rates.ts";

/** @throws ConfigError if a key set cannot be used */
export async function createParts(lasting: Lasting, settings: Settings): Promise<GatewayParts> {
  // Read again, as it may have been rotated. The others are read once: a worker that comes back needs none of their files.
  const { introspectionSecretFile } = settings;
  const { introspectionSecret } = await loadSecrets({ introspectionSecretFile }, { readTextFile: lasting.readAnew });
  const rulesAndRates = await createRulesAndRates(settings);
  const keepClaims = rulesAndRates.policy?.reads.claims ?? new Set();
  const authenticator = await createAuthenticator(settings, {
    tokens: lasting.tokens,
    introspectionSecret,
    activeKey: () => lasting.registry.ring.active,
    keepClaims,
    readTextFile: lasting.readAnew,
  });
  const resource = createResource(settings);
  const sessionOnly = settings.sessionOnly ? createSessionOnly(lasting, settings, authenticator) : undefined;
  const replaceChallenges = settings.principals.some((name) => name !== "anonymous");
  const { log } = lasting;
  lasting.account.limit = settings.maxBufferedBytes;
  lasting.account.shareLimit = bridgedBytesOf(settings);
  return {
    ...lasting,
    options: optionsOf(settings),
    guard: new Guard({
      loopback: isLoopbackHost(settings.listen.hostname),
      allowHosts: settings.allowHosts,
      allowOrigins: settings.allowOrigins,
    }),
    authentication: new Authentication({
      authenticator,
      owners: lasting.owners,
      challenger: createChallenger(settings, resource),
      replaceChallenges,
      onLostClient: () =>
        log.warn("the MCP server says where to log in, and clients do not get to see it", {
          remedy: "Set --resource to this endpoint's own URL and --authorization-server to the issuer of the tokens.",
        }),
      requiredScopes: settings.requireScopes,
      ...(sessionOnly === undefined
        ? {}
        : { withoutCredential: (inbound, nowMs) => sessionOnly.callerOf(inbound, nowMs) }),
    }),
    sessionOnly,
    adoption: settings.adopt ? lasting.adoption : undefined,
    resource,
    rulesAndRates,
    authenticator,
    fields: createFieldPolicy(settings, { replaceChallenges, hidden: nameToHide(lasting.upstream.url) }),
    errors: new ErrorResponder({ log, errorId, lostSessionStatus: settings.compatStatus }),
    random: randomBytes,
  };
}

function optionsOf(settings: Settings): GatewayOptions {
  return {
    path: settings.path,
    fullLane: settings.fullLane,
    maxJsonDepth: settings.maxJsonDepth,
    maxIdLength: settings.maxIdLength,
    sessionTtlMs: settings.sessionTtlMs,
    cancelOnDisconnect: settings.cancelOnDisconnect,
    sealState: settings.sealState === "on",
  };
}

function createSessionOnly(
  { identities, registry, owners, upstream }: Lasting,
  settings: Settings,
  authenticator: Authenticator,
): SessionOnly {
  return new SessionOnly({
    cache: identities,
    registry,
    owners,
    upstreamUrl: upstream.url,
    maxIdLength: settings.maxIdLength,
    forwardCredential: settings.forwardCredential,
    holds: (principal) => authenticator.holds(principal),
  });
}

function createFieldPolicy(
  settings: Settings,
  towardsClients: { readonly replaceChallenges: boolean; readonly hidden: string | undefined },
): FieldPolicy {
  const identityHeader = settings.principalHeader === undefined ? [] : [settings.principalHeader];
  return new FieldPolicy({
    strip: [...identityHeader, ...settings.stripHeaders],
    decidedBy: settings.principals.includes("resolver") ? settings.resolverHeaders : [],
    trustedPeers: new TrustedPeers(new CidrList(settings.trustedProxies)),
    seal: settings.sealHeaders,
    transient: settings.transientHeaders,
    identity: {
      user: settings.identityUserHeader,
      scopes: settings.identityScopesHeader,
      enabled: settings.forwardIdentity,
    },
    ...towardsClients,
  });
}

/** Ties a client's report to a line of the log. */
function errorId(): string {
  return randomBytes(4).toHex();
}
