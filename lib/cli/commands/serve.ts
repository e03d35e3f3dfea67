// `signet serve`: starts the gateway, tells what it does, and owns the signals until it ends (docs/behaviour.md P2,
// P3).
import type { AppOptions, RunningApp } from "../../app/running_app.ts";
import { SETTING_KEYS } from "../../config/schema.ts";
import { type AdjustableLogger, createLogger, type LogFormat } from "../../observe/log.ts";
import { LogSink } from "../../observe/log_sink.ts";
import { LogTail } from "../../observe/log_tail.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { announce } from "../serving/banner.ts";
import { Life } from "../serving/lifetime.ts";
import { tellOwnFaults } from "../serving/own_fault.ts";
import { Signals } from "../serving/signals.ts";
import { startAsCommand } from "../serving/start.ts";

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

async function run(context: CommandContext): Promise<ExitCode> {
  const signals = new Signals(context);
  try {
    return await Promise.race([signals.endedEarly.then(() => EXIT.done), serveUntilEnded(context, signals)]);
  } finally {
    signals.forget();
  }
}

async function serveUntilEnded(context: CommandContext, signals: Signals): Promise<ExitCode> {
  const { loadConfiguration } = await import("../configuration.ts");
  const configuration = await loadConfiguration(context);
  const serveLog = createLog(context, configuration);
  const faulty = Promise.withResolvers<ExitCode>();
  const forget = context.onFault(tellOwnFaults(serveLog.log, () => faulty.resolve(EXIT.failedCheck)));
  try {
    return await Promise.race([faulty.promise, serveWith({ context, configuration, signals, ...serveLog })]);
  } finally {
    await serveLog.sink.flush(FAREWELL_MS);
    forget();
  }
}

interface Serving extends ServeLog {
  readonly context: CommandContext;
  readonly configuration: Configuration;
  readonly signals: Signals;
}

async function serveWith({ context, configuration, signals, ...serveLog }: Serving): Promise<ExitCode> {
  const { log, human, sink, tail } = serveLog;
  const { loadConfiguration } = await import("../configuration.ts");
  const { settings } = configuration;
  let { keys } = configuration;
  /** There is never a second key that lives in memory only: it would end every session. */
  let ephemeral = keys.ephemeral ? keys : undefined;
  const life = new Life({ log, settings, machine: context, signals });
  const options: AppOptions = {
    settings,
    given: configuration.given,
    telemetry: configuration.telemetry,
    process: life,
    onReloaded: (reloaded) => {
      log.level = reloaded.logLevel;
      log.format = formatOf(context, reloaded);
    },
    loadKeys: () => Promise.resolve(keys),
    reloadSettings: async () => {
      const reloaded = await loadConfiguration(context);
      keys = reloaded.keys.ephemeral ? ephemeral ??= reloaded.keys : reloaded.keys;
      for (const warning of reloaded.warnings.filter((warning) => !configuration.warnings.includes(warning))) {
        log.warn("beware", { warning });
      }
      return reloaded.settings;
    },
    log,
    logTail: tail,
    explain: async (name) => (await import("../explained/table.ts")).findExplained(name),
    droppedLines: () => sink.dropped,
    now: context.now,
  };
  const app = await startAsCommand(() => startAll(context, options, log));
  announce({ context, configuration, app, log, human, write: (text) => sink.push(text) });
  return await life.run(app);
}

/** This process alone, or several that it starts and steers. */
async function startAll(context: CommandContext, options: AppOptions, log: AdjustableLogger): Promise<RunningApp> {
  if (options.settings.workers !== 1) {
    const { startWorkers } = await import("../serving/start_workers.ts");
    const app = await startWorkers(context, options, log);
    if (app !== undefined) return app;
  }
  return await (await context.loadApp()).startApp(options);
}

export const serve: Command = {
  name: "serve",
  summary: "stand in front of an MCP server over Streamable HTTP",
  description: [
    "SIGTERM, SIGINT or SIGQUIT drains and ends, a second one ends at once;",
    "SIGHUP reads keys and configuration again, and keeps the old if the new are not sound.",
  ],
  arguments: [],
  examples: [
    "signet serve --upstream http://127.0.0.1:3000/mcp",
    "signet serve --upstream http+unix://%2Frun%2Fmcp.sock/mcp --key-file signet.key",
    "signet serve -- npx -y @modelcontextprotocol/server-everything stdio",
    "signet serve --config signet.yaml --workers auto",
  ],
  settings: SETTING_KEYS,
  reportsAllProblems: true,
  run,
};
