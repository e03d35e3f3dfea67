// As many client connections and server processes as there are descriptors for, where running out of them would cost a core.
// Whatever is measured by these numbers (one caller's share, above all) has to be measured by those in force.
import type { SettingKey, Settings } from "../config/schema.ts";
import type { Logger } from "../observe/log.ts";
import { ACCEPT_SPINS, openFilesLimit } from "../platform/process/descriptors.ts";

/** Listeners, the state file, the admin listener's connections, libraries; but no more than half. */
const RESERVED = 400;
/** Of a stdio server's process: its pipes, and the one by which its end is told. */
const OF_A_PROCESS = 4;

export interface Descriptors {
  readonly limit: number | undefined;
  readonly acceptSpins: boolean;
}

const DESCRIPTORS = (): Descriptors => ({ limit: openFilesLimit(), acceptSpins: ACCEPT_SPINS });

export interface WithinOptions {
  /** What is less than configured is told here: a warning where somebody has set that number, else a remark. */
  readonly log?: Logger;
  /** Settings that are not at their defaults. Default: none. */
  readonly given?: ReadonlySet<SettingKey> | undefined;
  readonly descriptors?: Descriptors | undefined;
}

type Bounded = Pick<
  Settings,
  "maxConnections" | "maxProcesses" | "maxProcessesPerPrincipal" | "command" | "upstreams"
>;

/**
 * The settings with `--max-connections` and `--max-processes` as the process can keep them: a client's connection may
 * need further ones, one to each server.
 */
export function withinDescriptors<S extends Bounded>(settings: S, options: WithinOptions): S {
  const { log, given, descriptors: { limit, acceptSpins } = DESCRIPTORS() } = options;
  if (!acceptSpins || limit === undefined) return settings;
  const left = limit - Math.min(RESERVED, Math.floor(limit / 2));
  const commands = [settings, ...settings.upstreams].filter(({ command }) => command.length > 0).length;
  const overHttp = settings.upstreams.filter(({ command }) => command.length === 0).length;
  // Each member over stdio has so many of its own.
  const maxProcesses = commands > 0
    ? Math.min(settings.maxProcesses, Math.max(1, Math.floor(left / 2 / OF_A_PROCESS / commands)))
    : settings.maxProcesses;
  const fit = Math.max(16, Math.floor((left - OF_A_PROCESS * maxProcesses * commands) / (1 + overHttp)));
  const maxConnections = Math.min(settings.maxConnections, fit);
  if (maxConnections < settings.maxConnections) {
    const facts = { max_connections: maxConnections, open_files: limit };
    if (given?.has("maxConnections")) {
      log?.warn("fewer client connections than --max-connections: raise the limit of open files", facts);
    } else log?.info("as many client connections as the limit of open files allows", facts);
  }
  if (maxProcesses < settings.maxProcesses) {
    const facts = { max_processes: maxProcesses, open_files: limit };
    if (given?.has("maxProcesses")) {
      log?.warn("fewer server processes than --max-processes: raise the limit of open files", facts);
    } else log?.info("as many server processes as the limit of open files allows", facts);
  }
  // What is one caller's share of the processes as configured may be all of those that are left.
  const share = maxProcesses < settings.maxProcesses ? Math.ceil(maxProcesses / 2) : Infinity;
  const maxProcessesPerPrincipal = Math.min(settings.maxProcessesPerPrincipal, share);
  return { ...settings, maxConnections, maxProcesses, maxProcessesPerPrincipal };
}
