// `signet worker`: what `signet serve --workers` starts. It is told everything over its standard input, says everything over
// its standard output, logs to standard error, and ends with the process that has started it. Not for people.
import type { RunningApp } from "../../app/running_app.ts";
import { linesOf } from "../../app/workers/channel.ts";
import { serveAsWorker, type WorkerApp, type WorkerStart } from "../../app/workers/worker.ts";
import { readTelemetry } from "../../config/otel_variables.ts";
import { createLogger } from "../../observe/log.ts";
import { LogSink } from "../../observe/log_sink.ts";
import { SIGNALS } from "../../platform/process/signals.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import {
  type Command,
  type CommandContext,
  CommandFailure,
  EXIT,
  type ExitCode,
  type WorkerMachine,
} from "../command.ts";
import { tellOwnFaults } from "./own_fault.ts";
import { startAsCommand } from "./start.ts";

const MAX_LOG_BYTES = 1024 * 1024;
const FAREWELL_MS = 1000;

async function run(context: CommandContext): Promise<ExitCode> {
  const { workers: machine } = context;
  if (machine === undefined) throw byHand();
  const sink = new LogSink({
    write: (bytes) => context.writeStderr(bytes),
    maxBytes: MAX_LOG_BYTES,
    onFlow: (dropped) => log.error("lines of this log were dropped: nobody read them in time", { dropped }),
  });
  const log = createLogger({ level: "info", format: "json", write: (line) => sink.push(line), now: context.now });
  const faulty = Promise.withResolvers<ExitCode>();
  const tell = tellOwnFaults(log, () => faulty.resolve(EXIT.failedCheck));
  const onFault = (fault: unknown) => tell(fault, "exception");
  const forget = [
    context.onFault(tell),
    // Whoever signals all processes of a group or a unit means the one that steers them.
    ...SIGNALS.map((signal) => context.onSignal(signal, () => {})),
  ];
  try {
    return await Promise.race([faulty.promise, serve(context, machine, { log, sink, onFault })]);
  } finally {
    await sink.flush(FAREWELL_MS);
    for (const each of forget) each();
  }
}

interface WorkerParts {
  readonly log: ReturnType<typeof createLogger>;
  readonly sink: LogSink;
  readonly onFault: (fault: unknown) => void;
}

async function serve(
  context: CommandContext,
  machine: WorkerMachine,
  { log, sink, onFault }: WorkerParts,
): Promise<ExitCode> {
  const { telemetry } = readTelemetry(context.env);
  let began = false;
  const start = async ({ begin: { settings, given }, place, orders }: WorkerStart) => {
    began = true;
    log.level = settings.logLevel;
    const { startApp } = await context.loadApp();
    const app = await startAsCommand(() =>
      startApp({
        ...{ settings, given: new Set(given), telemetry, log, worker: place, now: context.now },
        loadKeys: () => Promise.resolve(orders().keys),
        reloadSettings: () => Promise.resolve(orders().settings),
        onReloaded: ({ logLevel }) => log.level = logLevel,
        droppedLines: () => sink.dropped,
      })
    );
    app.stopped.catch(onFault);
    return asWorker(app);
  };
  const drained = await serveAsWorker({
    ...{ lines: linesOf(machine.heard()), start, onFault, timers: SYSTEM_TIMERS },
    write: (line) => machine.say(line),
    onLogLevel: (level) => log.level = level,
  });
  if (!began) throw byHand();
  return drained ? EXIT.done : EXIT.streamsCut;
}

function asWorker(app: RunningApp): WorkerApp {
  if ("operations" in app && "end" in app && "openAlsoWith" in app && "openOnlyWith" in app) return app as WorkerApp;
  throw new Error("starting a worker: found an app that cannot be steered");
}

function byHand(): CommandFailure {
  return new CommandFailure(
    EXIT.usage,
    "a worker is started by another Signet, and was told nothing",
    "Write `signet serve --workers NUMBER`.",
  );
}

export const worker: Command = {
  name: "worker",
  summary: "what `signet serve --workers` starts",
  arguments: [],
  examples: [],
  settings: [],
  run,
};
