// What all conversations of one stdio upstream share: how its process is started, how much there may be of everything,
// and the clock and randomness they use.
import type { Logger } from "../../observe/log.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Launch, Spawn } from "../../platform/child_process.ts";
import type { Machine, Programs, ServerCommand } from "./launch.ts";
import { commandLine, environmentOf, findPrograms } from "./launch.ts";
import type { ProcessExit, ProcessLimits } from "./process.ts";
import { ServerProcess } from "./process.ts";
import { formatMark, type ProcessTable } from "./process_table.ts";
import type { Slots } from "./slots.ts";
import { secretsOf } from "./server_secrets.ts";
import { StderrLog } from "./stderr_log.ts";
import type { Turns } from "./turns.ts";
import type { Timers } from "../timers.ts";

export interface BridgeLimits extends ProcessLimits {
  /** From the start to the answer to initialize, in ms. */
  readonly startTimeoutMs: number;
  /** A call without an answer becomes a stream after this long, in ms. */
  readonly streamAfterMs: number;
  /** Bytes an event stream may hold back before the server is held back. */
  readonly highWaterBytes: number;
  /** How long a client may hold the server back by reading nothing, in ms. */
  readonly stallMs: number;
  /** Events of one session kept for resumption. */
  readonly maxLoggedEvents: number;
  readonly maxLoggedBytes: number;
  /** A process of a principal's stateless requests ends after this long without any, in ms. */
  readonly idleMs: number;
  /** Requests of one session without a response, those whose client has left included. */
  readonly maxCalls: number;
}

/** What became of processes, in numbers that only rise. */
export interface ProcessCounts {
  started: number;
  /** Of those started: in the place of one that was lost. */
  restarted: number;
  ended_unasked: number;
}

export interface Bridge {
  readonly name: string;
  readonly server: ServerCommand;
  readonly machine: Machine;
  readonly limits: BridgeLimits;
  readonly backoff: BackoffOptions;
  readonly slots: Slots;
  /** Starts of processes that replace others. */
  readonly replacements: Turns;
  readonly table: ProcessTable;
  readonly spawn: Spawn;
  readonly timers: Timers;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
  readonly log: Logger;
  readonly counts: ProcessCounts;
}

/** Letters and digits of `n` random bytes. */
export function randomName(bridge: Bridge, n: number): string {
  return bridge.random(n).toHex();
}

/** One start of the server. */
export interface Start {
  /** Variables it gets besides those configured: its credentials. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly facts: () => Readonly<Record<string, string | number>>;
  readonly onLine: (line: Uint8Array) => Promise<void> | undefined;
  readonly onExit: (exit: ProcessExit) => void;
}

export function resolvePrograms(bridge: Bridge): Promise<Programs> {
  return findPrograms(bridge.server, bridge.machine);
}

/** Starts the server's process. @throws what spawning throws */
export function startProcess(bridge: Bridge, programs: Programs, start: Start): ServerProcess {
  const { server, machine, table, timers, log, limits, spawn } = bridge;
  const mark = formatMark(table, randomName(bridge, 12));
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
  const { onLine, onExit } = start;
  bridge.counts.started++;
  return new ServerProcess({ launch, spawn, table, mark, limits, timers, log, stderr, onLine, onExit });
}
