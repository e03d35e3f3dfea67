// Who may call, judged as a whole (BEHAVIOUR.md I1, O6): every source has what it needs, is asked at all, and nobody is
// anonymous beyond loopback without somebody having said so.
import { isLoopbackHost } from "../http1/wire/authority.ts";
import { isThisMachine } from "../identity/this_machine.ts";
import { formatAddress } from "./addresses.ts";
import type { Bench, Rule } from "./rule.ts";
import { type PrincipalSourceName, type SettingKey, SETTINGS } from "./schema.ts";
import { PRINCIPAL_SOURCES } from "./sections/callers.ts";

/**
 * Sources that decide about every credential of a kind, and those behind them that would never get one to judge. A token
 * that introspection calls inactive is refused, and so is whatever the resolver does not vouch for (I3).
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

/** Settings that one source reads and no other: what it cannot do without, with what to write, and the rest. */
const SOURCE_SETTINGS: Readonly<
  Partial<Record<PrincipalSourceName, { needs: Readonly<Partial<Record<SettingKey, string>>>; takes: SettingKey[] }>>
> = {
  jwt: { needs: { jwtIssuer: "URL", jwtAudiences: "URI", jwtJwks: "URL|FILE" }, takes: [] },
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
      if (used && missing && metavar !== undefined) {
        problem(key, `--principal ${source} needs it`, `Add --${SETTINGS[key].name} ${metavar}.`);
      }
      // Set but unused means that callers are believed to be checked and are not.
      if (!used && !missing && places.has(key)) {
        problem(key, `no --principal ${source} uses it`, `Add --principal ${source}, or leave it out.`);
      }
    }
  }
  const asks = settings.principals.some((name) => name === "introspection" || name === "resolver");
  if (!asks && places.has("proofMaxAgeMs")) {
    problem("proofMaxAgeMs", "neither introspection nor a resolver is asked", "Leave it out.");
  }
}

function judgeJwks(bench: Bench): void {
  const { settings: { jwtJwks, unsafeJwksHttp }, problem, warn } = bench;
  if (jwtJwks?.kind !== "url") return;
  if (!isPlainHttp(jwtJwks.url)) return;
  if (unsafeJwksHttp) {
    return warn("--unsafe-jwks-http: whoever is between Signet and the JWKS can have any token accepted.");
  }
  problem(
    "jwtJwks",
    "the key set would be fetched over plain http, so whoever is on the way could mint tokens",
    "Use https, a file, or --unsafe-jwks-http.",
  );
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

export const CALLER_RULES: readonly Rule[] = [
  [["principals", "resolverHeaders"], judgeOrder],
  [["principals", "listen", "unsafeAnonymous"], judgeAnonymous],
  [["principals"], judgeSourceSettings],
  [["jwtJwks", "unsafeJwksHttp"], judgeJwks],
  [[...IDENTITY_URLS, "unsafeIdentityHttp"], judgeIdentityUrls],
  [["requireScopes", "principals"], judgeScopes],
];
