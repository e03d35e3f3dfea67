// Other programs: started for their pipes, or run once for what they print.
// Guarantees: never by a shell; a program that cannot be started is a fault at once; a pipe that nobody reads, or that the
// program does not read, holds up whoever writes to it.
import { Buffer } from "node:buffer";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { spawn } from "../runtime/builtin.ts";
import { bun, type BunSubprocess } from "../runtime/bun_types.ts";
import { RUNTIME } from "../runtime/runtime.ts";
import { signalProcess } from "./signals.ts";

/** One start: everything resolved. */
export interface Launch {
  /** A path, or a name looked up in `PATH`. */
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface SpawnedProcess {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Settles when it has ended and is reaped. */
  readonly status: Promise<{ readonly code: number; readonly signal: string | null }>;
}

/** @throws what `systemFault` knows (NotFound, PermissionDenied) and what else starting a process can fail with */
export type Spawn = (launch: Launch) => SpawnedProcess;

/** The process gets a session, and with it a group, of its own: signals reach all of it at once. */
export const spawnProcess: Spawn = RUNTIME === "bun" ? spawnOnBun : spawnOnDeno;

function placeOf({ cwd, uid, gid }: Launch) {
  return {
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

function spawnOnDeno(launch: Launch): SpawnedProcess {
  return new Deno.Command(launch.command, {
    args: [...launch.args],
    env: { ...launch.env },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
    ...placeOf(launch),
  }).spawn();
}

function spawnOnBun(launch: Launch): SpawnedProcess {
  const { command, args, env } = launch;
  const pipes = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const;
  const child = bun().spawn([command, ...args], { env, detached: true, ...pipes, ...placeOf(launch) });
  const { pid, stdout, stderr } = child;
  return { pid, stdin: stdinOf(child), stdout, stderr, status: statusOf(child) };
}

async function statusOf(child: BunSubprocess): Promise<{ code: number; signal: string | null }> {
  await child.exited;
  const { exitCode, signalCode } = child;
  return { code: exitCode ?? codeOf(signalCode), signal: signalCode };
}

/** As shells count, and Deno: 128 and the number of the signal that has ended it. */
function codeOf(signal: string | null): number {
  return 128 + (constants.signals[(signal ?? "") as keyof typeof constants.signals] ?? 0);
}

/** Bun's pipe keeps what is written in memory of its own; one write at a time, each waited for, bounds that. */
function stdinOf({ stdin }: BunSubprocess): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(bytes) {
      await stdin.write(bytes);
      await stdin.flush();
    },
    async close() {
      await stdin.end();
    },
    abort() {
      // What waits to be written will not be; a failure of it has been told already.
      Promise.resolve(stdin.end()).catch(() => {});
    },
  }, { highWaterMark: 1 });
}

export interface Output {
  /** As shells count: 128 and more where a signal has ended it. */
  readonly code: number;
  /** The first {@link MOST_OUTPUT_BYTES} of each; the rest is read and let go of. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** More than a program that answers with a few values has to say. */
const MOST_OUTPUT_BYTES = 1024 * 1024;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5000;

/** Reads `stream` to its end. @returns what is kept of it so far, when asked */
function keepFirst(stream: Readable): () => Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  stream.on("data", (piece: Uint8Array) => {
    if (size < MOST_OUTPUT_BYTES) pieces.push(piece.subarray(0, MOST_OUTPUT_BYTES - size));
    size += piece.length;
  });
  return () => Buffer.concat(pieces);
}

/**
 * Runs a program to its end, or ends it when `signal` aborts: SIGTERM, then SIGKILL; nobody waits for what it has started
 * and left behind. It gets this process's environment and an empty stdin. @throws what `systemFault` knows
 */
export function runToEnd(command: string, args: readonly string[], signal: AbortSignal): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"] });
    const stdout = keepFirst(child.stdout);
    const stderr = keepFirst(child.stderr);
    let grace: ReturnType<typeof setTimeout> | undefined;
    const letGo = () => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const stop = () => {
      child.kill("SIGTERM");
      const { pid } = child;
      // Not by its own method: Deno's sends a child one signal and no second.
      if (pid !== undefined) grace = setTimeout(() => signalProcess(pid, "SIGKILL"), GRACE_MS);
      if (child.exitCode !== null || child.signalCode !== null) letGo();
      else child.once("exit", letGo);
    };
    const settle = () => {
      clearTimeout(grace);
      signal.removeEventListener("abort", stop);
    };
    signal.addEventListener("abort", stop);
    child.on("error", (cause) => {
      settle();
      reject(cause);
    });
    child.on("close", (code, ended) => {
      settle();
      resolve({ code: code ?? codeOf(ended), stdout: stdout(), stderr: stderr() });
    });
    if (signal.aborted) stop();
  });
}
