// Settings → a stdio server, its metrics, and an end after which none of its processes is left. Loaded only where one is
// configured.
import { stat } from "node:fs/promises";
import process from "node:process";
import type { UpstreamView } from "../../admin/state_view.ts";
import { type SettingKey, settingOf, type Settings } from "../../config/schema.ts";
import { flagOf } from "../../config/setting.ts";
import { ConfigError } from "../../errors.ts";
import { HttpError } from "../../http1/types.ts";
import { samples } from "../../observe/labelled_counts.ts";
import type { Logger } from "../../observe/log.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import { environment } from "../../platform/process/environment.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { StdioUpstream, type StdioUpstreamOptions } from "../../upstream/stdio.ts";
import type { ResourceLimits, ServerCommand } from "../../upstream/stdio/launch.ts";
import { ownCap } from "../caps.ts";
import { assertMayRun } from "./may_run.ts";
import type { OpenedUpstream, OpenUpstreamOptions } from "./opened_upstream.ts";

/** In the envelope and in logs: the same for every command, so that an id outlives a new version of the server. */
const NAME = "stdio";
/** What a process and its family that ignore everything but SIGKILL take beyond the grace, and more. */
const CLOSE_TIMEOUT_MS = 15_000;

export interface OpenedStdio extends OpenedUpstream {
  readonly stdio: StdioUpstream;
}

/**
 * @param log what is said of this server goes there
 * @throws ConfigError if the program, its folder or the permission to start it is not there
 */
export async function openStdioUpstream(
  settings: Settings,
  options: OpenUpstreamOptions,
  log: Logger = options.log,
): Promise<OpenedStdio> {
  await assertMayStart(settings);
  const upstream = new StdioUpstream(await optionsOf(settings, { ...options, log }));
  await assertProgram(upstream, settings);
  await upstream.endOrphans(options.log);
  warnOfZombies(options.log);
  return {
    upstream,
    stdio: upstream,
    checks: () => ({}),
    view: () => viewOf(upstream, settings),
    declare: (page) => declareProcesses(page, upstream, settings),
    async close() {
      if (await settlesWithin(upstream.close(), settings.stdioStopGraceMs + CLOSE_TIMEOUT_MS, SYSTEM_TIMERS)) return;
      log.error("MCP servers could not be ended", { processes: upstream.slots.total });
    },
  };
}

async function optionsOf(
  settings: Settings,
  { secrets, log, account, here, onLostCall, bridgeLimits }: OpenUpstreamOptions,
): Promise<StdioUpstreamOptions> {
  const { maxProcesses, maxProcessesPerPrincipal } = settings;
  const options: StdioUpstreamOptions = {
    name: NAME,
    server: serverCommand(settings, secrets.stdioSecrets),
    machine: { environment: environment(), linux: process.platform === "linux" },
    log,
    account,
    here,
    onLostCall,
    limits: {
      ...bridgeLimits,
      startTimeoutMs: settings.stdioStartTimeoutMs,
      maxLineBytes: settings.stdioMaxLineBytes,
      killAfterMs: settings.stdioStopGraceMs,
    },
    caps: {
      maxProcesses,
      maxProcessesPerPrincipal: ownCap(maxProcesses, maxProcessesPerPrincipal, settings),
      yieldAfterMs: settings.yieldAfterMs,
    },
  };
  if (settings.credential === undefined) return options;
  const { credentialsOf } = await import("./credentials.ts");
  const sourceFor = credentialsOf({ settings, secrets, log });
  return { ...options, credentials: ({ fields }) => sourceFor(fields) };
}

function serverCommand(settings: Settings, secrets: Readonly<Record<string, string>>): ServerCommand {
  const [command, ...args] = settings.command;
  if (command === undefined) throw new Error("starting: found no command of a stdio server, want one");
  const { stdioDir: cwd, stdioUser: uid, stdioGroup: gid } = settings;
  const limits = resourceLimits(settings);
  return {
    command,
    args,
    inherit: settings.stdioInherit,
    env: { ...Object.fromEntries(settings.stdioVariables.map(({ name, value }) => [name, value])), ...secrets },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(limits === undefined ? {} : { limits }),
  };
}

function resourceLimits(settings: Settings): ResourceLimits | undefined {
  const limits = {
    as: settings.stdioMemoryBytes,
    // The kernel counts whole seconds.
    cpu: settings.stdioCpuMs === undefined ? undefined : Math.ceil(settings.stdioCpuMs / 1000),
    nofile: settings.stdioOpenFiles,
    nproc: settings.stdioUserProcesses,
  };
  const given = Object.entries(limits).filter((entry) => entry[1] !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function refuse(key: SettingKey, problem: string, remedy: string): never {
  throw new ConfigError([{ place: flagOf(settingOf(key)), problem, remedy }]);
}

/** What would otherwise be told to the first client, and only in the log. @throws ConfigError */
async function assertMayStart({ stdioDir }: Settings): Promise<void> {
  if (process.platform === "win32") {
    refuse(
      "command",
      "there are no process groups on Windows to end a server by",
      "Use --upstream, or a Linux machine.",
    );
  }
  await assertMayRun("command");
  if (stdioDir === undefined) return;
  const found = await stat(stdioDir).catch(() => undefined);
  if (!found?.isDirectory()) refuse("stdioDir", "there is no such directory", "Name one that is there.");
}

/** @throws ConfigError */
async function assertProgram(upstream: StdioUpstream, { command }: Settings): Promise<void> {
  try {
    await upstream.probe();
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    refuse("command", error.message, remedyFor(command));
  }
}

function remedyFor([program = "", ...args]: readonly string[]): string {
  const words = program.trim().split(/\s+/);
  if (words.length === 1 || args.length > 0) return "Write the program as a shell would find it, or its path.";
  return `There is no shell that would take it apart: write each word by itself, as in -- ${words[0]} ….`;
}

/** Where Signet is the first process, nobody else waits for what servers leave behind. */
function warnOfZombies(log: Logger): void {
  if (process.pid !== 1) return;
  log.warn("Signet is process 1: what an MCP server starts and leaves behind stays a zombie when it ends", {
    remedy: "Start the container with an init (docker run --init, tini), which waits for such processes.",
  });
}

/** The program alone: its words may be secrets. */
function viewOf(
  { slots, counts }: StdioUpstream,
  { command: [program = ""], maxProcesses: most }: Settings,
): UpstreamView {
  const server = {
    name: NAME,
    address: program,
    state: "",
    counts: { ...counts, peak: slots.most, refused: slots.refused },
  };
  return { kind: "stdio", servers: [server], processes: { used: slots.total, most } };
}

function declareProcesses(page: MetricsPage, upstream: StdioUpstream, { maxProcesses }: Settings): void {
  const { slots, counts } = upstream;
  page.gauge("signet_stdio_processes", "MCP server processes that live, or are being ended.", () => slots.total);
  page.gauge("signet_stdio_processes_max", "The most there may be.", () => maxProcesses);
  page.gauge("signet_stdio_processes_peak", "The most there were at once.", () => slots.most);
  page.counter("signet_stdio_refusals_total", "Starts refused because the most were there.", () => slots.refused);
  page.labelled(
    "counter",
    {
      name: "signet_stdio_process_events_total",
      help: "Processes started; those of them that took a lost one's place; those that ended unasked.",
      labels: ["event"],
    },
    () => samples({ ...counts }),
  );
  page.labelled(
    "gauge",
    { name: "signet_stdio_entries", help: "What is held for stdio sessions.", labels: ["what"] },
    () => {
      const { sessions, calls, questions, subscriptions, events } = upstream.sizes();
      return samples({ sessions, calls, questions, subscriptions, events, principals: slots.principals });
    },
  );
  page.gauge("signet_stdio_event_bytes", "Bytes of events kept for resumption.", () => upstream.sizes().eventBytes);
}
