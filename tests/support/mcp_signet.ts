// Runs the real program, from source or as the binary named by SIGNET_BIN, in front of an MCP server.
import { fileURLToPath } from "node:url";
import "./kept_responses.ts";
import { ChildRun } from "./mcp_process.ts";

export interface SignetOptions {
  /** Endpoint of the MCP server, or the command line of one over stdio. */
  readonly upstream: string | readonly string[];
  /** Further flags of `serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens; default: any free port of 127.0.0.1. */
  readonly listen?: string;
  /** The same for its admin listener. */
  readonly admin?: string;
  /** Words in front of its command line: see `Place` in place.ts. */
  readonly within?: readonly string[];
  /** Forces the full lane. */
  readonly fullLane?: boolean;
}

/** What a restart changes; the rest stays, the addresses too. */
export type SignetChanges = Pick<SignetOptions, "args" | "env">;

interface Started {
  readonly run: ChildRun;
  readonly url: string;
  readonly adminUrl: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The facts of the log's `listening` line. */
function listeningFacts(line: string): { url: string; admin: string } | undefined {
  if (!line.startsWith("{")) return undefined;
  const { event, listen: url, admin } = JSON.parse(line) as Record<string, unknown>;
  return event === "listening" && typeof url === "string" ? { url, admin: String(admin) } : undefined;
}

async function launch(options: SignetOptions, addresses: { listen: string; admin: string }): Promise<Started> {
  const { SIGNET_BIN } = Deno.env.toObject();
  const program = SIGNET_BIN === undefined
    ? ["run", "-A", "--preload", `${ROOT}tests/support/poison.ts`, `${ROOT}main.ts`]
    : [];
  const { upstream } = options;
  const flags = ["--listen", addresses.listen, "--admin", addresses.admin];
  if (typeof upstream === "string") flags.push("--upstream", upstream);
  if (options.fullLane) flags.push("--full-lane");
  const run = new ChildRun({
    ...(SIGNET_BIN === undefined ? {} : { command: SIGNET_BIN }),
    args: [
      ...program,
      "serve",
      ...flags,
      ...(options.args ?? []),
      ...(typeof upstream === "string" ? [] : ["--", ...upstream]),
    ],
    ...(options.env === undefined ? {} : { env: options.env }),
    within: options.within ?? [],
    cwd: ROOT,
  });
  try {
    const { url, admin } = await run.waitForLine(listeningFacts, "signet to listen");
    return { run, url, adminUrl: admin };
  } catch (error) {
    await run.kill();
    throw error;
  }
}

/** A running Signet. Its addresses stay the same over restarts. */
export class Signet implements AsyncDisposable {
  #options: SignetOptions;
  #started: Started;

  private constructor(options: SignetOptions, started: Started) {
    this.#options = options;
    this.#started = started;
  }

  static async start(options: SignetOptions): Promise<Signet> {
    return new Signet(
      options,
      await launch(options, {
        listen: options.listen ?? "127.0.0.1:0",
        admin: options.admin ?? "127.0.0.1:0",
      }),
    );
  }

  /** The MCP endpoint. */
  get url(): string {
    return this.#started.url;
  }

  get adminUrl(): string {
    return this.#started.adminUrl;
  }

  get pid(): number {
    return this.#started.run.pid;
  }

  /** Every line it wrote since it (re)started. */
  get logs(): readonly string[] {
    return this.#started.run.lines;
  }

  /** Sends a signal without waiting for anything. */
  signal(signal: Deno.Signal): void {
    this.#started.run.signal(signal);
  }

  /** The `nth` log line with this `event` since it (re)started, past or to come. */
  async waitForEvent(event: string, nth = 1): Promise<Record<string, unknown>> {
    let left = nth;
    return await this.#started.run.waitForLine((line) => {
      if (!line.startsWith("{")) return undefined;
      const facts = JSON.parse(line) as Record<string, unknown>;
      return facts.event === event && --left === 0 ? facts : undefined;
    }, `the log event ${event}`);
  }

  /** Ends it and waits until it is gone. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<Deno.CommandStatus> {
    return await this.#started.run.kill(signal);
  }

  /** Ends it (SIGKILL unless it is gone) and starts it anew on the same addresses. */
  async restart(changes: SignetChanges = {}): Promise<void> {
    await this.kill();
    const host = (url: string) => new URL(url).host;
    this.#options = { ...this.#options, ...changes };
    this.#started = await launch(this.#options, { listen: host(this.url), admin: host(this.adminUrl) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Starts Signet and returns once it listens. */
export function startSignet(options: SignetOptions): Promise<Signet> {
  return Signet.start(options);
}

/** A new master key as the command line takes it: standard base64 of 32 random bytes. */
export function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64();
}
