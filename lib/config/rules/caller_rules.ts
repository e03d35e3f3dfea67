// Who may call, judged as a whole (docs/behaviour.md I1, O6): every source has what it needs, is asked at all, and
// nobody is anonymous beyond loopback without somebody having said so.
import { isForwardedField } from "../../gateway/out/fields/guarded_fields.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { plainName } from "../../http1/wire/fields/field_spelling.ts";
import { isThisMachine } from "../../identity/this_machine.ts";
import { type PrincipalSourceName, type SettingKey, SETTINGS } from "../schema.ts";
import { PRINCIPAL_SOURCES } from "../sections/callers.ts";
import { formatAddress } from "../values/addresses.ts";
import type { Bench, Rule } from "./rule.ts";

/**
 * Sources that decide about every credential of a kind, and those behind them that would never get one to judge. A
 * token that introspection calls inactive is refused, and so is whatever the resolver does not vouch for (I3).
 */
const CATCH_ALLS: readonly { by: PrincipalSourceName; takes: string; unheard: readonly PrincipalSourceName[] }[] = [
  { by: "anonymous", takes: "every request", unheard: PRINCIPAL_SOURCES },
  { by: "bearer", takes: "every token", unheard: ["jwt", "introspection", "token"] },
  { by: "introspection", takes: "every token", unheard: ["jwt", "token", "bearer"] },
];

function judgeOrder({ settings: { principals, resolverHeaders }, problem }: Bench): void {
  const resolver: typeof CATCH_ALLS = resolverHeaders.includes("authorization")
    ? [{ by: "resolver", takes: "every token", unheard: ["jwt", "introspection", "token", "bearer"] }]
    : [];
  const seesTokens = resolver.length > 0;
  for (const { by, takes, unheard } of [...CATCH_ALLS, ...resolver]) {
    const at = principals.indexOf(by);
    if (at < 0) continue;
    const silent = principals.slice(at + 1).filter((name) =>
      unheard.includes(name) || (name === "resolver" && seesTokens && by !== "anonymous")
    );
    if (silent.length === 0) continue;
    const remedy = by === "anonymous" || by === "bearer"
      ? `Put ${by} last.`
      : `Put ${by} behind ${silent.join(", ")}, or leave one of them out.`;
    problem("principals", `${by} takes ${takes}, so ${silent.join(", ")} is never asked`, remedy);
  }
}

function judgeAnonymous(bench: Bench): void {
  const { settings: { principals, listen, unsafeAnonymous }, problem, warn } = bench;
  const nobody = principals.length === 0;
  if (!nobody && !principals.includes("anonymous")) return;
  if (isLoopbackHost(listen.hostname) || unsafeAnonymous) {
    return warn(
      "Callers may be anonymous: all of them are one owner, so binding sessions to their owner protects nobody. " +
        "Set --principal to tell callers apart.",
    );
  }
  problem(
    "principals",
    nobody
      ? `it is not said who may call, and ${formatAddress(listen)} is not loopback`
      : `anonymous callers beyond loopback (${formatAddress(listen)}) would all share one owner`,
    "Set --principal, for example jwt, token or header; or --unsafe-anonymous if nobody else can reach it.",
  );
}

/** What more can be said of the issuer that --jwt-issuer names. */
const JWT_OF_ONE = ["jwtAllowNoAudience", "jwtClients", "jwtSubjectClaim", "jwtScopeClaims"] as const;

/** Settings that one source reads and no other: what it cannot do without, with what to write, and the rest. */
const SOURCE_SETTINGS: Readonly<
  Partial<Record<PrincipalSourceName, { needs: Readonly<Partial<Record<SettingKey, string>>>; takes: SettingKey[] }>>
> = {
  jwt: {
    needs: { jwtIssuer: "URL", jwtAudiences: "URI", jwtJwks: "URL|FILE" },
    takes: ["jwtProviders", ...JWT_OF_ONE],
  },
  introspection: {
    needs: { introspectionUrl: "URL", introspectionClientId: "TEXT", introspectionSecretFile: "FILE" },
    takes: ["introspectionIssuer", "introspectionAudiences", "introspectionAuth"],
  },
  token: { needs: { tokenSecretFile: "FILE" }, takes: ["maxTokensPerAgent"] },
  header: { needs: { principalHeader: "NAME", trustedProxies: "CIDR" }, takes: [] },
  resolver: { needs: { resolverUrl: "URL" }, takes: ["resolverHeaders"] },
};

function isMissing(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

function judgeSourceSettings(bench: Bench): void {
  const { settings, places, broken, problem } = bench;
  for (const [source, { needs, takes }] of Object.entries(SOURCE_SETTINGS)) {
    const used = settings.principals.some((name) => name === source);
    for (const key of [...Object.keys(needs) as SettingKey[], ...takes]) {
      if (broken.has(key)) continue;
      const missing = isMissing(settings[key]);
      const metavar = needs[key];
      if (used && missing && metavar !== undefined && isNeeded(key, bench)) {
        problem(key, `--principal ${source} needs it`, `Add --${SETTINGS[key].name} ${metavar}.`);
      }
      // Set but unused means that callers are believed to be checked and are not.
      // `--trusted-proxy` says besides whose X-Forwarded-* are believed.
      if (!used && !missing && places.has(key) && key !== "trustedProxies") {
        problem(key, `no --principal ${source} uses it`, `Add --principal ${source}, or leave it out.`);
      }
    }
  }
  const asks = settings.principals.some((name) => name === "introspection" || name === "resolver");
  if (!asks && places.has("proofMaxAgeMs")) {
    problem("proofMaxAgeMs", "neither introspection nor a resolver is asked", "Leave it out.");
  }
}

/** Issuers can all have settings of their own, and then nothing is wanted of the one of the single settings. */
function isNeeded(key: SettingKey, { settings, broken }: Bench): boolean {
  if (key === "jwtAudiences" && settings.jwtAllowNoAudience) return false;
  if (key !== "jwtIssuer" && key !== "jwtAudiences" && key !== "jwtJwks") return true;
  return (settings.jwtProviders.length === 0 && !broken.has("jwtProviders")) || settings.jwtIssuer !== undefined ||
    settings.jwtJwks !== undefined ||
    settings.jwtAudiences.length > 0;
}

function judgeIssuers({ settings, places, problem }: Bench): void {
  const { jwtIssuer, jwtProviders, jwtAllowNoAudience, jwtClients } = settings;
  if (jwtAllowNoAudience && jwtClients.length === 0) {
    problem(
      "jwtAllowNoAudience",
      "no client is named whose tokens may lack an audience",
      "Add --jwt-client ID for each: without one, the issuer's tokens for anybody else would be taken.",
    );
  }
  if (jwtProviders.length > 0 && jwtIssuer === undefined) {
    for (const key of JWT_OF_ONE.filter((key) => places.has(key))) {
      problem(key, "it is about --jwt-issuer, which is not set", "Say it in the --jwt-provider it is about.");
    }
  }
  const issuers = [...(jwtIssuer === undefined ? [] : [jwtIssuer]), ...jwtProviders.map(({ issuer }) => issuer)];
  for (const issuer of new Set(issuers.filter((issuer, index) => issuers.indexOf(issuer) !== index))) {
    problem("jwtProviders", `the issuer ${issuer} is set up twice`, "Say in one place all that is to be said of it.");
  }
}

function judgeJwks(bench: Bench): void {
  const { settings: { jwtJwks, jwtProviders, unsafeJwksHttp }, problem, warn } = bench;
  const sources = [["jwtJwks", jwtJwks] as const, ...jwtProviders.map(({ jwks }) => ["jwtProviders", jwks] as const)];
  const plain = sources.filter(([, jwks]) => jwks?.kind === "url" && isPlainHttp(jwks.url)).map(([key]) => key);
  if (plain.length === 0) return;
  if (unsafeJwksHttp) {
    return warn("--unsafe-jwks-http: whoever is between Signet and the JWKS can have any token accepted.");
  }
  for (const key of new Set(plain)) {
    problem(
      key,
      "the key set would be fetched over plain http, so whoever is on the way could mint tokens",
      "Use https, a file, or --unsafe-jwks-http.",
    );
  }
}

/** Asked about identities, or telling clients where to get one. */
const IDENTITY_URLS = ["introspectionUrl", "resolverUrl", "resource", "authorizationServers"] as const;

function judgeIdentityUrls({ settings, problem, warn }: Bench): void {
  const plain = IDENTITY_URLS.filter((key) => {
    const value = settings[key];
    return (typeof value === "object" ? value : [value]).some((url) =>
      url !== undefined && isPlainHttp(url, isThisMachine)
    );
  });
  if (plain.length === 0) return;
  if (settings.unsafeIdentityHttp) {
    const flags = plain.map((key) => `--${SETTINGS[key].name}`).join(", ");
    return warn(`--unsafe-identity-http: whoever is between Signet, its clients and ${flags} can pass for anybody.`);
  }
  for (const key of plain) {
    problem(
      key,
      "this would be plain http beyond loopback, so whoever is on the way could say who is who",
      "Use https, or --unsafe-identity-http.",
    );
  }
}

function isPlainHttp(url: string, isLoopback = isLoopbackHost): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

/** Sources whose credentials can name an OAuth client. */
const OF_CLIENTS: readonly PrincipalSourceName[] = ["jwt", "introspection", "resolver"];

function judgeClients({ settings: { bindClientId, principals }, problem, warn }: Bench): void {
  if (!bindClientId) return;
  const clientless = principals.filter((name) => !OF_CLIENTS.includes(name));
  if (clientless.length === principals.length) {
    problem(
      "bindClientId",
      "no configured source tells OAuth clients, so every caller would be refused",
      `Add --principal ${OF_CLIENTS.join(", ")}, or leave it out.`,
    );
  } else if (clientless.length > 0) {
    warn(`--bind-client-id refuses every caller by ${clientless.join(", ")}: these credentials name no OAuth client.`);
  }
}

/** Sources whose credentials say what they reach. */
const SCOPED: readonly PrincipalSourceName[] = ["jwt", "introspection", "resolver"];

function judgeScopes({ settings: { requireScopes, principals }, problem, warn }: Bench): void {
  if (requireScopes.length === 0) return;
  const unscoped = principals.filter((name) => !SCOPED.includes(name));
  if (unscoped.length === principals.length) {
    problem(
      "requireScopes",
      "no configured source tells scopes, so every caller would be refused",
      `Add --principal ${SCOPED.join(", ")}, or leave it out.`,
    );
  } else if (unscoped.length > 0) {
    warn(`--require-scope refuses every caller by ${unscoped.join(", ")}: these credentials have no scopes.`);
  }
}

/** What proxies say of those they forward for is believed of nobody where no proxy is trusted. */
function judgeForwarded({ settings, problem, warn }: Bench): void {
  const { principals, resolverHeaders, sealHeaders, transientHeaders, trustedProxies } = settings;
  if (trustedProxies.length > 0) return;
  const asked = principals.includes("resolver") ? resolverHeaders : [];
  const isOfProxies = (name: string) => isForwardedField(plainName(name));
  const names = [...new Set([...asked, ...sealHeaders, ...transientHeaders].filter(isOfProxies))];
  if (asked.length > 0 && asked.every(isOfProxies)) {
    problem(
      "resolverHeaders",
      `${asked.join(", ")}: believed of trusted proxies only, and none is named, so every caller would be refused`,
      "Add --trusted-proxy with the network of the proxies that send it.",
    );
  } else if (names.length > 0) {
    warn(`No --trusted-proxy is named, so ${names.join(", ")} is believed of nobody: it is left out of every request.`);
  }
}

export const CALLER_RULES: readonly Rule[] = [
  [["principals", "resolverHeaders", "sealHeaders", "transientHeaders", "trustedProxies"], judgeForwarded],
  [["principals", "resolverHeaders"], judgeOrder],
  [["principals", "listen", "unsafeAnonymous"], judgeAnonymous],
  [["principals"], judgeSourceSettings],
  [["jwtIssuer", "jwtProviders", "jwtAllowNoAudience", "jwtClients"], judgeIssuers],
  [["jwtJwks", "jwtProviders", "unsafeJwksHttp"], judgeJwks],
  [["bindClientId", "principals"], judgeClients],
  [[...IDENTITY_URLS, "unsafeIdentityHttp"], judgeIdentityUrls],
  [["requireScopes", "principals"], judgeScopes],
];
