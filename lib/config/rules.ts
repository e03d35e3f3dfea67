// What settings demand of each other (docs/behaviour.md O6, M4, I1). Every rule runs, so that all problems show at
// once; a rule is left out only when a setting it reads could not be understood, because it would then judge a default.
import type { ConfigProblem } from "../errors.ts";
import { isLoopbackHost } from "../http1/wire/authority.ts";
import { CALLER_RULES } from "./rules/caller_rules.ts";
import { IDENTITY_RULES } from "./rules/identity_rules.ts";
import { OPERATOR_RULES } from "./rules/operator_rules.ts";
import { type Bench, type Judged, RESERVED_FIELDS, type Rule, type Verdict } from "./rules/rule.ts";
import { SEVERAL_RULES } from "./rules/several_rules.ts";
import { STDIO_RULES } from "./rules/stdio_rules.ts";
import { WORKER_RULES } from "./rules/worker_rules.ts";
import { settingOf, SETTINGS } from "./schema.ts";
import { flagOf } from "./setting.ts";
import { formatAddress, isWildcard, type ListenAddress } from "./values/addresses.ts";
import { formatDuration, formatSize } from "./values/quantities.ts";
import { shownUrl, wireOf } from "./values/upstream_address.ts";

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
  if (isLoopbackHost(settings.listen.hostname)) return;
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
}

function judgePaths({ settings: { path, legacySse }, problem }: Bench): void {
  if (legacySse === undefined || path !== legacySse) return;
  problem("legacySse", `${path} is the path of the MCP endpoint`, "Name another one, such as /sse.");
}

function overlap(a: string, b: string): boolean {
  return a === b || isWildcard(a) || isWildcard(b) || (isLoopbackHost(a) && isLoopbackHost(b));
}

function pointsAt(listener: ListenAddress, hostname: string, port: number): boolean {
  return listener.port !== 0 && listener.port === port &&
    (hostname === listener.hostname || (isLoopbackHost(hostname) && overlap(hostname, listener.hostname)) ||
      isWildcard(hostname));
}

function judgeUpstreamCount(bench: Bench): void {
  const { upstreams: { length: count }, command } = bench.settings;
  if (count === 0 && command.length === 0) {
    const remedy = "Add --upstream http://127.0.0.1:3000/mcp, or the command of a stdio server behind --.";
    bench.problem("upstreams", "no MCP server is named", remedy);
  }
  if (count > 0 && command.length > 0) {
    bench.problem(
      "command",
      "there is an --upstream too, and a command behind -- stands alone",
      "Write it as one of the servers: --upstream 'NAME=stdio:COMMAND ARG …'.",
    );
  }
}

function judgeUpstreams(bench: Bench): void {
  const { settings: { upstreams, listen, admin }, problem, warn } = bench;
  const listeners = admin === "off" ? [listen] : [listen, admin];
  for (const upstream of upstreams) {
    const { url, hostname, port } = upstream;
    if (listeners.some((listener) => pointsAt(listener, hostname, port))) {
      problem("upstreams", `${shownUrl(upstream)} is Signet itself`, "Name the MCP server, or listen on another port.");
    } else if (upstream.command.length === 0 && new URL(wireOf({ url }).url).pathname === "/") {
      warn(`The upstream ${shownUrl(upstream)} has no path; most MCP servers want one, such as /mcp.`);
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
  if (upstreamCaFile === undefined || upstreams.some((address) => wireOf(address).url.startsWith("https:"))) return;
  bench.problem("upstreamCaFile", "no upstream speaks https", "Leave it out, or name the upstream with https://.");
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

function judgeBodies(bench: Bench): void {
  const { settings: { maxBodyBytes, maxBufferedBytes }, places, problem } = bench;
  if (maxBodyBytes <= maxBufferedBytes) return;
  problem(
    places.has("maxBufferedBytes") ? "maxBufferedBytes" : "maxBodyBytes",
    `one body of ${formatSize(maxBodyBytes)} is more than all bodies may take, ${formatSize(maxBufferedBytes)}`,
    "Make --max-buffered at least --max-body.",
  );
}

const RULES: readonly Rule[] = [
  [["listen", "allowHosts", "unsafeListen"], judgeReach],
  [["listen", "admin"], judgePorts],
  [["upstreams", "command"], judgeUpstreamCount],
  [["upstreams", "listen", "admin"], judgeUpstreams],
  [["tlsCertFile", "tlsKeyFile"], judgeTls],
  [["path", "legacySse"], judgePaths],
  [["upstreamCaFile", "upstreams"], judgeUpstreamCa],
  [["sessionTtlMs", "sessionIdleMs", "sweepIntervalMs"], judgeTimes],
  [["maxIdLength", "maxHeadBytes"], judgeHeadSize],
  [FIELD_LISTS, judgeFields],
  [["maxBodyBytes", "maxBufferedBytes"], judgeBodies],
];

/** Judges all settings together. Problems name the place of the setting to change, or its flag if it is not set. */
export function judge(judged: Judged): Verdict {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const bench: Bench = {
    ...judged,
    problem: (key, problem, remedy) =>
      problems.push({ place: judged.places.get(key) ?? flagOf(settingOf(key)), problem, remedy }),
    warn: (text) => warnings.push(text),
  };
  for (
    const [reads, rule] of [
      ...RULES,
      ...CALLER_RULES,
      ...IDENTITY_RULES,
      ...OPERATOR_RULES,
      ...STDIO_RULES,
      ...SEVERAL_RULES,
      ...WORKER_RULES,
    ]
  ) {
    if (judged.broken.size === 0 || !reads.some((key) => judged.broken.has(key))) rule(bench);
  }
  return { problems, warnings };
}
