// What a configuration comes to, in words: where Signet listens, where it forwards, who may call, with which key. Shows no
// secret: of a command its program, of a URL no query.
import { allShareOneOwner } from "../../app/caps.ts";
import type { LoadedKeys } from "../../config/named/keys.ts";
import { membersIn } from "../../config/rules/several_rules.ts";
import type { Settings } from "../../config/schema.ts";
import { auditTarget } from "../../config/values/audit_target.ts";
import { formatDuration, formatSize } from "../../config/values/quantities.ts";
import { storeAddress } from "../../config/values/store_address.ts";
import { shownUrl } from "../../config/values/upstream_address.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import { SIGNALS } from "../../telemetry/settings.ts";
import type { Configuration } from "../configuration.ts";
import { type Style, wrap } from "../screen/text.ts";

/** As wide as the longest label. */
const LABEL_COLUMNS = 13;

type Source = Settings["principals"][number];

/** A URL as it may be shown: a query may hold a key. */
function shownEndpoint(url: string | undefined): string {
  return url?.replace(/\?.*$/, "") ?? "";
}

const DESCRIPTIONS: Readonly<Record<Source, (settings: Settings) => string>> = {
  jwt: ({ jwtIssuer, jwtAudiences, jwtProviders }) =>
    [...(jwtIssuer === undefined ? [] : [{ issuer: jwtIssuer, audiences: jwtAudiences }]), ...jwtProviders]
      .map(({ issuer, audiences }) => `holders of a JWT from ${issuer} for ${audiences.join(" or ") || "nobody named"}`)
      .join("; "),
  introspection: ({ introspectionUrl }) => `holders of a token that ${shownEndpoint(introspectionUrl)} calls active`,
  token: ({ maxTokensPerAgent }) => `agents with a session token of Signet's own, at most ${maxTokensPerAgent} each`,
  header: ({ principalHeader, trustedProxies }) => `whom ${trustedProxies.join(", ")} names in ${principalHeader}`,
  resolver: ({ resolverUrl, resolverHeaders }) =>
    `whom ${shownEndpoint(resolverUrl)} names by ${resolverHeaders.join(", ")}`,
  bearer: () => "any bearer token, each an owner; the MCP server must verify it",
  anonymous: () => "anyone who reaches it, all as one owner",
};

/** In words, one line a source, in the order they are asked. */
function describeCallers(settings: Settings): string[] {
  return settings.principals.map((source) => DESCRIPTIONS[source](settings));
}

function describeKeys(keys: LoadedKeys): string {
  const opens = keys.ring.keys.length - 1;
  const others = opens === 0 ? "" : `, ${opens} more open${opens === 1 ? "s" : ""}`;
  return keys.ephemeral
    ? "ephemeral: sessions end with this process"
    : `${keys.ring.active.id} seals${others} (${keys.source})`;
}

function describeState({ stateFile, store }: Settings): string {
  if (store !== "memory") return `shared with other replicas in ${storeAddress.format(store)}`;
  return stateFile ?? "in memory: a restart forgets what was deleted and revoked";
}

/** What the admin listener offers besides probes and metrics. */
export function describeApi({ admin, adminTokenFile }: Settings): string {
  if (adminTokenFile !== undefined) return "operators' API with token";
  return admin !== "off" && isLoopbackHost(admin.hostname) ? "operators' API" : "no operators' API without a token";
}

/** URL of the endpoint, from an address or a URL. */
export function endpointUrl(listen: string, settings: Settings): string {
  if (listen.includes("://")) return listen;
  return `${settings.tlsCertFile === undefined ? "http" : "https"}://${listen}${settings.path}`;
}

/** The program and how many words it is given: these may be secrets. */
function describeCommand({ command: [program = "", ...args], stdioUser }: Settings): string {
  const given = args.length === 0 ? "" : ` and ${args.length} argument${args.length === 1 ? "" : "s"}`;
  return `${program}${given}, a process for each session${stdioUser === undefined ? "" : `, as user ${stdioUser}`}`;
}

/** What binds the processes of a stdio server; undefined if there is none. */
export function describeProcesses(settings: Settings): string | undefined {
  const commands = settings.upstreams.filter(({ command }) => command.length > 0).length;
  if (settings.command.length === 0 && commands === 0) return undefined;
  const { maxProcesses, maxProcessesPerPrincipal } = settings;
  const bounds = [
    [settings.stdioMemoryBytes, formatSize, "of memory"],
    [settings.stdioCpuMs, formatDuration, "of CPU time"],
    [settings.stdioOpenFiles, String, "open files"],
    [settings.stdioUserProcesses, String, "tasks of the user"],
  ] as const;
  const each = bounds.flatMap(([value, format, what]) => value === undefined ? [] : [`${format(value)} ${what}`]);
  const shared = allShareOneOwner(settings)
    ? ""
    : `, ${Math.min(maxProcesses, maxProcessesPerPrincipal)} of one caller`;
  return `at most ${maxProcesses}${shared}${each.length === 0 ? "" : `; each ${each.join(", ")}`}`;
}

export function formatUpstreams(settings: Settings): string {
  if (settings.command.length > 0) return describeCommand(settings);
  if (settings.upstreams.length === 1) {
    return settings.upstreams.map((upstream) =>
      (upstream.name === "" ? "" : `${upstream.name} = `) + shownUrl(upstream)
    )
      .join(", ");
  }
  return membersIn(settings.upstreams)
    .map((member) => `${member.prefixName}${member.required ? " (required)" : ""} = ${shownUrl(member)}`)
    .join(", ");
}

/** What rules and rates there are; undefined without any. */
function describeRules({ rules, rulesOtherwise = "deny", rates }: Settings): string | undefined {
  const count = (number: number, what: string) => number === 0 ? [] : [`${number} ${what}${number === 1 ? "" : "s"}`];
  const parts = [...count(rules.length, "rule"), ...count(rates.length, "rate")];
  if (parts.length === 0) return undefined;
  const otherwise = rules.length === 0
    ? ""
    : rulesOtherwise === "deny"
    ? "; all else is denied"
    : "; all else is allowed";
  return `${parts.join(", ")}${otherwise}`;
}

/** Undefined where one process serves. */
function describeWorkers(count: number | "auto" | undefined): string | undefined {
  if (count === undefined || count === 1) return undefined;
  return count === "auto" ? "as many as there are cores, on one port" : `${count} processes, on one port`;
}

/** How replicas reach each other, and whose sessions they pass on; undefined where none is told of. */
export function describeReplicas({ advertise, peers, peersFrom, upstreams }: Settings): string | undefined {
  if (advertise === undefined) return undefined;
  const from = [...peers, ...(peersFrom === undefined ? [] : [peersFrom])].join(", ") || "nowhere";
  const [only] = upstreams.length === 1 && /^https?:/.test(upstreams[0]!.url) ? upstreams : [];
  const shared = only === undefined || isLoopbackHost(new URL(only.url).hostname)
    ? ""
    : `; those that forward to ${shownUrl(only)}, too, are taken to reach one server`;
  return `reach this one at ${advertise} from ${from}${shared}`;
}

/** Where what is exported goes, a line each; headers and whatever else an address holds are nobody's to see. */
function describeTelemetry({ telemetry }: Configuration): string[] {
  const exported = SIGNALS.flatMap((signal) => {
    const url = telemetry?.[signal]?.url;
    return url === undefined ? [] : [{ signal, host: new URL(url).origin }];
  });
  return [...new Set(exported.map(({ host }) => host))].map((host) => {
    const signals = exported.filter((each) => each.host === host).map(({ signal }) => signal).join(", ");
    return `${signals} to ${host}`;
  });
}

type Row = readonly [label: string, text: string];

/** No row for nothing, one for a text, one for each of several. */
function rowsOf(label: string, told: string | undefined | readonly string[]): Row[] {
  const texts = typeof told === "string" ? [told] : told ?? [];
  return texts.map((text, at) => [at === 0 ? label : "", text]);
}

/** What of it is known only of a Signet that runs. */
export interface Running {
  /** Address or URL of the endpoint. */
  readonly listen: string;
  readonly workers: number | "auto" | undefined;
  /** What is at the admin listener. */
  readonly admin: string;
}

/** What a configuration comes to, in lines of at most so many columns as the style has, if no word is longer. */
export function formatSummary(configuration: Configuration, running: Running, style: Style): string[] {
  const { settings, keys } = configuration;
  const rows = [
    ...rowsOf("listens on", endpointUrl(running.listen, settings)),
    ...rowsOf("workers", describeWorkers(running.workers)),
    ...rowsOf("forwards to", formatUpstreams(settings)),
    ...rowsOf("processes", describeProcesses(settings)),
    ...rowsOf("who may call", describeCallers(settings)),
    ...rowsOf("key", describeKeys(keys)),
    ...rowsOf("what they may", describeRules(settings)),
    ...rowsOf("state", describeState(settings)),
    ...rowsOf("replicas", describeReplicas(settings)),
    ...rowsOf("audit log", settings.audit === undefined ? undefined : auditTarget.format(settings.audit)),
    ...rowsOf("exports", describeTelemetry(configuration)),
    ...rowsOf("admin", running.admin),
  ];
  return rows.flatMap(([label, text]) =>
    wrap(text, style.columns - LABEL_COLUMNS - 3).map((line, at) =>
      `  ${style.dim((at === 0 ? label : "").padEnd(LABEL_COLUMNS))} ${line}`
    )
  );
}
