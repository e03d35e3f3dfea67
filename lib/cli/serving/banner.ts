// What starting says: where Signet listens, where it forwards, who may call, with which key, and what to beware of.
// For people on a terminal; log lines with the same facts otherwise.
import type { RunningApp } from "../../app/running_app.ts";
import type { LoadedKeys } from "../../config/named/keys.ts";
import { membersIn } from "../../config/rules/several_rules.ts";
import type { Settings } from "../../config/schema.ts";
import { formatAddress } from "../../config/values/addresses.ts";
import { formatDuration, formatSize } from "../../config/values/quantities.ts";
import { storeAddress } from "../../config/values/store_address.ts";
import { shownUrl } from "../../config/values/upstream_address.ts";
import { isLoopbackHost } from "../../http1/wire/authority.ts";
import type { Logger } from "../../observe/log.ts";
import { VERSION } from "../../platform/version.ts";
import { SIGNALS } from "../../telemetry/settings.ts";
import type { CommandContext } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { printable, type Style, styleFor, wrap } from "../screen/text.ts";

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
function describeApi({ admin, adminTokenFile }: Settings): string {
  if (adminTokenFile !== undefined) return "operators' API with token";
  return admin !== "off" && isLoopbackHost(admin.hostname) ? "operators' API" : "no operators' API without a token";
}

/** URL of the endpoint, from an address or a URL. */
function endpointUrl(listen: string, settings: Settings): string {
  if (listen.includes("://")) return listen;
  return `${settings.tlsCertFile === undefined ? "http" : "https"}://${listen}${settings.path}`;
}

/** The program and how many words it is given: these may be secrets. */
function describeCommand({ command: [program = "", ...args], stdioUser }: Settings): string {
  const given = args.length === 0 ? "" : ` and ${args.length} argument${args.length === 1 ? "" : "s"}`;
  return `${program}${given}, a process for each session${stdioUser === undefined ? "" : `, as user ${stdioUser}`}`;
}

/** What binds the processes of a stdio server; undefined if there is none. */
function describeProcesses(settings: Settings): string | undefined {
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
  const shared = allAnonymous(settings) ? "" : `, ${Math.min(maxProcesses, maxProcessesPerPrincipal)} of one caller`;
  return `at most ${maxProcesses}${shared}${each.length === 0 ? "" : `; each ${each.join(", ")}`}`;
}

function allAnonymous({ principals }: Settings): boolean {
  return principals.every((name) => name === "anonymous");
}

function formatUpstreams(settings: Settings): string {
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

function adminUrl(app: RunningApp): string | undefined {
  if (app.admin === undefined) return undefined;
  return app.admin.includes("://") ? app.admin : `http://${app.admin}`;
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
function describeReplicas({ advertise, peers, peersFrom, upstreams }: Settings): string | undefined {
  if (advertise === undefined) return undefined;
  const from = [...peers, ...(peersFrom === undefined ? [] : [peersFrom])].join(", ") || "nowhere";
  const [only] = upstreams.length === 1 && /^https?:/.test(upstreams[0]!.url) ? upstreams : [];
  const shared = only === undefined || isLoopbackHost(new URL(only.url).hostname)
    ? ""
    : `; those that forward to ${shownUrl(only)}, too, are taken to reach one server`;
  return `reach this one at ${advertise} from ${from}${shared}`;
}

function formatBanner(announcement: Announcement, style: Style): string {
  const { configuration: { settings, keys, warnings }, app } = announcement;
  const [firstCaller = "", ...otherCallers] = describeCallers(settings);
  const admin = adminUrl(app);
  const processes = describeProcesses(settings);
  const ruled = describeRules(settings);
  const replicas = describeReplicas(settings);
  const workers = describeWorkers(app.workers);
  const rows: readonly (readonly [string, string])[] = [
    ["listens on", endpointUrl(app.listen, settings)],
    ...(workers === undefined ? [] : [["workers", workers] as const]),
    ["forwards to", formatUpstreams(settings)],
    ...(processes === undefined ? [] : [["processes", processes] as const]),
    ["who may call", firstCaller],
    ...otherCallers.map((caller) => ["", caller] as const),
    ["key", describeKeys(keys)],
    ...(ruled === undefined ? [] : [["what they may", ruled] as const]),
    ["state", describeState(settings)],
    ...(replicas === undefined ? [] : [["replicas", replicas] as const]),
    ["admin", admin === undefined ? "off" : `${admin}/  a page; /healthz /readyz /metrics, ${describeApi(settings)}`],
  ];
  const lines = rows.map(([label, text]) => `  ${style.dim(label.padEnd(13))} ${printable(text)}`);
  const beware = warnings.flatMap((warning) =>
    wrap(warning, style.columns - 4).map((line, index) => `  ${index === 0 ? style.danger("!") : " "} ${line}`)
  );
  return [
    "",
    `  ${style.bold("signet")} ${VERSION}`,
    "",
    ...lines,
    "",
    ...beware,
    ...(beware.length > 0 ? [""] : []),
    "",
  ]
    .join("\n");
}

export interface Announcement {
  readonly context: CommandContext;
  readonly configuration: Configuration;
  readonly app: RunningApp;
  readonly log: Logger;
  readonly human: boolean;
  /** Takes the banner, for people. */
  readonly write: (text: string) => void;
}

export function announce(announcement: Announcement): void {
  const { context, configuration: { settings, keys, warnings }, app, log, human, write } = announcement;
  if (human) {
    write(formatBanner(announcement, styleFor(context.stderrIsTerminal, context.env, context.stdoutColumns)));
    return;
  }
  for (const warning of warnings) log.warn("beware", { warning });
  log.info("listening", {
    version: VERSION,
    listen: endpointUrl(app.listen, settings),
    workers: app.workers,
    forward: formatUpstreams(settings),
    processes: describeProcesses(settings),
    callers: settings.principals.join(","),
    key: keys.ephemeral ? "ephemeral" : keys.ring.active.id,
    keys: keys.ring.keys.length,
    key_source: keys.source,
    state: settings.stateFile ?? storeAddress.format(settings.store),
    replicas: describeReplicas(settings),
    admin: adminUrl(app) ?? "off",
  });
}

/** Where what is exported goes; headers and whatever else an address holds are nobody's to see. */
function describeTelemetry({ telemetry }: Configuration): string[] {
  const exported = SIGNALS.flatMap((signal) => {
    const url = telemetry?.[signal]?.url;
    return url === undefined ? [] : [{ signal, host: new URL(url).origin }];
  });
  return [...new Set(exported.map(({ host }) => host))].map((host, index) => {
    const signals = exported.filter((each) => each.host === host).map(({ signal }) => signal).join(", ");
    return `${index === 0 ? "exports   " : "          "}    ${signals} to ${host}`;
  });
}

/** What a configuration would do, for `signet check`. */
export function summarize(configuration: Configuration): string[] {
  const { settings, keys } = configuration;
  const processes = describeProcesses(settings);
  const ruled = describeRules(settings);
  const replicas = describeReplicas(settings);
  const workers = describeWorkers(settings.workers);
  return [
    `listens on    ${endpointUrl(formatAddress(settings.listen), settings)}`,
    ...(workers === undefined ? [] : [`workers       ${workers}`]),
    `forwards to   ${formatUpstreams(settings)}`,
    ...(processes === undefined ? [] : [`processes     ${processes}`]),
    ...describeCallers(settings).map((caller, index) => `${index === 0 ? "who may call" : "            "}  ${caller}`),
    `key           ${describeKeys(keys)}`,
    ...(ruled === undefined ? [] : [`what they may ${ruled}`]),
    `state         ${describeState(settings)}`,
    ...(replicas === undefined ? [] : [`replicas      ${replicas}`]),
    ...describeTelemetry(configuration),
    `admin         ${settings.admin === "off" ? "off" : `${formatAddress(settings.admin)}, ${describeApi(settings)}`}`,
  ];
}
