// Starting, awaiting and ending the programs of a bench run. Nothing outlives the run: every process is ended by its pid.
import { pinned, processTree } from "./machine.ts";

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** The last lines it wrote, for a report of why it ended. */
  output(): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly role: "proxy" | "load";
  /** Ready when this port of 127.0.0.1 takes connections. */
  readonly port: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Called with each line of standard output. */
  readonly onLine?: (line: string) => void;
}

const KEPT_LINES = 20;
const READY_MS = 30_000;

/** Starts a server and waits until it listens. @throws Error with its last output if it ends or does not come up */
export async function startServer(options: StartOptions): Promise<Running> {
  const [program = "", ...args] = pinned(options.role, options.command);
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.env ? { env: options.env } : {}),
    ...(options.cwd ? { cwd: options.cwd } : {}),
  }).spawn();
  const lines: string[] = [];
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  const pumps = [
    eachLine(child.stdout, (line) => {
      keep(line);
      options.onLine?.(line);
    }),
    eachLine(child.stderr, keep),
  ];
  let ended = false;
  child.status.then(() => ended = true);
  const running: Running = {
    name: options.name,
    pid: child.pid,
    port: options.port,
    output: () => lines.join("\n"),
    stop: async () => {
      // Starters such as npx end without their children, so the whole tree is told; who stays is killed.
      const tree = ended ? [] : await processTree(child.pid);
      tree.forEach((pid) => signal(pid, "SIGTERM"));
      const killer = setTimeout(() => tree.forEach((pid) => signal(pid, "SIGKILL")), 3_000);
      await child.status;
      await Promise.all(pumps);
      clearTimeout(killer);
    },
  };
  if (await listening(options.port, () => ended)) return running;
  await running.stop();
  throw new Error(
    `${options.name} does not listen on port ${options.port}: ${program} ${args.join(" ")}\n${running.output()}`,
  );
}

/**
 * Runs a program to its end and gives its standard output; `onLine` hears each line as it comes.
 * @throws Error with its standard error if it fails
 */
export async function runToEnd(
  command: readonly string[],
  role: "proxy" | "load" = "load",
  onLine?: (line: string) => void,
): Promise<string> {
  const [program = "", ...args] = pinned(role, command);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  let text = "";
  let errors = "";
  await Promise.all([
    eachLine(child.stdout, (line) => {
      text += line + "\n";
      onLine?.(line);
    }),
    eachLine(child.stderr, (line) => errors += line + "\n"),
  ]);
  const { code } = await child.status;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}\n${text}${errors}`);
  return text;
}

/** Ends all that a process has started, stopped or not. */
export async function killDescendants(pid: number): Promise<void> {
  const [, ...started] = await processTree(pid);
  started.forEach((each) => signal(each, "SIGKILL"));
}

async function listening(port: number, ended: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + READY_MS; performance.now() < deadline && !ended();) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return false;
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended in the meantime.
  }
}

async function eachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
