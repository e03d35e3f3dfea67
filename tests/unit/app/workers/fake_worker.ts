// A worker without a process: a test says how it answers, and when it ends.
import { Channel } from "../../../../lib/app/workers/channel.ts";
import type { WorkerProcess } from "../../../../lib/app/workers/worker_process.ts";

/** Lines that are pushed, until they end. */
class Lines implements AsyncIterable<string> {
  readonly #waiting: string[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  push(line: string): void {
    this.#waiting.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<string> {
    for (;;) {
      while (this.#waiting.length > 0) yield this.#waiting.shift()!;
      if (this.#ended) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

export type FakeAnswers = (call: string, args: readonly unknown[]) => unknown;

export class FakeWorker implements WorkerProcess {
  readonly pid: number;
  readonly said = new Lines();
  readonly logged = new Lines();
  readonly channel: Channel;
  /** What it was asked and told, in order. */
  readonly heard: string[] = [];
  killed = false;
  woken = false;
  readonly #ended = Promise.withResolvers<{ readonly code: number; readonly signal: string | null }>();

  constructor(pid: number, answers: FakeAnswers) {
    this.pid = pid;
    this.channel = new Channel({
      write: (line) => this.said.push(line.trimEnd()),
      answer: (call, args) => {
        this.heard.push(call);
        return answers(call, args);
      },
      onFault: () => {},
    });
  }

  get ended() {
    return this.#ended.promise;
  }

  write(line: string): void {
    queueMicrotask(() => this.channel.receive(line.trimEnd()));
  }

  closeInput(): void {
    this.end(0, null);
  }

  wake(): void {
    this.woken = true;
  }

  kill(): void {
    this.killed = true;
    this.end(137, "SIGKILL");
  }

  end(code: number, signal: string | null): void {
    this.said.end();
    this.logged.end();
    this.#ended.resolve({ code, signal });
  }
}
