// What every measurement shares: keys, the request that is sent, how long to run, and how to get a session.
import type { Credentials } from "./credentials.ts";
import type { Opened } from "./load.ts";
import { runToEnd } from "./process.ts";
import type { Target } from "./raw_http.ts";
import type { Finding } from "./report.ts";

export interface Context {
  readonly credentials: Credentials;
  /** Of one measurement, in seconds. */
  readonly seconds: number;
  readonly rounds: number;
  readonly quick: boolean;
  /** A compiled Signet, to be measured beside the one that Deno runs from source. */
  readonly executable?: string | undefined;
  /** Another checkout, to be measured in turn with this one. */
  readonly other?: string | undefined;
  readonly log: (line: string) => void;
  /** Adds a table with the figures behind the rows. */
  readonly addDetail: (title: string, table: string) => void;
}

/** A measurement that fills rows, or adds tables only where nothing is promised. */
export interface Job {
  readonly name: string;
  /** Ids of the rows it fills. */
  readonly rows: readonly string[];
  run(context: Context): Promise<Finding[]>;
}

export const PATH = "/mcp";

/** Some 200 bytes, a typical tool call. */
export const CALL = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: {
    name: "echo",
    arguments: { text: "the quick brown fox jumps over the lazy dog, again and again, until it is done" },
  },
});

export const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: { sampling: {}, roots: { listChanged: true } },
    clientInfo: { name: "bench-client", version: "1.0.0" },
  },
});

export function headersFor(context: Context, sessionId?: string): Record<string, string> {
  return {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "authorization": `Bearer ${context.credentials.token}`,
    "mcp-protocol-version": "2025-11-25",
    ...(sessionId === undefined ? {} : { "mcp-session-id": sessionId }),
  };
}

export const streamHeaders = (context: Context) => ({
  "accept": "text/event-stream",
  "authorization": `Bearer ${context.credentials.token}`,
  "mcp-protocol-version": "2025-11-25",
});

/** Runs one job of load.ts and gives what it prints last; `onLine` hears each line as it comes. */
export async function runLoad<T>(
  context: Context,
  job: string,
  options: unknown,
  onLine?: (line: string) => void,
): Promise<T> {
  const output = await runToEnd([...loadCommand(), job, await jobFile(context, options)], "load", onLine);
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "null");
}

export const loadCommand = () => [Deno.execPath(), "run", "-A", `${import.meta.dirname}/load.ts`];

/** Options go through a file: twenty thousand ids do not fit on a command line. */
export async function jobFile(context: Context, options: unknown): Promise<string> {
  const path = await Deno.makeTempFile({ dir: context.credentials.directory, prefix: "job_" });
  await Deno.writeTextFile(path, JSON.stringify(options));
  return `@${path}`;
}

/** `count` sessions made one after the other, with the time each took. */
export async function openSessions(context: Context, target: Target, count: number): Promise<Opened> {
  return await runLoad<Opened>(context, "opens", { target, headers: headersFor(context), body: INITIALIZE, count });
}

export const targetOf = (port: number): Target => ({ port, path: PATH });

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
