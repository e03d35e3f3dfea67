// A worker as a process: its pipes as lines, and an end that is noticed. What waits to be written to it is bounded: one that
// does not read any more is ended.
import type { SpawnedProcess } from "../../platform/process/child_process.ts";
import { linesOf } from "./channel.ts";

/** What may wait for a worker to read it, in characters. */
const MOST_WAITING = 64 * 1024 * 1024;

export interface WorkerProcess {
  readonly pid: number;
  /** What it says, line by line; ends with it. */
  readonly said: AsyncIterable<string>;
  /** What it logs, line by line. */
  readonly logged: AsyncIterable<string>;
  /** Settles when it has ended and is reaped. */
  readonly ended: Promise<{ readonly code: number; readonly signal: string | null }>;
  write(line: string): void;
  /** No more is written: it ends. */
  closeInput(): void;
  kill(): void;
  /** Where somebody has stopped it: it goes on, and hears what it is told. */
  wake(): void;
}

/** @param signal sends a signal to a process */
export function workerProcess(
  child: SpawnedProcess,
  signal: (pid: number, signal: "SIGKILL" | "SIGCONT") => void,
): WorkerProcess {
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  let batch = "";
  let waiting = 0;
  const flush = () => {
    const text = batch;
    batch = "";
    // It has ended: that is told by its status.
    writer.write(encoder.encode(text)).catch(() => {}).finally(() => waiting -= text.length);
  };
  return {
    pid: child.pid,
    said: linesOf(child.stdout),
    logged: linesOf(child.stderr),
    ended: child.status,
    write(line) {
      if (batch === "") queueMicrotask(flush);
      batch += line;
      waiting += line.length;
      if (waiting > MOST_WAITING) signal(child.pid, "SIGKILL");
    },
    closeInput() {
      queueMicrotask(() => void writer.close().catch(() => {}));
    },
    kill: () => signal(child.pid, "SIGKILL"),
    wake: () => signal(child.pid, "SIGCONT"),
  };
}
