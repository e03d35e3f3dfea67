// One running server: lines in, lines out, and an end that leaves nothing behind (docs/behaviour.md B1, B2; MCP
// 2025-11-25, Lifecycle, "Shutdown"). Whatever ends it, everything it started ends with it, and all of it is reaped.
// Neither side can make memory grow: what the server does not read is refused, what nobody takes is not read.
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import type { Logger } from "../../observe/log.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import type { Launch, Spawn, SpawnedProcess } from "../../platform/process/child_process.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import { LineTurn } from "./line_turns.ts";
import { LineSplitter, type LongLine } from "./lines.ts";
import { endAll } from "./process_end.ts";
import type { ProcessTable } from "./process_table.ts";
import type { StderrLog } from "./stderr_log.ts";

export interface ProcessLimits {
  /** Longest line on stdout, in bytes: a longer one is left out, and reported. */
  readonly maxLineBytes: number;
  /** Bytes that may wait for the server to read them, besides one message of any length. */
  readonly maxQueuedBytes: number;
  /** Between closing stdin and SIGTERM, in ms. */
  readonly stdinGraceMs: number;
  /** Between SIGTERM and SIGKILL, in ms. */
  readonly killAfterMs: number;
}

export const DEFAULT_PROCESS_LIMITS: ProcessLimits = {
  maxLineBytes: 16 * 1024 * 1024,
  maxQueuedBytes: 4 * 1024 * 1024,
  stdinGraceMs: 1000,
  killAfterMs: 5000,
};

/** How a process ended. */
export interface ProcessExit {
  readonly code: number;
  readonly signal: string | null;
  /** Why it was stopped from here, if it broke the rules. */
  readonly fault: string | undefined;
}

export interface ProcessOptions {
  readonly launch: Launch;
  readonly spawn: Spawn;
  readonly table: ProcessTable;
  /** The mark in the launch's environment. */
  readonly mark: string;
  readonly limits: ProcessLimits;
  /** What waits to be read by the server is charged to it, and what has come of a line. */
  readonly account: ByteAccount;
  readonly timers: Timers;
  readonly log: Logger;
  readonly stderr: StderrLog;
  /** One line of stdout. What it answers is waited for before more is read. */
  readonly onLine: (line: Uint8Array) => Promise<void> | undefined;
  /** A line that was left out. */
  readonly onLongLine: (line: LongLine) => void;
  /** Called once, after the last line. */
  readonly onExit: (exit: ProcessExit) => void;
}

/** How long lines written before the end are waited for, in ms: a grandchild may hold the pipe open for ever. */
const LAST_LINES_MS = 500;
const NEWLINE = Uint8Array.of(0x0a);

export class ServerProcess {
  readonly #options: ProcessOptions;
  readonly #child: SpawnedProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #gone: Promise<void>;
  readonly #wanted = Promise.withResolvers<void>();
  readonly #since: Promise<number>;
  readonly #lines: LineSplitter;
  readonly #turn: LineTurn;
  /** Of lines read: the one under way, and the one that somebody takes. */
  readonly #read: Charge;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  readonly #charge: Charge;
  /** Whether a line that has been read is waited for to be taken. */
  #delivering = false;
  #writing = false;
  #stopping = false;
  #fault: string | undefined;

  /** @throws what `spawn` throws */
  constructor(options: ProcessOptions) {
    this.#options = options;
    const { limits, account, timers, onLongLine } = options;
    this.#charge = account.open();
    this.#read = account.open();
    this.#lines = new LineSplitter({ maxBytes: limits.maxLineBytes, onLonger: onLongLine });
    this.#turn = new LineTurn(account, timers, () => this.#dropUnlessTaken());
    this.#child = options.spawn(options.launch);
    this.#writer = this.#child.stdin.getWriter();
    this.#stdout = this.#child.stdout.getReader();
    this.#stderr = this.#child.stderr.getReader();
    this.#since = options.table.find(this.pid).then((entry) => entry?.startedAt ?? 0);
    this.#gone = this.#live();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it takes messages. */
  get running(): boolean {
    return !this.#stopping;
  }

  /** Settles when it, and everything it started, has ended and is reaped. Never rejects. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /**
   * Sends one message: one line without its end, in memory that is the queue's from now on. @returns false if it is not
   * taken, because too much waits already
   */
  write(line: Uint8Array): boolean {
    if (!this.running) return false;
    if (this.#queuedBytes > 0 && this.#queuedBytes + line.length > this.#options.limits.maxQueuedBytes) return false;
    if (!this.#charge.resize(this.#queuedBytes + line.length)) return false;
    this.#queue.push(line, NEWLINE);
    this.#queuedBytes += line.length;
    if (!this.#writing) void this.#pump();
    return true;
  }

  /**
   * Ends it: stdin closed, then SIGTERM, then SIGKILL, each to everything that is left (B2). Settles with {@link gone}.
   */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#wanted.resolve();
    return this.#gone;
  }

  async #pump(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue;
        const bytes = this.#queuedBytes;
        this.#queue = [];
        await this.#writer.write(joinBytes(batch));
        this.#setQueued(this.#queuedBytes - bytes);
      }
    } catch {
      this.#queue = [];
      this.#setQueued(0);
      await this.#failUnlessEnding("it has closed its stdin");
    } finally {
      this.#writing = false;
    }
  }

  #setQueued(bytes: number): void {
    this.#queuedBytes = bytes;
    this.#charge.resize(bytes);
  }

  /** A pipe that breaks is most often the first sign of an end: only a server that lives on has broken a rule. */
  async #failUnlessEnding(fault: string): Promise<void> {
    const { limits, timers } = this.#options;
    if (!await settlesWithin(this.#child.status, limits.stdinGraceMs, timers)) this.#fail(fault);
  }

  #fail(fault: string): void {
    if (!this.#stopping) this.#fault ??= fault;
    void this.stop();
  }

  /** From the start to the very end. */
  async #live(): Promise<void> {
    const { status } = this.#child;
    const output = this.#readOutput();
    const errors = this.#readErrors();
    void status.then(() => this.#wanted.resolve());
    const reported = this.#report(output);
    await this.#wanted.promise;
    await this.#end();
    await reported;
    this.#turn.close();
    // Whoever still holds a pipe's other end could not be ended.
    for (const reader of [this.#stdout, this.#stderr]) await reader.cancel().catch(() => {});
    await Promise.all([output, errors]);
    await this.#writer.abort().catch(() => {});
  }

  /** Tells of the end as soon as the process itself has ended and its last lines are read. */
  async #report(output: Promise<void>): Promise<void> {
    const { timers, onExit } = this.#options;
    const { code, signal } = await this.#child.status;
    this.#stopping = true;
    await settlesWithin(output, LAST_LINES_MS, timers);
    onExit({ code, signal, fault: this.#fault });
  }

  async #readOutput(): Promise<void> {
    const { timers, onLine } = this.#options;
    try {
      for (let read = await this.#stdout.read(); !read.done; read = await this.#stdout.read()) {
        await this.#takeLines(this.#lines.push(read.value));
        if (this.#lines.size > 0) await this.#turn.take();
      }
      for (const line of this.#lines.end()) {
        const wait = onLine(line);
        // A long one is still being read; a slow client does not keep the end from being noticed.
        if (wait !== undefined) await settlesWithin(wait, LAST_LINES_MS, timers);
      }
    } catch (error) {
      this.#fail(`reading its stdout failed: ${error}`);
      return await this.#stdout.cancel().catch(() => {});
    } finally {
      this.#turn.close();
      this.#read.release();
    }
    void this.#failUnlessEnding("it has closed its stdout");
  }

  async #takeLines(lines: readonly Uint8Array[]): Promise<void> {
    for (const line of lines) {
      const wait = this.#options.onLine(line);
      if (wait === undefined) continue;
      this.#read.force(this.#lines.size + line.length);
      this.#delivering = true;
      await wait.finally(() => this.#delivering = false);
    }
    this.#read.force(this.#lines.size);
    if (lines.length > 0) this.#turn.pass();
  }

  /** Whoever is slow to take a line only loses the turn. */
  #dropUnlessTaken(): void {
    if (this.#delivering) return;
    this.#lines.giveUp();
    this.#read.force(0);
  }

  async #readErrors(): Promise<void> {
    const { stderr } = this.#options;
    try {
      for (let read = await this.#stderr.read(); !read.done; read = await this.#stderr.read()) stderr.push(read.value);
    } catch (fault) {
      // The pipe broke: there is nothing more to log.
      tellIfOwn(fault);
    }
    stderr.end();
  }

  #closeStdin(): void {
    // A write that the server does not take would hold a proper close up.
    (this.#writing ? this.#writer.abort() : this.#writer.close()).catch(() => {});
  }

  /** Ends everything that is left, step by step. */
  async #end(): Promise<void> {
    const { limits, timers, log, table, mark } = this.#options;
    this.#stopping = true;
    this.#closeStdin();
    await settlesWithin(this.#child.status, limits.stdinGraceMs, timers);
    const left = { table, timers, pid: this.pid, mark, since: await this.#since };
    if (await endAll(left, limits.killAfterMs)) return;
    log.error("MCP server's processes cannot be ended", { pid: this.pid });
  }
}
