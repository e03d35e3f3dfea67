// The part of Bun in use, typed by hand: the program is checked by Deno, which knows nothing of it.

/** A pipe to a child's stdin. What is written is taken at once or when the promise settles; rejects if the pipe breaks. */
export interface BunFileSink {
  write(bytes: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(error?: Error): number | Promise<number>;
}

export interface BunSubprocess {
  readonly pid: number;
  readonly stdin: BunFileSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
}

export interface BunRuntime {
  spawn(command: string[], options: {
    env: Readonly<Record<string, string>>;
    stdin: "pipe";
    stdout: "pipe";
    stderr: "pipe";
    detached: boolean;
    cwd?: string;
    uid?: number;
    gid?: number;
  }): BunSubprocess;
}

/** To be called only where `RUNTIME` is "bun". */
export function bun(): BunRuntime {
  return (globalThis as unknown as { Bun: BunRuntime }).Bun;
}
