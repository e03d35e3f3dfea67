// The servers of the table of eras: official ones of either era and one in another language, each with the tools by which
// it is made to do what a row asks for.
import { fileURLToPath } from "node:url";
import type { Connected } from "./mcp_client.ts";
import { ANSWERS } from "./mcp_client_contract.ts";
import { Journal } from "./mcp_journal.ts";
import { type FixtureKind, type FixtureOptions, startFixture } from "./mcp_servers.ts";
import { until } from "./until.ts";

/** What its tools are called, and how each row is seen to have happened. */
export interface Abilities {
  readonly lists: string;
  call(connected: Connected): Promise<unknown>;
  /** Reports progress, and answers. */
  progress(connected: Connected, onProgress: (progress: number) => void): Promise<unknown>;
  /** Says a log line that holds `text`, or any where that is not its choice. */
  readonly log: { readonly tool: string; readonly saysText: boolean };
  readonly sample: Named;
  readonly elicit: Named;
  readonly roots: Named;
  /** Changes the resource that it was asked to watch. */
  readonly watched: { readonly uri: string; readonly tool: string; readonly args?: Record<string, unknown> };
  /** Reports one step of progress, and hangs. */
  readonly hangs: { readonly tool: string; args(key: string): Record<string, unknown>; readonly tells: boolean };
}

interface Named {
  readonly tool: string;
  readonly args?: Record<string, unknown>;
  readonly gets: RegExp;
}

/** One that runs. */
export interface RunningServer extends AsyncDisposable {
  /** Endpoint, or command line. */
  readonly upstream: string | readonly string[];
  readonly journal: Journal;
  /** Ends it; another is in its place, or will be when it is needed. */
  restart(someone: Connected): Promise<void>;
}

export interface EraServer extends Abilities {
  readonly name: string;
  start(): Promise<RunningServer>;
}

const SDK: Abilities = {
  lists: "echo",
  call: ({ client }) => client.call("echo", { text: "hi" }),
  progress: ({ client }, onProgress) => client.call("slow", { steps: 3 }, { onProgress }),
  log: { tool: "log", saysText: true },
  sample: { tool: "sample", args: { prompt: "?" }, gets: new RegExp(ANSWERS.sample) },
  elicit: { tool: "elicit", args: { question: "?" }, gets: new RegExp(ANSWERS.elicit) },
  roots: { tool: "roots", gets: new RegExp(ANSWERS.root) },
  watched: { uri: "fixture://notes/1", tool: "note", args: { id: "1", text: "changed" } },
  hangs: { tool: "slow", args: (key) => ({ steps: 1, gate: "never", key }), tells: true },
};

async function startHttp(kind: FixtureKind, options: FixtureOptions = {}): Promise<RunningServer> {
  const journal = await Journal.create();
  const fixture = await startFixture(kind, { ...options, journal: journal.path });
  return {
    upstream: fixture.url,
    journal,
    restart: () => fixture.restart(),
    async [Symbol.asyncDispose]() {
      await fixture[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
    },
  };
}

const EVERYTHING: Abilities = {
  lists: "get-sum",
  call: ({ client }) => client.call("get-sum", { a: 2, b: 40 }),
  progress: ({ client }, onProgress) =>
    client.call("trigger-long-running-operation", { duration: 0.3, steps: 3 }, { onProgress }),
  log: { tool: "toggle-simulated-logging", saysText: false },
  sample: { tool: "trigger-sampling-request", args: { prompt: "?" }, gets: new RegExp(ANSWERS.sample) },
  elicit: { tool: "trigger-elicitation-request", gets: /provided the requested information/ },
  roots: { tool: "get-roots-list", gets: new RegExp(ANSWERS.root) },
  watched: { uri: "demo://resource/dynamic/text/1", tool: "toggle-subscriber-updates" },
  hangs: { tool: "trigger-long-running-operation", args: () => ({ duration: 20, steps: 200 }), tells: false },
};

const PYTHON: Abilities = {
  lists: "echo",
  call: ({ client }) => client.call("echo", { text: "hi" }),
  progress: ({ client }, onProgress) => client.call("progress", { steps: 3 }, { onProgress }),
  log: { tool: "log", saysText: true },
  sample: { tool: "sample", gets: new RegExp(ANSWERS.sample) },
  elicit: { tool: "elicit", gets: new RegExp(ANSWERS.elicit) },
  roots: { tool: "roots", gets: new RegExp(ANSWERS.root) },
  watched: { uri: "fixture://notes/1", tool: "note", args: { id: "1" } },
  hangs: { tool: "hang", args: (key) => ({ key }), tells: true },
};

const PYTHON_SCRIPT = fileURLToPath(new URL("../fixtures/stdio_python_server.py", import.meta.url));

async function startPython(): Promise<RunningServer> {
  const journal = await Journal.create();
  return {
    upstream: ["python3", PYTHON_SCRIPT, journal.path],
    journal,
    async restart({ client }) {
      const pid = async () => (await client.call("count")).split(" in ")[1];
      const before = await pid();
      Deno.kill(Number(before), "SIGKILL");
      const after = () => pid().catch(() => before);
      await until(async () => await after() !== before, "another process is in its place");
    },
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}

/** @param hasPython whether there is a `python3` */
export function eraServers(hasPython: boolean): EraServer[] {
  const sdk2 = (options: FixtureOptions) => () => startHttp("sdk2", options);
  return [
    { ...SDK, name: "SDK 1.x", start: () => startHttp("sdk1") },
    { ...SDK, name: "SDK 2.x, both", start: sdk2({}) },
    { ...SDK, name: "SDK 2.x, sessions", start: sdk2({ sessions: true }) },
    { ...SDK, name: "SDK 2.x, stateless", start: sdk2({ stateless: true }) },
    { ...EVERYTHING, name: "server-everything", start: () => startHttp("everything") },
    ...(hasPython ? [{ ...PYTHON, name: "Python, stdio", start: startPython }] : []),
  ];
}
