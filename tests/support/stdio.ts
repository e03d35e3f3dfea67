// A stdio upstream under test, spoken to as the gateway would, and what its answers hold.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { errorAnswer } from "../../lib/bridge/answers/http_answer.ts";
import type { UpstreamSessionId } from "../../lib/envelope/session_id.ts";
import type { Call, ClientResponse } from "../../lib/http1/types.ts";
import { fieldValue } from "../../lib/http1/wire/fields/fields.ts";
import { ownBytes } from "../../lib/http1/wire/streams/borrowed.ts";
import { SseParser } from "../../lib/mcp/events/sse.ts";
import { createLogger } from "../../lib/observe/log.ts";
import { LostSession, type SessionCall } from "../../lib/session/lost_session.ts";
import { sessionNamed } from "../../lib/upstream/session_named.ts";
import { StdioUpstream, type StdioUpstreamOptions } from "../../lib/upstream/stdio.ts";
import type { ServerCommand } from "../../lib/upstream/stdio/launch.ts";
import type { UpstreamRequest } from "../../lib/upstream/upstream.ts";
import { callerKeys } from "./callers.ts";
import { CENSUS_VARIABLE } from "./process_census.ts";

export const FIXTURE = fileURLToPath(new URL("../fixtures/stdio_server.ts", import.meta.url));

export type Json = Record<string, unknown>;

/** The command of the bundled fixture server. */
export function fixture(...flags: string[]): ServerCommand {
  return { command: Deno.execPath(), args: ["run", "-A", "--no-lock", "--no-config", FIXTURE, ...flags] };
}

export interface Asking {
  readonly sessionId?: string;
  readonly accept?: string;
  readonly fields?: readonly string[];
  readonly principal?: string;
  readonly session?: string;
  readonly revival?: boolean;
}

export interface Seen {
  readonly status: number;
  readonly type: string | undefined;
  readonly sessionId: string | undefined;
  /** The messages of the body, in order. */
  readonly messages: Json[];
  /** Event ids, of all events that have one. */
  readonly eventIds: string[];
}

/** Who asks where a test does not say. */
const NOBODY = "";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function initializeMessage(protocolVersion = "2025-11-25", id: string | number = 0): Json {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: "test", version: "1" } };
  return { jsonrpc: "2.0", id, method: "initialize", params };
}

export function toolCall(id: string | number, name: string, args: Json = {}, token?: string | number): Json {
  const _meta = token === undefined ? {} : { _meta: { progressToken: token } };
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args, ..._meta } };
}

/** What a fixture's tool returned. */
export function resultOf(message: Json | undefined): Json {
  const result = message?.result as { content?: { text: string }[] } | undefined;
  if (result?.content === undefined) throw new Error(`reading a tool's result: found ${JSON.stringify(message)}`);
  return JSON.parse(result.content[0]!.text);
}

export function errorOf(message: Json | undefined): { code: number; message: string } {
  assert.ok(message?.error !== undefined, `want an error, found ${JSON.stringify(message)}`);
  return message.error as { code: number; message: string };
}

/** An event stream being read event by event. */
export class EventReader {
  readonly eventIds: string[] = [];
  readonly #response: ClientResponse;
  readonly #parser = new SseParser({ maxEventBytes: 64 * 1024 * 1024 });
  readonly #ready: Json[] = [];

  constructor(response: ClientResponse) {
    this.#response = response;
  }

  /** The next message; undefined at the end of the stream. */
  async next(): Promise<Json | undefined> {
    while (this.#ready.length === 0) {
      const bytes = await this.#response.body.read();
      if (bytes === null) return undefined;
      this.#take(ownBytes(bytes));
    }
    return this.#ready.shift();
  }

  #take(bytes: Uint8Array): void {
    for (const event of this.#parser.push(bytes)) {
      if (event.id !== undefined) this.eventIds.push(event.id);
      if (event.data) this.#ready.push(JSON.parse(event.data));
    }
  }

  /** The first event id, once it is there. */
  async firstId(): Promise<string> {
    while (this.eventIds.length === 0) {
      const bytes = await this.#response.body.read();
      if (bytes === null) throw new Error("reading an event id: the stream has ended without one");
      this.#take(ownBytes(bytes));
    }
    return this.eventIds[0]!;
  }

  /** The next bytes as they are. */
  async bytes(): Promise<string> {
    return decoder.decode(ownBytes((await this.#response.body.read()) ?? new Uint8Array(0)));
  }

  async rest(): Promise<Json[]> {
    const messages: Json[] = [];
    for (let message = await this.next(); message !== undefined; message = await this.next()) messages.push(message);
    return messages;
  }

  release(): void {
    this.#response.release();
  }
}

/** A lost session as a server over HTTP would tell it. */
export function spoken(call: SessionCall): Call {
  const response = call.response.then((answer) =>
    answer instanceof LostSession
      ? errorAnswer("session_not_found", { id: null, code: -32001, message: "Session not found" })
      : answer
  );
  response.catch(() => {});
  return { response, abort: () => call.abort() };
}

/** Reads an answer to its end. */
export async function readAnswer(response: ClientResponse): Promise<Seen> {
  const { head } = response;
  const type = fieldValue(head.fields, "content-type");
  const base = { status: head.status, type, sessionId: fieldValue(head.fields, "mcp-session-id") };
  try {
    if (type === "text/event-stream") {
      const events = new EventReader(response);
      return { ...base, messages: await events.rest(), eventIds: events.eventIds };
    }
    const bytes = await response.body.readAll(64 * 1024 * 1024);
    const body = bytes.length === 0 ? [] : JSON.parse(decoder.decode(bytes));
    return { ...base, messages: Array.isArray(body) ? body : [body], eventIds: [] };
  } finally {
    response.release();
  }
}

/** One session of a client. */
export class StdioSession {
  readonly id: string;
  readonly #upstream: TestStdio;

  constructor(upstream: TestStdio, id: string) {
    this.#upstream = upstream;
    this.id = id;
  }

  post(message: unknown, asking: Asking = {}): Promise<Seen> {
    return this.#upstream.post(message, { ...asking, sessionId: this.id });
  }

  begin(message: unknown, asking: Asking = {}): Call {
    return this.#upstream.begin(message, { ...asking, sessionId: this.id });
  }

  /** Calls a tool and answers its result. */
  async call(id: string | number, name: string, args: Json = {}): Promise<Json> {
    const { messages } = await this.post(toolCall(id, name, args));
    return resultOf(messages.at(-1));
  }

  /** Opens a listening stream, or resumes one. */
  async listen(lastEventId?: string): Promise<EventReader> {
    const fields = [
      "accept",
      "text/event-stream",
      ...(lastEventId === undefined ? [] : ["last-event-id", lastEventId]),
    ];
    const call = spoken(this.#upstream.upstream.send({
      method: "GET",
      query: "",
      fields,
      upstreamSessionId: this.id as UpstreamSessionId,
      body: undefined,
      caller: callerKeys(NOBODY),
      session: undefined,
    }));
    const response = await call.response;
    if (response.head.status !== 200) throw new Error(`listening: found status ${response.head.status}`);
    return new EventReader(response);
  }

  async delete(): Promise<number> {
    const request: UpstreamRequest = {
      method: "DELETE",
      query: "",
      fields: [],
      upstreamSessionId: this.id as UpstreamSessionId,
      body: undefined,
      caller: callerKeys(NOBODY),
      session: undefined,
    };
    return (await readAnswer(await spoken(this.#upstream.upstream.send(request)).response)).status;
  }
}

export type TestStdioOptions = Partial<Omit<StdioUpstreamOptions, "log" | "name">>;

export class TestStdio implements AsyncDisposable {
  /** In the environment of every process started: for the census. */
  readonly token = crypto.randomUUID();
  readonly upstream: StdioUpstream;
  readonly logs: Json[] = [];

  constructor(options: TestStdioOptions = {}) {
    const write = (line: string) => void this.logs.push(JSON.parse(line));
    const server = options.server ?? fixture();
    this.upstream = new StdioUpstream({
      name: "test",
      machine: { environment: Deno.env.toObject(), linux: Deno.build.os === "linux" },
      log: createLogger({ level: "debug", format: "json", now: () => 0, write }),
      ...options,
      server: { ...server, env: { ...server.env, [CENSUS_VARIABLE]: this.token } },
    });
  }

  begin(message: unknown, asking: Asking = {}): Call {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    const request: UpstreamRequest = {
      method: "POST",
      query: "",
      fields: ["accept", asking.accept ?? "application/json, text/event-stream", ...(asking.fields ?? [])],
      upstreamSessionId: asking.sessionId as UpstreamSessionId | undefined,
      body: encoder.encode(text),
      caller: callerKeys(asking.principal ?? NOBODY),
      session: sessionNamed(asking.session),
      ...(asking.revival === undefined ? {} : { revival: asking.revival }),
    };
    return spoken(this.upstream.send(request));
  }

  async post(message: unknown, asking: Asking = {}): Promise<Seen> {
    return await readAnswer(await this.begin(message, asking).response);
  }

  /** Opens a session the way a client does. */
  async open(asking: Asking & { protocolVersion?: string } = {}): Promise<StdioSession> {
    const { sessionId, status, messages } = await this.post(initializeMessage(asking.protocolVersion), asking);
    if (sessionId === undefined) throw new Error(`opening a session: status ${status}, ${JSON.stringify(messages)}`);
    const session = new StdioSession(this, sessionId);
    await session.post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream.close();
  }
}
