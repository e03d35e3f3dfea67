// The real machine behind a command: files, terminal, clock, randomness, signals of this process.
import type { Buffer } from "node:buffer";
import { stat, unlink, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { systemFault } from "../platform/faults/system_fault.ts";
import { onFault } from "../platform/faults/uncaught.ts";
import { fileMode, isOwnFile, readTextFile } from "../platform/files/files.ts";
import { foreignHands } from "../platform/files/foreign_hands.ts";
import { outgoingFetch } from "../platform/network/outgoing_fetch.ts";
import { environment } from "../platform/process/environment.ts";
import { onLauncherGone } from "../platform/process/launcher.ts";
import { STDERR, STDOUT, textWriter, writeStderr, writeStdout } from "../platform/process/output.ts";
import { PipeWriter } from "../platform/process/pipe_writer.ts";
import { onSignal, signalProcess } from "../platform/process/signals.ts";
import { readStdin, stdinPieces } from "../platform/process/stdin.ts";
import { onStdoutGone } from "../platform/process/stdout_reader.ts";
import { isTerminal, terminalColumns, terminalSize } from "../platform/process/terminal.ts";
import { randomBytes } from "../platform/random.ts";
import { requestByHttp } from "../platform/runtime/builtin.ts";
import { eventDate } from "../platform/time/event_time.ts";
import type { Machine, WorkerMachine } from "./command.ts";

async function checkWritable(path: string): Promise<void> {
  // Only the folder is tried: opening the file itself is what must not happen.
  const found = await stat(path).catch((error) => {
    if (systemFault(error) !== "NotFound") throw error;
  });
  if (found?.isDirectory()) {
    throw Object.assign(new Error(`writing ${path}: found a directory, want a file`), { code: "EISDIR" });
  }
  const draft = `${dirname(path)}/.signet-${randomBytes(16).toHex()}`;
  await writeFile(draft, "", { flag: "wx", mode: 0o600 });
  await unlink(draft);
}

/**
 * Past any HTTP_PROXY: what is asked stands on this machine or beside it, and the admin token is nobody else's business.
 * An https URL keeps to the proxy, which sees nothing of it.
 */
async function fetchDirectly(url: string, init: RequestInit): Promise<Response> {
  if (new URL(url).protocol !== "http:") return await outgoingFetch(url, init);
  return await askDirectly(new Request(url, init), init);
}

/** By `node:http`, which knows of no proxy. The answer's body comes as it comes. @param init what the request was made of */
async function askDirectly({ url, method, headers, body }: Request, init: RequestInit): Promise<Response> {
  const host = new Headers(init.headers).get("host");
  // The request's own follows it only as long as the request has not been collected.
  const ending = init.signal ? { signal: init.signal } : {};
  const sent = body === null ? new Uint8Array(0) : new Uint8Array(await new Response(body).arrayBuffer());
  const fields = { ...Object.fromEntries(headers), ...(host === null ? {} : { host }) };
  return await new Promise((resolve, reject) => {
    const asked = requestByHttp(url, { method, headers: fields, ...ending, agent: false }, (answer) => {
      const status = answer.statusCode ?? 0;
      const told = new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
      const bodiless = method === "HEAD" || BODILESS.has(status);
      if (bodiless) answer.resume();
      resolve(new Response(bodiless ? null : bodyOf(answer), { status, headers: told }));
    });
    asked.on("error", reject);
    asked.end(sent);
  });
}

/** Statuses with which a Response can have no body (Fetch standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

function bodyOf(answer: IncomingMessage): ReadableStream<Uint8Array> {
  let over = false;
  /** Once it has ended or nobody wants more of it, what still comes is nobody's. */
  const unlessOver = (act: () => void, ends = true) => {
    if (over) return;
    over = ends;
    act();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      answer.on("data", (piece: Buffer) => unlessOver(() => controller.enqueue(new Uint8Array(piece)), false));
      answer.on("end", () => unlessOver(() => controller.close()));
      answer.on("error", (error) => unlessOver(() => controller.error(error)));
    },
    cancel() {
      over = true;
      answer.destroy();
    },
  });
}

/** Loaded when wanted: few are asked for it. */
function workersHere(): WorkerMachine {
  let parts: Awaited<ReturnType<typeof loadWorkerParts>> | undefined;
  let line: PipeWriter | undefined;
  return {
    whyNot: async () => (parts ??= await loadWorkerParts()).whyNoWorkers(),
    cores: () => parts!.cores(),
    start: () => {
      const { programWith, spawnProcess, workerProcess } = parts!;
      // The keys go over a pipe; here, anybody of the same user could read them of each worker.
      const { MCP_ENCRYPTION_KEY: _, ...env } = environment();
      return workerProcess(spawnProcess({ ...programWith(["worker"]), env }), signalProcess);
    },
    heard: stdinPieces,
    say: (text) => (line ??= new PipeWriter(writeStdout)).write(text),
  };
}

async function loadWorkerParts() {
  const [own, { spawnProcess }, { workerProcess }] = await Promise.all([
    import("../platform/process/own_program.ts"),
    import("../platform/process/child_process.ts"),
    import("../app/workers/worker_process.ts"),
  ]);
  return { ...own, spawnProcess, workerProcess };
}

export function thisMachine(loadApp: Machine["loadApp"]): Machine {
  let stdoutIsGone = false;
  return {
    env: environment(),
    stdout: textWriter(STDOUT, () => stdoutIsGone = true),
    stdoutIsGone: () => stdoutIsGone,
    onStdoutGone,
    stderr: textWriter(STDERR),
    writeStderr,
    stdoutColumns: terminalColumns(),
    terminalSize,
    findProgram: async (command, folder) => {
      const { findProgram } = await import("../upstream/stdio/launch.ts");
      return await findProgram(command, environment().PATH ?? "/usr/local/bin:/usr/bin:/bin", folder);
    },
    onLauncherGone: (handler) => onLauncherGone(environment(), handler),
    onFault,
    stdoutIsTerminal: isTerminal(STDOUT),
    stderrIsTerminal: isTerminal(STDERR),
    readTextFile,
    fileMode,
    isOwnFile,
    checkWritable,
    readStdin,
    now: eventDate,
    random: randomBytes,
    fetch: fetchDirectly,
    reach: async (target, timeoutMs) => await (await import("../platform/network/reach.ts")).reach(target, timeoutMs),
    onSignal,
    openState: async (path, options) => (await import("../store/sqlite/sqlite.ts")).openSqliteStore(path, options),
    stateFault: async (path) => (await import("../store/sqlite/state_header.ts")).stateFault(path),
    auditLogFault: async (path) => await (await import("../audit/log_fault.ts")).auditLogFault(path),
    isOwnAddress: async (hostname) => (await import("../platform/network/own_address.ts")).isOwnAddress(hostname),
    foreignHands,
    workers: workersHere(),
    loadApp,
  };
}
