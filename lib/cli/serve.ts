// `signet serve`: starts the gateway, tells what it does, and owns the signals until it ends (docs/behaviour.md P2,
// P3).
import type { AppOptions, ListenError, RunningApp } from "../app/running_app.ts";
import type { LoadedKeys } from "../config/keys.ts";
import { SETTING_KEYS } from "../config/schema.ts";
import { type AdjustableLogger, createLogger, type LogFormat } from "../observe/log.ts";
import { systemFault } from "../platform/system_fault.ts";
import { LogTail } from "../observe/log_tail.ts";
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
  readonly tail: LogTail;
}

/** Everything `serve` says goes through the sink: nothing of it may wait for whoever reads standard error. */
function createLog(context: CommandContext, { settings }: Configuration): ServeLog {
  const format = formatOf(context, settings);
  const sink = new LogSink({
    write: (bytes) => context.writeStderr(bytes),
    maxBytes: MAX_LOG_BYTES,
    onFlow: (dropped) => log.error("lines of this log were dropped: nobody read them in time", { dropped }),
  });
  const tail = new LogTail(context.now);
  const log = createLogger({
    ...{ level: settings.logLevel, format, tail },
    write: (line) => sink.push(line),
    now: context.now,
    color: context.stderrIsTerminal && !context.env["NO_COLOR"],
  });
  return { log, human: format === "human", sink, tail };
}

function formatOf({ stderrIsTerminal }: CommandContext, { logFormat }: Configuration["settings"]): LogFormat {
  return logFormat === "auto" ? (stderrIsTerminal ? "human" : "json") : logFormat;
}

/**
 * Gives the ring shown at the start first, then what is configured; a key that lives in memory only is never replaced
 * by another.
 */
function keySource(first: LoadedKeys, load: () => Promise<LoadedKeys>): () => Promise<LoadedKeys> {
  let current: LoadedKeys | undefined;
  return async () => {
    if (current === undefined) return current = first;
    const loaded = await load();
    if (!(loaded.ephemeral && current.ephemeral)) current = loaded;
    return current;
  };
}

/** Why a listener could not be opened, for the errors an operator can cure; FLAG is the setting. */
const LISTEN_FAULTS: Readonly<Partial<Record<string, readonly [found: string, remedy: string]>>> = {
  AddrInUse: ["the address is in use", "Stop what listens there, or choose another FLAG."],
  AddrNotAvailable: ["this machine has no such address", "Choose an address of this machine for FLAG."],
  NotFound: ["the name does not resolve", "Write an IP address or a name that this machine resolves for FLAG."],
  PermissionDenied: ["the system forbids it", "Ports below 1024 need a privilege: choose another FLAG."],
};

async function start(context: CommandContext, options: AppOptions): Promise<RunningApp> {
  const { startApp } = await context.loadApp();
  try {
    return await asCommand(() => startApp(options));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message, cause } = error;
    // By its name: the class is in the part of the program that is loaded only to serve.
    const [attempt, flag, fault] = name === "ListenError"
      ? [message, (error as ListenError).flag, cause]
      : ["starting to listen", "--listen or --admin", error];
    const [found, remedy] = LISTEN_FAULTS[listenFault(fault) ?? ""] ?? [];
    if (found !== undefined && remedy !== undefined) {
      throw new CommandFailure(EXIT.unreachable, `${attempt}: ${found}`, remedy.replace("FLAG", flag));
    }
    if (name !== "ListenError") throw error;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(
      EXIT.unreachable,
      `${attempt}: ${said}`,
      `See whether ${flag}, or a file it needs, is right.`,
    );
  }
}

function listenFault(fault: unknown): string | undefined {
  // Deno says it in words alone.
  if (fault instanceof Error && /lookup address|getaddrinfo|not known|ENOTFOUND|resolve/i.test(fault.message)) {
    return "NotFound";
  }
  const known = systemFault(fault);
  return known === "NotFound" ? undefined : known;
}

async function run(context: CommandContext): Promise<ExitCode> {
  const { loadConfiguration } = await import("./configuration.ts");
  const configuration = await loadConfiguration(context);
  const serveLog = createLog(context, configuration);
  const faulty = Promise.withResolvers<ExitCode>();
  // Nobody can tell what state it has left: no drain, the next process begins anew.
  const forget = context.onFault((fault) => {
    serveLog.log.error("a fault of Signet's own: it ends", {
      error: fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault),
      stack: fault instanceof Error ? fault.stack : undefined,
    });
    faulty.resolve(EXIT.failedCheck);
  });
  try {
    return await Promise.race([faulty.promise, serveWith(context, configuration, serveLog)]);
  } finally {
    await serveLog.sink.flush(FAREWELL_MS);
    forget();
  }
}

async function serveWith(
  context: CommandContext,
  configuration: Configuration,
  { log, human, sink, tail }: ServeLog,
): Promise<ExitCode> {
  const { loadConfiguration, loadConfiguredKeys } = await import("./configuration.ts");
  const { settings } = configuration;
  const life = new Life({ log, settings, machine: context });
  const app = await start(context, {
    settings,
    telemetry: configuration.telemetry,
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
    logTail: tail,
    explain: async (name) => (await import("./explained/table.ts")).findExplained(name),
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
