// `signet serve`: starts the gateway, tells what it does, and owns the signals until it ends (BEHAVIOUR.md P2, P3).
import type { AppOptions, RunningApp } from "../app/running_app.ts";
import type { LoadedKeys } from "../config/keys.ts";
import { SETTING_KEYS } from "../config/schema.ts";
import { type AdjustableLogger, createLogger, type LogFormat } from "../observe/log.ts";
import { systemFault } from "../platform/system_fault.ts";
import { LogSink } from "../observe/log_sink.ts";
import { announce } from "./banner.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "./command.ts";
import type { Configuration } from "./configuration.ts";
import { asCommand } from "./failures.ts";
import { Life } from "./lifetime.ts";

/** What may wait for a reader of the log: some thousand lines. */
const MAX_LOG_BYTES = 1024 * 1024;
/** How long the last lines are waited for at the end, in ms. */
const FAREWELL_MS = 1000;

interface ServeLog {
  readonly log: AdjustableLogger;
  readonly human: boolean;
  readonly sink: LogSink;
}

/** Everything `serve` says goes through the sink: nothing of it may wait for whoever reads standard error. */
function createLog(context: CommandContext, { settings }: Configuration): ServeLog {
  const format = formatOf(context, settings);
  const sink = new LogSink({
    write: (bytes) => context.writeStderr(bytes),
    maxBytes: MAX_LOG_BYTES,
    onFlow: (dropped) => log.error("lines of this log were dropped: nobody read them in time", { dropped }),
  });
  const log = createLogger({
    level: settings.logLevel,
    format,
    write: (line) => sink.push(line),
    now: context.now,
    color: context.stderrIsTerminal && !context.env["NO_COLOR"],
  });
  return { log, human: format === "human", sink };
}

function formatOf({ stderrIsTerminal }: CommandContext, { logFormat }: Configuration["settings"]): LogFormat {
  return logFormat === "auto" ? (stderrIsTerminal ? "human" : "json") : logFormat;
}

/** Gives the ring shown at the start first, then what is configured; a key that lives in memory only is never replaced by another. */
function keySource(first: LoadedKeys, load: () => Promise<LoadedKeys>): () => Promise<LoadedKeys> {
  let current: LoadedKeys | undefined;
  return async () => {
    if (current === undefined) return current = first;
    const loaded = await load();
    if (!(loaded.ephemeral && current.ephemeral)) current = loaded;
    return current;
  };
}

/** Why a listener could not be opened, for the errors an operator can cure. */
const LISTEN_FAULTS: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  AddrInUse: ["the address is in use", "Stop what listens there, or choose another --listen or --admin."],
  AddrNotAvailable: ["this machine has no such address", "Choose a --listen and --admin of this machine."],
  PermissionDenied: ["the system forbids it", "Ports below 1024 need a privilege: choose another --listen or --admin."],
};

async function start(context: CommandContext, options: AppOptions): Promise<RunningApp> {
  const { startApp } = await context.loadApp();
  try {
    return await asCommand(() => startApp(options));
  } catch (error) {
    const [found, remedy] = LISTEN_FAULTS[systemFault(error) ?? ""] ?? [];
    if (found === undefined || remedy === undefined) throw error;
    throw new CommandFailure(EXIT.unreachable, `starting to listen: ${found}`, remedy);
  }
}

async function run(context: CommandContext): Promise<ExitCode> {
  const { loadConfiguration } = await import("./configuration.ts");
  const configuration = await loadConfiguration(context);
  const serveLog = createLog(context, configuration);
  try {
    return await serveWith(context, configuration, serveLog);
  } finally {
    await serveLog.sink.flush(FAREWELL_MS);
  }
}

async function serveWith(
  context: CommandContext,
  configuration: Configuration,
  { log, human, sink }: ServeLog,
): Promise<ExitCode> {
  const { loadConfiguration, loadConfiguredKeys } = await import("./configuration.ts");
  const { settings } = configuration;
  const life = new Life({ log, settings, machine: context });
  const app = await start(context, {
    settings,
    process: life,
    onReloaded: (reloaded) => {
      log.level = reloaded.logLevel;
      log.format = formatOf(context, reloaded);
    },
    loadKeys: keySource(configuration.keys, () => loadConfiguredKeys(context)),
    reloadSettings: async () => {
      const reloaded = await loadConfiguration(context);
      for (const warning of reloaded.warnings.filter((warning) => !configuration.warnings.includes(warning))) {
        log.warn("beware", { warning });
      }
      return reloaded.settings;
    },
    log,
    droppedLines: () => sink.dropped,
    now: context.now,
  });
  announce({ context, configuration, app, log, human, write: (text) => sink.push(text) });
  return await life.run(app);
}

export const serve: Command = {
  name: "serve",
  summary: "stand in front of an MCP server over Streamable HTTP",
  description: [
    "SIGTERM or SIGINT drains and ends, a second one ends at once;",
    "SIGHUP reads keys and configuration again, and keeps the old if the new are not sound.",
  ],
  arguments: [],
  examples: [
    "signet serve --upstream http://127.0.0.1:3000/mcp",
    "signet serve --upstream http+unix://%2Frun%2Fmcp.sock/mcp --key-file signet.key",
    "signet serve -- npx -y @modelcontextprotocol/server-everything stdio",
    "signet serve --config signet.yaml",
  ],
  settings: SETTING_KEYS,
  reportsAllProblems: true,
  run,
};
