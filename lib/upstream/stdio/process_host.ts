// What all servers of one stdio upstream share: how their processes are started and counted, how much there may be of
// everything, and the clock and randomness they use.
import { randomName } from "../../bridge/limits.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { Logger } from "../../observe/log.ts";
import type { Launch, Spawn } from "../../platform/process/child_process.ts";
import type { Timers } from "../../platform/time/timers.ts";
import type { BackoffOptions } from "../backoff.ts";
import type { Rotation } from "../credentials/rotation.ts";
import { commandLine, environmentOf, findPrograms, type Machine, type Programs, type ServerCommand } from "./launch.ts";
import type { LongLine } from "./lines.ts";
import { type ProcessExit, type ProcessLimits, ServerProcess } from "./process.ts";
import { formatMark, type ProcessTable } from "./process_table.ts";
import { secretsOf } from "./server_secrets.ts";
import type { Slots } from "./slots.ts";
import { StderrLog } from "./stderr_log.ts";
import type { Turns } from "./turns.ts";

export interface HostLimits extends ProcessLimits {
  /** From the start to the answer to initialize, in ms. */
  readonly startTimeoutMs: number;
}

/** What became of processes, in numbers that only rise. */
export interface ProcessCounts {
  started: number;
  /** Of those started: in the place of one that was lost. */
  restarted: number;
  ended_unasked: number;
}

export interface ProcessHost {
  readonly server: ServerCommand;
  readonly machine: Machine;
  readonly limits: HostLimits;
  readonly backoff: BackoffOptions;
  readonly slots: Slots;
  /** Starts of processes that replace others. */
  readonly replacements: Turns;
  readonly table: ProcessTable;
  readonly spawn: Spawn;
  readonly timers: Timers;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
  /** What waits for servers to be read is charged to its callers' shares. */
  readonly account: ByteAccount;
  readonly log: Logger;
  readonly counts: ProcessCounts;
  /** Of the servers that run, until nothing of them is left. */
  readonly pids: Set<number>;
  /** Renews what its servers authenticate themselves with. */
  readonly rotation: Rotation;
}

/** One start of the server. */
export interface Start {
  /** Variables it gets besides those configured: its credentials. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly facts: () => Readonly<Record<string, string | number>>;
  /** Its caller's share: what waits to be read by it is charged there. */
  readonly account: ByteAccount;
  readonly onLine: (line: Uint8Array) => Promise<void> | undefined;
  readonly onLongLine: (line: LongLine) => void;
  readonly onExit: (exit: ProcessExit) => void;
}

export function resolvePrograms(host: ProcessHost): Promise<Programs> {
  return findPrograms(host.server, host.machine);
}

/** Starts the server's process. @throws what spawning throws */
export function startProcess(host: ProcessHost, programs: Programs, start: Start): ServerProcess {
  const { server, machine, table, timers, log, limits, spawn } = host;
  const mark = formatMark(table, randomName(host, 12));
  const { cwd, uid, gid } = server;
  const launch: Launch = {
    ...commandLine(server, programs),
    env: environmentOf(server, machine, { secrets: start.secrets, mark }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
  const secrets = secretsOf(server, machine, start.secrets);
  const stderr = new StderrLog({ log, timers, facts: start.facts, secrets });
  const { account, onLine, onLongLine, onExit } = start;
  host.counts.started++;
  const started = new ServerProcess({
    launch,
    spawn,
    table,
    mark,
    limits,
    account,
    timers,
    log,
    stderr,
    onLine,
    onLongLine,
    onExit,
  });
  host.pids.add(started.pid);
  void started.gone.then(() => host.pids.delete(started.pid));
  return started;
}
