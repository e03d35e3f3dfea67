// Signet in this process, on free loopback ports, with its configuration read as the command line's would be.
// For what only a process of its own proves (signals, crashes), see mcp_signet.ts.
import assert from "node:assert/strict";
import { type App, startApp } from "../../lib/app/app.ts";
import type { Descriptors } from "../../lib/app/connection_bound.ts";
import { findExplained } from "../../lib/cli/explained/table.ts";
import { parseFlags } from "../../lib/config/flags.ts";
import { loadSettings } from "../../lib/config/load.ts";
import { readTelemetry } from "../../lib/config/otel_variables.ts";
import { SETTING_KEYS } from "../../lib/config/schema.ts";
import { ephemeralKeyRing, type KeyRing } from "../../lib/envelope/key_ring.ts";
import { ConfigError } from "../../lib/errors.ts";
import { createLogger } from "../../lib/observe/log.ts";
import { LogTail } from "../../lib/observe/log_tail.ts";
import "./kept_responses.ts";
import "./poison.ts";
import { within } from "./until.ts";

export const LANES = ["fast", "full"] as const;
export type Lane = typeof LANES[number];

export interface SignetOptions {
  /** Endpoint of the MCP server, or the command line of one over stdio. */
  readonly upstream: string | readonly string[];
  readonly flags?: readonly string[];
  readonly lane?: Lane;
  readonly ring?: KeyRing;
  /** Where it listens; default: any free port of 127.0.0.1. */
  readonly listen?: string;
  readonly now?: () => number;
  /** `--connect-patience`; none unless the test is about it. */
  readonly patience?: string;
  /** Where the admin listener is; default: a free port of loopback. */
  readonly admin?: string;
  /** How many files may be open; default: as the system says. */
  readonly descriptors?: Descriptors;
  /** `OTEL_…` variables: what is exported, and where. */
  readonly otel?: Readonly<Record<string, string>>;
}

/** What a test says of one request. */
export interface Ask {
  readonly id?: string | undefined;
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

export function call(id: string | number, name: string, args: Record<string, unknown> = {}) {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } };
}

export function freshRing(): KeyRing {
  return ephemeralKeyRing((n) => crypto.getRandomValues(new Uint8Array(n)));
}

export class TestSignet implements AsyncDisposable {
  readonly app: App;
  /** Log lines, parsed. */
  readonly logs: Record<string, unknown>[];
  /** What the next reload will find. */
  ring: KeyRing;
  flags: readonly string[];

  private constructor(app: App, state: { logs: Record<string, unknown>[]; ring: KeyRing; flags: readonly string[] }) {
    this.app = app;
    this.logs = state.logs;
    this.ring = state.ring;
    this.flags = state.flags;
  }

  static async start(options: SignetOptions): Promise<TestSignet> {
    const logs: Record<string, unknown>[] = [];
    const write = (line: string) => void logs.push(JSON.parse(line));
    const logTail = new LogTail(options.now ?? (() => 0));
    const log = createLogger({ level: "debug", format: "json", now: () => 0, write, tail: logTail });
    const { upstream } = options;
    const flags = [
      ...["--listen", options.listen ?? "127.0.0.1:0", "--admin", options.admin ?? "127.0.0.1:0"],
      ...(typeof upstream === "string" ? ["--upstream", upstream, "--connect-patience", "0"] : []),
      ...(options.lane === "full" ? ["--full-lane"] : []),
      ...(options.flags ?? []),
      ...(typeof upstream === "string" ? [] : ["--", ...upstream]),
    ];
    const state = { logs, ring: options.ring ?? freshRing(), flags };
    const holder: { current: { ring: KeyRing; flags: readonly string[] } } = { current: state };
    const settings = async () => {
      const parsed = parseFlags(holder.current.flags, { command: "signet serve", accepts: new Set(SETTING_KEYS) });
      const readTextFile = (path: string) => Deno.readTextFile(path);
      const fileMode = async (path: string) => (await Deno.stat(path)).mode;
      return (await loadSettings({ flags: parsed, env: {}, readTextFile, fileMode })).settings;
    };
    const { telemetry, problems } = readTelemetry(options.otel ?? {});
    if (problems.length > 0) throw new ConfigError(problems);
    const app = await startApp({
      telemetry,
      settings: await settings(),
      loadKeys: () => Promise.resolve({ ring: holder.current.ring, source: "test", ephemeral: false, warnings: [] }),
      reloadSettings: settings,
      ...{ log, logTail, explain: (name) => Promise.resolve(findExplained(name)) },
      now: options.now ?? Date.now,
      ...(options.descriptors === undefined ? {} : { descriptors: options.descriptors }),
    });
    const signet = new TestSignet(app, state);
    holder.current = signet;
    return signet;
  }

  get url(): string {
    return this.app.listen;
  }

  headers(ask: Ask): Record<string, string> {
    return {
      ...(ask.id === undefined ? {} : { "mcp-session-id": ask.id }),
      ...(ask.token === undefined ? {} : { authorization: `Bearer ${ask.token}` }),
      ...ask.headers,
    };
  }

  post(message: unknown, ask: Ask = {}): Promise<Response> {
    return fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...this.headers(ask),
      },
      body: typeof message === "string" ? message : JSON.stringify(message),
      ...(ask.signal ? { signal: ask.signal } : {}),
    });
  }

  get(ask: Ask = {}): Promise<Response> {
    const init = ask.signal ? { signal: ask.signal } : {};
    return fetch(this.url, { headers: { accept: "text/event-stream", ...this.headers(ask) }, ...init });
  }

  delete(ask: Ask = {}): Promise<Response> {
    const init = ask.signal ? { signal: ask.signal } : {};
    return fetch(this.url, { method: "DELETE", headers: this.headers(ask), ...init });
  }

  /** Opens a session and answers its id. */
  async open(ask: Ask = {}, initialize: unknown = INITIALIZE): Promise<string> {
    const response = await this.post(initialize, ask);
    const body = await response.text();
    const id = response.headers.get("mcp-session-id");
    if (id === null) throw new Error(`opening a session: status ${response.status}, ${body}`);
    return id;
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://${this.app.admin}/metrics`)).text();
  }

  /** One number of the metrics page. */
  async metric(name: string): Promise<number> {
    const line = (await this.metrics()).split("\n").find((line) => line.startsWith(`${name} `));
    if (line === undefined) throw new Error(`reading metric ${name}: there is none`);
    return Number(line.slice(name.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.drain();
  }
}

/** The status of a response whose body does not matter. */
export async function status(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

/** Ends sessions as an operator does. @param request what `POST /sessions/revoke` takes */
export async function revoke(signet: TestSignet, request: unknown): Promise<void> {
  const response = await fetch(`http://${signet.app.admin}/sessions/revoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  assert.equal(response.status, 200, await response.text());
}

/** The one message of an answer, as JSON or as the last event of a stream. */
export async function messageOf(response: Promise<Response>): Promise<Record<string, unknown>> {
  const text = await (await response).text();
  return JSON.parse(text.startsWith("{") ? text : text.slice(text.lastIndexOf("\ndata: {") + 7));
}

/** What a stream says until it has said this; it is left behind it. */
export function saidUntil(stream: Response, last: string): Promise<string> {
  const read = async () => {
    let text = "";
    for await (const piece of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (text.includes(last)) return text;
    }
    throw new Error(`reading a stream: found its end behind ${JSON.stringify(text)}, want ${last}`);
  };
  return within(`a stream that says ${last}`, read());
}
