// A program run as a real process by a test: its lines as they come, and an end that leaves nothing behind.

export interface ProcessOptions {
  /** Words in front of its command line: see `Place` in place.ts. */
  readonly within?: readonly string[];
  readonly command?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/**
 * This process's environment without Signet's own settings: they are the test's to give, and Signet refuses to start
 * with a `SIGNET_…` name it does not know.
 */
export function cleanEnvironment(): Record<string, string> {
  const isOurs = (name: string) => name.startsWith("SIGNET_") || name === "MCP_ENCRYPTION_KEY";
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => !isOurs(name)));
}

/** How long a program may take to say what is awaited, in ms: generous, for machines that are busy. */
const PATIENCE_MS = 60_000;

/** How long a program may live at all, and take to end when it is asked to, in ms. */
const LIFE_MS = 15 * 60_000;
const END_MS = 60_000;

/** How long its pipes may stay open once it was killed, in ms. */
const GRACE_MS = 2000;

/** One run of a program. Both outputs are read line by line and kept. */
export class ChildRun implements AsyncDisposable {
  /** Every line of stdout and stderr so far. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #drained: Promise<unknown>;
  readonly #waiters = new Set<() => void>();
  /** Lets go of its pipes, whoever else holds their other ends. */
  readonly #letGo = new AbortController();
  readonly #life: ReturnType<typeof setTimeout>;
  #ended = false;

  constructor(options: ProcessOptions) {
    const words = [...options.within ?? [], options.command ?? Deno.execPath(), ...options.args];
    this.#child = new Deno.Command(words[0]!, {
      args: words.slice(1),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      clearEnv: true,
      env: { ...cleanEnvironment(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }).spawn();
    this.#drained = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]).finally(() => {
      this.#ended = true;
      clearTimeout(this.#life);
      this.#wake();
    });
    this.#life = setTimeout(() => this.#endOverdue(`it has lived for ${LIFE_MS / 60_000} minutes`), LIFE_MS);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Its end, with all that it has said before: who else holds its pipes is not waited for long. */
  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    const timer = setTimeout(() => this.#letGo.abort(), GRACE_MS);
    await this.#drained.finally(() => clearTimeout(timer));
    return status;
  }

  /**
   * The first defined answer of `find` among the lines, past or to come.
   * @throws Error with the program's last lines, if it ends or stays silent
   */
  async waitForLine<T>(find: (line: string) => T | undefined, what: string): Promise<T> {
    let seen = 0;
    const deadline = Date.now() + PATIENCE_MS;
    while (true) {
      for (; seen < this.lines.length; seen++) {
        const found = find(this.lines[seen]!);
        if (found !== undefined) return found;
      }
      if (this.#ended || Date.now() > deadline) {
        throw new Error(`waiting for ${what}: the program said\n${this.lines.slice(-30).join("\n")}`);
      }
      await this.#nextLine(deadline - Date.now());
    }
  }

  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended by itself
    }
  }

  /** Sends `signal` and waits for the end. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<Deno.CommandStatus> {
    this.signal(signal);
    const timer = setTimeout(() => this.#endOverdue(`${signal} has not ended it within ${END_MS / 1000} s`), END_MS);
    try {
      await this.#drained;
      return await this.#child.status;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** What it had said goes to the output: a test that waits for it fails by its exit code. */
  #endOverdue(why: string): void {
    console.error(`!! ending pid ${this.pid}: ${why}; it had said\n${this.lines.slice(-30).join("\n")}`);
    this.signal("SIGKILL");
    // What it has started may hold its pipes for as long as it lives.
    setTimeout(() => this.#letGo.abort(), GRACE_MS);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoderStream() as TransformStream<Uint8Array, string>;
    try {
      for await (const text of stream.pipeThrough(decoder, { signal: this.#letGo.signal })) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        this.lines.push(...lines);
        this.#wake();
      }
    } catch (error) {
      if (!this.#letGo.signal.aborted) throw error;
    }
    if (rest !== "") this.lines.push(rest);
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #nextLine(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiters.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
