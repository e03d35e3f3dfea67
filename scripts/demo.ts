// `deno task demo`: a stateful MCP server with Signet in front, nothing to configure. Prints where to connect and what
// to try, starts again whichever of the two is killed, and ends both on Ctrl-C. It takes no options but `--help`, and
// leaves SIGNET_… variables out; for a server of your own: `deno task start serve --upstream URL`.
import { fileURLToPath } from "node:url";
import { onLauncherGone } from "../lib/platform/process/launcher.ts";
import { walk } from "./demo_walk.ts";
import { readOptions } from "./options.ts";
import { withoutSettings } from "./without_settings.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What the program and this demo consist of; tests have a lock file of their own, and are not waited for. */
const LOCKED = ["--lock=deno.lock", "--frozen"];
/** Tried first, so that a pasted client configuration stays right from one demo to the next. */
const USUAL_PORT = 8080;
/** How long the two may take to end by themselves, in ms. */
const FAREWELL_MS = 12_000;

const { bold, dim } = Deno.stdout.isTerminal() && !Deno.env.has("NO_COLOR")
  ? { bold: (text: string) => `\x1b[1m${text}\x1b[0m`, dim: (text: string) => `\x1b[2m${text}\x1b[0m` }
  : { bold: (text: string) => text, dim: (text: string) => text };

interface Program {
  readonly args: (port: number) => string[];
  readonly env?: Record<string, string>;
  /** Finds the address in a line of its output. */
  readonly findUrl: (line: string) => string | undefined;
}

/** A log line for people: JSON lines lose their braces and their time. */
function humanize(line: string): string | undefined {
  if (!line.startsWith("{")) return line;
  const { time: _time, level, event, ...facts } = JSON.parse(line) as Record<string, unknown>;
  // What the demo does, and why, is in its guide.
  if (event === "beware") return undefined;
  return `${level} ${event} ${Object.entries(facts).map(([name, value]) => `${name}=${value}`).join(" ")}`;
}

/** A program that is started again, on the same port, whenever something kills it before `stop`. */
class Supervised {
  readonly #program: Program;
  #child: Deno.ChildProcess | undefined;
  #port: number;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();
  url = "";

  constructor(program: Program, port: number) {
    this.#program = program;
    this.#port = port;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it and returns once it has said where it listens. */
  async start(): Promise<void> {
    const child = new Deno.Command(Deno.execPath(), {
      args: this.#program.args(this.#port),
      clearEnv: true,
      env: { ...withoutSettings(), ...this.#program.env },
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    const heard = Promise.withResolvers<string>();
    const output = Promise.all([this.#follow(child.stdout, heard.resolve), this.#follow(child.stderr, heard.resolve)]);
    this.#ended = Promise.all([child.status, output]).then(([status]) => this.#afterEnd(status));
    this.url = await Promise.race([
      heard.promise,
      child.status.then(() => Promise.reject(new Error("the program ended before it listened"))),
    ]);
    this.#port = Number(new URL(this.url).port);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    const kill = (signal: Deno.Signal) => {
      try {
        child?.kill(signal);
      } catch {
        // it is gone: Ctrl-C reaches every program of the terminal
      }
    };
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), FAREWELL_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ctrl-C reaches every program of a terminal: one that ended in order was asked to. */
  async #afterEnd(status: Deno.CommandStatus): Promise<void> {
    if (this.#stopping || this.url === "" || status.success) return;
    console.log(dim("  … a program was killed: starting it again"));
    try {
      await this.start();
    } catch (error) {
      return console.error(`  … it does not start: ${error instanceof Error ? error.message : error}`);
    }
    console.log(dim(`  … pid ${this.pid} listens on ${this.url}`));
  }

  async #follow(stream: ReadableStream<Uint8Array>, found: (url: string) => void): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#hear(line, found);
    }
  }

  #hear(line: string, found: (url: string) => void): void {
    const url = this.#program.findUrl(line);
    if (url !== undefined) return found(url);
    const shown = humanize(line);
    if (shown !== undefined && shown.trim() !== "") console.log(dim(`  ${shown}`));
  }
}

/** The usual port if it is free, else one that is. */
function choosePort(): number {
  for (const port of [USUAL_PORT, 0]) {
    try {
      using listener = Deno.listen({ hostname: "127.0.0.1", port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("choosing a port: none is free on 127.0.0.1");
}

const notebook: Program = {
  args: (
    port,
  ) => [
    "run",
    "-A",
    "--quiet",
    ...LOCKED,
    "--unstable-no-legacy-abort",
    "scripts/demo_server.ts",
    "--port",
    String(port),
  ],
  findUrl: (line) => /^listening (\S+)$/.exec(line)?.[1],
};

/** One key for the whole demo, so that a restarted Signet opens the ids of the one before. */
function signetBefore(upstream: string, key: string): Program {
  const principals = ["--principal", "bearer"];
  return {
    args: (port) =>
      ["run", "-A", "--quiet", ...LOCKED, "main.ts", "serve", "--upstream", upstream, "--listen", `127.0.0.1:${port}`]
        .concat(
          ["--admin", "127.0.0.1:0", "--log-format", "json", "--log-level", "info"],
          principals,
        ),
    env: { MCP_ENCRYPTION_KEY: key },
    findUrl: (line) => {
      if (!line.startsWith("{")) return undefined;
      const { event, listen } = JSON.parse(line) as Record<string, unknown>;
      return event === "listening" ? String(listen) : undefined;
    },
  };
}

function guide(signet: Supervised, server: Supervised): string {
  const configuration = {
    mcpServers: { "signet-demo": { type: "http", url: signet.url, headers: { Authorization: "Bearer me" } } },
  };
  const steps = walk(signet.url, { signet: signet.pid, server: server.pid });
  const shown = steps.map(({ title, command }, n) => `${bold(`${n + 1}. ${title}`)}\n\n${command}\n`);
  return `
${bold("Signet")} is listening on   ${bold(signet.url)}   (pid ${signet.pid})
in front of a notebook on ${server.url}   (pid ${server.pid})

${bold("Connect a client")}: paste this into its configuration, then ask it to write a note.

${JSON.stringify(configuration, null, 2)}

${bold("Or try it by hand")}, in another terminal. Callers are told apart by their bearer token here, whatever it is.

${shown.join("\n")}
${dim("Ctrl-C ends both.")}
`;
}

async function main(): Promise<void> {
  const asked = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, asked.resolve);
  // npx and the task pass a signal on to nobody when they are killed themselves.
  onLauncherGone(Deno.env.toObject(), asked.resolve);
  console.log(dim("Starting a small MCP server, and Signet in front of it …"));
  const key = crypto.getRandomValues(new Uint8Array(32)).toBase64();
  const server = new Supervised(notebook, 0);
  await server.start();
  const signet = new Supervised(signetBefore(server.url, key), choosePort());
  try {
    await signet.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  console.log(guide(signet, server));
  await asked.promise;
  await signet.stop();
  await server.stop();
}

if (import.meta.main) {
  readOptions(import.meta.url, {});
  await main();
  Deno.exit(0);
}
