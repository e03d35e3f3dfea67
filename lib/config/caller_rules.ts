// Who may call, judged as a whole (BEHAVIOUR.md I1, O6): every source has what it needs, is asked at all, and nobody is
// anonymous beyond loopback without somebody having said so.
import { isLoopbackHost } from "../http1/authority.ts";
import { formatAddress } from "./addresses.ts";
import { type Bench, RESERVED_FIELDS, type Rule } from "./rule.ts";
import { type SettingKey, SETTINGS } from "./schema.ts";

function judgePrincipals(bench: Bench): void {
  const { settings: { principals, listen, unsafeAnonymous }, problem, warn } = bench;
  const last = principals.length - 1;
  for (const catchAll of ["anonymous", "bearer"] as const) {
    const at = principals.indexOf(catchAll);
    const unheard = principals.slice(at + 1).filter((name) => catchAll === "anonymous" || name === "jwt");
    if (at < 0 || at === last || unheard.length === 0) continue;
    const takes = catchAll === "anonymous" ? "every request" : "every token";
    problem(
      "principals",
      `${catchAll} takes ${takes}, so ${unheard.join(", ")} is never asked`,
      `Put ${catchAll} last.`,
    );
  }
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
    "Set --principal jwt, header or bearer; or --unsafe-anonymous if nobody else can reach it.",
  );
}

/** Settings that one source needs and no other reads. */
const SOURCE_SETTINGS = {
  jwt: { jwtIssuer: "URL", jwtAudiences: "URI", jwtJwks: "URL|FILE" },
  header: { principalHeader: "NAME", trustedProxies: "CIDR" },
} as const;

function judgeSourceSettings(bench: Bench): void {
  const { settings, places, broken, problem } = bench;
  for (const source of ["jwt", "header"] as const) {
    const used = settings.principals.includes(source);
    for (const [key, metavar] of Object.entries(SOURCE_SETTINGS[source]) as [SettingKey, string][]) {
      if (broken.has(key)) continue;
      const value = settings[key];
      const missing = value === undefined || (Array.isArray(value) && value.length === 0);
      if (used && missing) problem(key, `--principal ${source} needs it`, `Add --${SETTINGS[key].name} ${metavar}.`);
      // Set but unused means that callers are believed to be checked and are not.
      if (!used && !missing && places.has(key)) {
        problem(key, `no --principal ${source} uses it`, `Add --principal ${source}, or leave it out.`);
      }
    }
  }
}

function judgeJwks(bench: Bench): void {
  const { settings: { jwtJwks, unsafeJwksHttp }, problem, warn } = bench;
  if (jwtJwks?.kind !== "url") return;
  const { protocol, hostname } = new URL(jwtJwks.url);
  if (protocol === "https:" || isLoopbackHost(hostname)) return;
  if (unsafeJwksHttp) {
    return warn("--unsafe-jwks-http: whoever is between Signet and the JWKS can have any token accepted.");
  }
  problem(
    "jwtJwks",
    "the key set would be fetched over plain http, so whoever is on the way could mint tokens",
    "Use https, a file, or --unsafe-jwks-http.",
  );
}

function judgePrincipalHeader(bench: Bench): void {
  const { settings, problem } = bench;
  const name = settings.principalHeader;
  if (name === undefined) return;
  if (RESERVED_FIELDS.has(name) || name === "authorization" || name === "cookie") {
    problem("principalHeader", `${name} has another meaning`, "Have the proxy name the caller in a header of its own.");
  }
  // It is stripped from every request, so a session would remember it never, or from whoever could set it.
  for (const key of ["sealHeaders", "transientHeaders"] as const) {
    if (settings[key].includes(name)) problem(key, `${name} is the --principal-header`, "Leave it out here.");
  }
}

export const CALLER_RULES: readonly Rule[] = [
  [["principals", "listen", "unsafeAnonymous"], judgePrincipals],
  [["principals"], judgeSourceSettings],
  [["jwtJwks", "unsafeJwksHttp"], judgeJwks],
  [["principalHeader", "sealHeaders", "transientHeaders"], judgePrincipalHeader],
];
