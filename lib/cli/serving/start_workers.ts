// `signet serve --workers N`: this process reads and checks everything once, starts the workers, and speaks for all of them
// (docs/behaviour.md R1, P2, P3). Loaded for that alone.
import type { AppOptions, RunningApp } from "../../app/running_app.ts";
import { PROGRAMS_REMEDY } from "../../app/upstreams/may_run.ts";
import type { Fleet } from "../../app/workers/fleet.ts";
import { mostWorkers } from "../../config/divided.ts";
import { loadSecrets } from "../../config/named/secrets.ts";
import { type AdjustableLogger, LOG_LEVELS, type LogFacts, type LogLevel } from "../../observe/log.ts";
import { parseJson } from "../../platform/json.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Store } from "../../store/store.ts";
import { type CommandContext, CommandFailure, EXIT, type ExitCode, type WorkerMachine } from "../command.ts";

/** Of a line that is no log line: a runtime's last words. */
const MOST_OF_A_LINE = 2000;

const REASONS = {
  platform: ["this system does not share a port between processes as Linux does", "Leave --workers out, or run Linux."],
  port: ["this runtime was started without what lets processes share a port", "Start it with --unstable-net."],
  permission: ["this executable may start no programs", PROGRAMS_REMEDY],
} as const;

/** Undefined where one process is all that is wanted: `auto` on a machine of one core, or on none that shares ports. */
export async function startWorkers(
  context: CommandContext,
  options: AppOptions,
  log: AdjustableLogger,
): Promise<RunningApp | undefined> {
  const { settings } = options;
  const { workers: machine } = context;
  const why = machine === undefined ? "platform" : await machine.whyNot();
  if (machine === undefined || why !== undefined) {
    const [found, remedy] = REASONS[why ?? "platform"];
    if (settings.workers !== "auto") throw new CommandFailure(EXIT.unreachable, `starting workers: ${found}`, remedy);
    log.warn("one process serves: there are no workers here", { why: found, remedy });
    return undefined;
  }
  const count = settings.workers === "auto" ? Math.min(machine.cores(), mostWorkers(settings)) : settings.workers;
  return count === 1 ? undefined : await startFleetOf(context, { machine, options, count, log });
}

interface FleetParts {
  readonly machine: WorkerMachine;
  readonly options: AppOptions;
  readonly count: number;
  readonly log: AdjustableLogger;
}

async function startFleetOf(context: CommandContext, { machine, options, count, log }: FleetParts): Promise<Fleet> {
  const { settings } = options;
  const secrets: Record<string, string> = {};
  const readTextFile = (path: string) => context.readTextFile(path);
  const { FilesAtStart } = await import("../../app/reload/files_at_start.ts");
  const filesAtStart = await FilesAtStart.read(settings, readTextFile);
  const { adminToken } = await loadSecrets(settings, {
    readTextFile: async (path) => secrets[path] = await readTextFile(path),
  });
  const { readAnew, readOnce, readTexts } = await import("../../app/workers/given_files.ts");
  const filesOnce = { ...await readTexts(readOnce(settings), readTextFile), ...secrets };
  const { startFleet } = await import("../../app/workers/fleet.ts");
  try {
    const fleet = await startFleet({
      ...options,
      ...{
        count,
        log,
        adminToken,
        filesOnce,
        filesAtStart,
        base: await baseOf(context, options),
        timers: SYSTEM_TIMERS,
      },
      readFiles: (settings) => readTexts(readAnew(settings), readTextFile),
      logLevel: () => log.level,
      startWorker: () => machine.start(),
      onLogged: (number, line) => relayLine(log, number, line),
    });
    onLevel(log, (level) => fleet.setLogLevel(level));
    return fleet;
  } catch (error) {
    throw asFailure(error);
  }
}

/** Where tokens and revocations are; undefined where all workers reach a store by themselves. @throws StoreError */
async function baseOf(context: CommandContext, { settings }: AppOptions): Promise<Store | undefined> {
  if (settings.store !== "memory") return undefined;
  if (settings.stateFile === undefined) return createMemoryStore();
  return await context.openState(settings.stateFile, { trustsOthers: settings.unsafeFiles });
}

/** What a worker logs, as a line of this process's log that names it. */
function relayLine(log: AdjustableLogger, worker: number, line: string): void {
  const found = readLine(line);
  if (found === undefined) log.warn("a worker said", { worker, line: line.slice(0, MOST_OF_A_LINE) });
  else log[found.level](found.event, { ...found.facts, worker });
}

function readLine(line: string): { level: LogLevel; event: string; facts: LogFacts } | undefined {
  try {
    const { time: _, level, event, ...facts } = parseJson(line);
    const known = LOG_LEVELS.find((each) => each === level);
    return known === undefined || typeof event !== "string" ? undefined : { level: known, event, facts };
  } catch {
    return undefined;
  }
}

/** Calls `told` whenever the level is set. */
function onLevel(log: AdjustableLogger, told: (level: LogLevel) => void): void {
  let { level } = log;
  Object.defineProperty(log, "level", {
    get: () => level,
    set: (wanted: LogLevel) => {
      level = wanted;
      told(wanted);
    },
  });
}

/** A worker's failure to start is the command's. */
function asFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "CommandFailure" || error instanceof CommandFailure) return error;
  const { message, exitCode, remedy } = error as Error & { readonly exitCode?: ExitCode; readonly remedy?: string };
  return new CommandFailure(exitCode ?? EXIT.unreachable, message, remedy ?? "");
}
