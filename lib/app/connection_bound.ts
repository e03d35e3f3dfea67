// As many client connections as there are descriptors for, where running out of them would cost a core.
import type { Settings } from "../config/schema.ts";
import type { Logger } from "../observe/log.ts";
import { ACCEPT_SPINS, openFilesLimit } from "../platform/descriptors.ts";

/** Listeners, the state file, the admin listener's connections, libraries. */
const RESERVED = 400;
/** Pipes of a stdio server's process. */
const PIPES = 3;

export interface Descriptors {
  readonly limit: number | undefined;
  readonly acceptSpins: boolean;
}

const DESCRIPTORS = (): Descriptors => ({ limit: openFilesLimit(), acceptSpins: ACCEPT_SPINS });

/** `--max-connections`, or less: a client's connection may need a second one, to the server. */
export function connectionBound(
  settings: Pick<Settings, "maxConnections" | "maxProcesses" | "command" | "upstreams">,
  options: { readonly log: Logger; readonly descriptors?: Descriptors },
): number {
  const { limit, acceptSpins } = options.descriptors ?? DESCRIPTORS();
  const { maxConnections, maxProcesses, command, upstreams } = settings;
  const commands = (command.length > 0 ? 1 : 0) + upstreams.filter((upstream) => upstream.command.length > 0).length;
  if (!acceptSpins || limit === undefined) return maxConnections;
  const left = limit - RESERVED;
  const fit = Math.max(16, commands > 0 ? left - PIPES * maxProcesses * commands : Math.floor(left / 2));
  if (fit >= maxConnections) return maxConnections;
  options.log.warn("fewer client connections than configured: raise the limit of open files", {
    max_connections: fit,
    open_files: limit,
  });
  return fit;
}
