// What settings demand of each other (BEHAVIOUR.md O6, M4, I1). Every rule runs, so that all problems show at once;
// a rule is left out only when a setting it reads could not be understood, because it would then judge a default.
import { redactUrl } from "../observe/redact.ts";
import type { ConfigProblem } from "../errors.ts";
import { formatAddress, isLoopback, isWildcard, type ListenAddress } from "./addresses.ts";
import { formatDuration } from "./kinds.ts";
import { type SettingKey, SETTINGS, type Settings } from "./schema.ts";

/** Settings under judgement. */
export interface Judged {
  readonly settings: Settings;
  /** Where each given setting stands; absent means that its default holds. */
  readonly places: ReadonlyMap<SettingKey, string>;
  /** Settings that could not be understood. */
  readonly broken: ReadonlySet<SettingKey>;
}

export interface Verdict {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

interface Bench extends Judged {
  problem(key: SettingKey, problem: string, remedy: string): void;
  warn(text: string): void;
}

type Rule = readonly [reads: readonly SettingKey[], judge: (bench: Bench) => void];

/** Fields that frame messages or are Signet's own: sealing, keeping or stripping them would break every request. */
const RESERVED_FIELDS: ReadonlySet<string> = new Set(
  ("connection content-length content-type date expect host keep-alive last-event-id mcp-protocol-version mcp-session-id " +
    "origin proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade").split(" "),
);

const FIELD_LISTS = ["sealHeaders", "transientHeaders", "stripHeaders"] as const;

function judgeFields(bench: Bench): void {
  const { settings, problem } = bench;
  for (const key of FIELD_LISTS) {
    for (const name of settings[key].filter((name) => RESERVED_FIELDS.has(name))) {
      problem(key, `${name} belongs to HTTP or to Signet itself`, "Leave it out.");
    }
  }
  for (const [index, key] of FIELD_LISTS.entries()) {
    for (const other of FIELD_LISTS.slice(index + 1)) {
      for (const name of settings[key].filter((name) => settings[other].includes(name))) {
        problem(other, `${name} is in --${SETTINGS[key].name} too`, "Name it in one of the two only.");
      }
    }
  }
}

function judgeReach(bench: Bench): void {
  const { settings, problem, warn } = bench;
  if (isLoopback(settings.listen.hostname)) return;
  if (settings.unsafeListen) {
    if (settings.allowHosts.length === 0) {
      warn("--unsafe-listen: every Host is accepted, so web pages can reach Signet by DNS rebinding.");
    }
    return;
  }
  if (settings.allowHosts.length > 0) return;
  problem(
    "listen",
    `${formatAddress(settings.listen)} is not loopback, and no Host is named that requests must ask for`,
    "Add --allow-host NAME for each name clients use, or --unsafe-listen to accept every Host.",
  );
}

function judgePorts(bench: Bench): void {
  const { listen, admin } = bench.settings;
  if (admin === "off") return;
  if (admin.port === listen.port && admin.port !== 0 && overlap(admin.hostname, listen.hostname)) {
    bench.problem("admin", `${formatAddress(admin)} is taken by --listen`, "Give the two different ports.");
  }
  if (!isLoopback(admin.hostname)) {
    bench.warn(`The admin listener ${formatAddress(admin)} is not loopback: whoever reaches it sees metrics, unasked.`);
  }
}

function overlap(a: string, b: string): boolean {
  return a === b || isWildcard(a) || isWildcard(b) || (isLoopback(a) && isLoopback(b));
}

function pointsAt(listener: ListenAddress, hostname: string, port: number): boolean {
  return listener.port !== 0 && listener.port === port &&
    (hostname === listener.hostname || (isLoopback(hostname) && overlap(hostname, listener.hostname)) ||
      isWildcard(hostname));
}

function judgeUpstreams(bench: Bench): void {
  const { settings, problem, warn } = bench;
  const [upstream, ...others] = settings.upstreams;
  if (upstream === undefined) {
    return problem("upstreams", "no MCP server is named", "Add --upstream http://127.0.0.1:3000/mcp.");
  }
  if (others.length > 0) {
    problem(
      "upstreams",
      `${settings.upstreams.length} MCP servers are named, and this version forwards to one`,
      "Name one, and start one Signet for each of the others.",
    );
  }
  for (const { url, hostname, port } of settings.upstreams) {
    const listeners = settings.admin === "off" ? [settings.listen] : [settings.listen, settings.admin];
    if (listeners.some((listener) => pointsAt(listener, hostname, port))) {
      problem("upstreams", `${redactUrl(url)} is Signet itself`, "Name the MCP server, or listen on another port.");
    } else if (new URL(url).pathname === "/") {
      warn(`The upstream ${redactUrl(url)} has no path; most MCP servers want one, such as /mcp.`);
    }
  }
}

function judgeTls(bench: Bench): void {
  const { settings, problem } = bench;
  if (settings.tlsCertFile !== undefined && settings.tlsKeyFile === undefined) {
    problem("tlsKeyFile", "there is a --tls-cert without its key", "Add --tls-key FILE.");
  }
  if (settings.tlsKeyFile !== undefined && settings.tlsCertFile === undefined) {
    problem("tlsCertFile", "there is a --tls-key without its certificate", "Add --tls-cert FILE.");
  }
}

function judgeUpstreamCa(bench: Bench): void {
  const { upstreamCaFile, upstreams } = bench.settings;
  if (upstreamCaFile === undefined || upstreams.some(({ url }) => url.startsWith("https:"))) return;
  bench.problem("upstreamCaFile", "no upstream speaks https", "Leave it out, or name the upstream with https://.");
}

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
  if (isLoopback(listen.hostname) || unsafeAnonymous) {
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
  const { settings, places, problem } = bench;
  for (const source of ["jwt", "header"] as const) {
    const used = settings.principals.includes(source);
    for (const [key, metavar] of Object.entries(SOURCE_SETTINGS[source]) as [SettingKey, string][]) {
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
  if (protocol === "https:" || isLoopback(hostname)) return;
  if (unsafeJwksHttp) {
    return warn("--unsafe-jwks-http: whoever is between Signet and the JWKS can have any token accepted.");
  }
  problem(
    "jwtJwks",
    "the key set would be fetched over plain http, so whoever is on the way could mint tokens",
    "Use https, a file, or --unsafe-jwks-http.",
  );
}

function judgeTimes(bench: Bench): void {
  const { settings: { sessionTtlMs, sessionIdleMs, sweepIntervalMs }, places, problem } = bench;
  // A default that does not fit gives way (`load.ts`); what somebody wrote does not.
  if (places.has("sessionIdleMs") && sessionIdleMs > sessionTtlMs) {
    const [idle, ttl] = [formatDuration(sessionIdleMs), formatDuration(sessionTtlMs)];
    problem(
      "sessionIdleMs",
      `a session would be idle after ${idle} but expired after ${ttl}`,
      `Make it at most --session-ttl (${ttl}).`,
    );
  }
  if (places.has("sweepIntervalMs") && sweepIntervalMs > sessionIdleMs) {
    problem(
      "sweepIntervalMs",
      `idle sessions would be looked for every ${formatDuration(sweepIntervalMs)} only`,
      `Make it at most --session-idle (${formatDuration(sessionIdleMs)}).`,
    );
  }
}

function judgeHeadSize(bench: Bench): void {
  const { settings: { maxIdLength, maxHeadBytes }, places, problem } = bench;
  // An id shares the head with a credential and the client's other fields.
  if (maxIdLength * 2 <= maxHeadBytes) return;
  problem(
    places.has("maxIdLength") ? "maxIdLength" : "maxHeadBytes",
    `a head of ${maxHeadBytes} bytes has no room for an id of ${maxIdLength} characters and a credential`,
    "Make --max-head at least twice --max-id-length.",
  );
}

const RULES: readonly Rule[] = [
  [["listen", "allowHosts", "unsafeListen"], judgeReach],
  [["listen", "admin"], judgePorts],
  [["upstreams", "listen", "admin"], judgeUpstreams],
  [["tlsCertFile", "tlsKeyFile"], judgeTls],
  [["upstreamCaFile", "upstreams"], judgeUpstreamCa],
  [["principals", "listen", "unsafeAnonymous"], judgePrincipals],
  [["principals", "jwtIssuer", "jwtAudiences", "jwtJwks", "principalHeader", "trustedProxies"], judgeSourceSettings],
  [["jwtJwks", "unsafeJwksHttp"], judgeJwks],
  [["sessionTtlMs", "sessionIdleMs", "sweepIntervalMs"], judgeTimes],
  [["maxIdLength", "maxHeadBytes"], judgeHeadSize],
  [FIELD_LISTS, judgeFields],
];

/** Judges all settings together. Problems name the place of the setting to change, or its flag if it is not set. */
export function judge(judged: Judged): Verdict {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const bench: Bench = {
    ...judged,
    problem: (key, problem, remedy) =>
      problems.push({ place: judged.places.get(key) ?? `--${SETTINGS[key].name}`, problem, remedy }),
    warn: (text) => warnings.push(text),
  };
  for (const [reads, rule] of RULES) {
    if (!reads.some((key) => judged.broken.has(key))) rule(bench);
  }
  return { problems, warnings };
}
