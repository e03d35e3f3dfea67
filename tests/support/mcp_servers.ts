// Starts unmodified MCP servers on the official SDKs as real processes, and restarts them on the same address.
import { fileURLToPath } from "node:url";
import { freePort } from "../../scripts/free_port.ts";
import { ChildRun, type ProcessOptions } from "./mcp_process.ts";

/**
 * `sdk1`: SDK 1.x, sessions. `sdk2`: SDK 2.x, both eras. `everything`: npm `server-everything`; `everythingSse`: the same
 * by the transport of 2024-11-05.
 */
export type FixtureKind = "sdk1" | "sdk2" | "everything" | "everythingSse" | "conformance";

export interface FixtureOptions {
  /** One JSON body where the SDK can; default: streams. `everything` cannot. */
  readonly json?: boolean;
  /** A file for one line per execution of `count`; outlives restarts. `everything` has none. */
  readonly journal?: string;
  /** Of `sdk2` and `conformance`: without sessions. */
  readonly stateless?: boolean;
  /** Of the same: with sessions only. */
  readonly sessions?: boolean;
  /** A TCP port on loopback; default: a free one. */
  readonly port?: number;
  /** Words in front of its command line: see `Place` in place.ts. */
  readonly within?: readonly string[];
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPTS = { sdk1: "sdk_v1_server.ts", sdk2: "sdk_v2_server.ts", conformance: "conformance_server.ts" } as const;
const EVERYTHING = "npm:@modelcontextprotocol/server-everything@2026.8.31";

function fixtureProcess(kind: FixtureKind, port: number, options: FixtureOptions): ProcessOptions {
  if (kind === "everything" || kind === "everythingSse") {
    const transport = kind === "everything" ? "streamableHttp" : "sse";
    return {
      args: ["run", "-A", `--lock=${ROOT}tests/deno.lock`, "--frozen", EVERYTHING, transport],
      env: { PORT: String(port) },
      cwd: ROOT,
    };
  }
  const args = [
    "run",
    "-A",
    `--lock=${ROOT}tests/deno.lock`,
    "--frozen",
    `${ROOT}tests/fixtures/${SCRIPTS[kind]}`,
    "--port",
    String(port),
  ];
  if (options.json) args.push("--json");
  if (options.stateless) args.push("--stateless");
  if (options.sessions) args.push("--sessions");
  if (options.journal !== undefined) args.push("--journal", options.journal);
  return { args, cwd: ROOT };
}

/** What a fixture prints once it listens. */
function listenedUrl(line: string, port: number): string | undefined {
  if (line.startsWith("MCP Streamable HTTP Server listening")) return `http://127.0.0.1:${port}/mcp`;
  if (line.startsWith("Server is running on port")) return `http://127.0.0.1:${port}/sse`;
  return /^listening (\S+)$/.exec(line)?.[1];
}

/** A running server. Its URL stays the same over restarts. */
export class Fixture implements AsyncDisposable {
  readonly kind: FixtureKind;
  readonly #options: FixtureOptions;
  #run: ChildRun;
  #url: string;

  private constructor(kind: FixtureKind, options: FixtureOptions, started: { run: ChildRun; url: string }) {
    this.kind = kind;
    this.#options = options;
    this.#run = started.run;
    this.#url = started.url;
  }

  static async start(kind: FixtureKind, options: FixtureOptions): Promise<Fixture> {
    const port = options.port ?? (kind.startsWith("everything") ? freePort() : 0);
    return new Fixture(kind, options, await Fixture.#launch(kind, port, options));
  }

  static async #launch(kind: FixtureKind, port: number, options: FixtureOptions) {
    const { within = [] } = options;
    const run = new ChildRun({ ...fixtureProcess(kind, port, options), within });
    try {
      return { run, url: await run.waitForLine((line) => listenedUrl(line, port), `${kind} to listen`) };
    } catch (error) {
      await run.kill();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#run.pid;
  }

  get logs(): readonly string[] {
    return this.#run.lines;
  }

  /** Ends the process and waits until it is gone. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    await this.#run.kill(signal);
  }

  /** Ends the process if it runs and starts a new one on the same port: every session is lost. */
  async restart(): Promise<void> {
    await this.kill();
    this.#run = (await Fixture.#launch(this.kind, Number(new URL(this.#url).port), this.#options)).run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Starts a server and returns once it listens. */
export function startFixture(kind: FixtureKind, options: FixtureOptions = {}): Promise<Fixture> {
  return Fixture.start(kind, options);
}
