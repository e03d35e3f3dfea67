// A child process with a deadline: it ends by itself or is ended, and either way it is said what it had said. Where a fault
// is known not to be ours, one that hangs is started once more (a Deno child that loads an npm suite has dead-locked in its
// module loader on a fresh machine: a futex, no CPU, for ever).

export interface BoundedOptions extends Omit<Deno.CommandOptions, "stdin" | "stdout" | "stderr" | "signal"> {
  /** For messages: `the conformance suite`. */
  readonly what: string;
  /** From its start, in ms. */
  readonly deadlineMs: number;
  /** How often it may be started again after it had to be ended. Default 0. */
  readonly retries?: number;
  readonly stdin?: string;
}

export interface BoundedOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end. @throws Error with what it said, if it had to be ended once too often */
export async function runBounded(command: string | URL, options: BoundedOptions): Promise<BoundedOutput> {
  const { what, deadlineMs, retries = 0, stdin, ...rest } = options;
  for (let left = retries;; left--) {
    const { timedOut, ...output } = await runOnce(command, rest, { deadlineMs, stdin });
    if (!timedOut) return output;
    const found = `running ${what}: it did not end within ${deadlineMs / 1000} s and was ended; it had said\n` +
      `${output.stdout.slice(-4000)}\n${output.stderr.slice(-4000)}`;
    if (left <= 0) throw new Error(found);
    console.error(`!! ${found}\n!! It is started once more.`);
  }
}

async function runOnce(
  command: string | URL,
  options: Deno.CommandOptions,
  { deadlineMs, stdin }: { readonly deadlineMs: number; readonly stdin: string | undefined },
): Promise<BoundedOutput & { readonly timedOut: boolean }> {
  const child = new Deno.Command(command, {
    ...options,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let timedOut = false;
  const streams = [new Collected(child.stdout), new Collected(child.stderr)] as const;
  const timer = setTimeout(() => {
    timedOut = true;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended at this very moment.
    }
    // What it started may hold its pipes open for ever.
    for (const stream of streams) stream.stop();
  }, deadlineMs);
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // One that does not read has closed its end by then.
    await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
  }
  const [{ code }] = await Promise.all([child.status, ...streams.map((stream) => stream.ended)]);
  clearTimeout(timer);
  return { code, timedOut, stdout: streams[0].text, stderr: streams[1].text };
}

/** All that a stream has said until it ended or was left. */
class Collected {
  text = "";
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  stop(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    while (true) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.text += decoder.decode(value, { stream: true });
    }
  }
}
