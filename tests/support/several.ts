// Several fake MCP servers behind one Signet in this process, each with lists of its own and everything it was asked.
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp, type FakeOptions, type Recorded } from "./fake_mcp.ts";
import { INITIALIZE, type Lane, TestSignet } from "./signet.ts";

type Json = Record<string, unknown>;

const LIST_METHODS: Readonly<Record<string, string>> = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

function eventOf(index: number, message: Json): Uint8Array {
  return new TextEncoder().encode(`id: e${index}\ndata: ${JSON.stringify(message)}\n\n`);
}

/** One of several servers. */
export class FakeMember implements AsyncDisposable {
  readonly fake: FakeMcp;
  capabilities: Json = {
    tools: { listChanged: true },
    prompts: {},
    resources: { subscribe: true },
    logging: {},
    completions: {},
  };
  instructions: string | undefined;
  lists: Record<string, Json[]> = {
    tools: [{ name: "echo", inputSchema: { type: "object" } }],
    prompts: [{ name: "ask" }],
    resources: [{ uri: "file:///a", name: "a" }],
    resourceTemplates: [{ uriTemplate: "file:///{path}", name: "any" }],
  };
  /** Items of one page; all by default. */
  pageSize = Infinity;
  /** Before anything else: an answer of the test's own. */
  before: ((message: Json, request: Recorded) => Response | undefined | Promise<Response | undefined>) | undefined;
  protocolVersion: string | undefined;
  /** What it has said with ids, and says again to whoever comes back; undefined: its streams have none. */
  said: Json[] | undefined;

  constructor(options: FakeOptions = {}) {
    this.fake = new FakeMcp({ sessionsOnly: true, ...options });
    this.fake.onRequest = (request) => this.#answer(request);
  }

  get url(): string {
    return this.fake.url;
  }

  /** Parsed bodies of one method. */
  asked(method: string): Json[] {
    return this.fake.received("POST", method).map(({ body }) => JSON.parse(body));
  }

  async #answer(request: Recorded): Promise<Response | undefined> {
    if (request.method === "GET" && this.said !== undefined) return this.#listen(request);
    if (request.method !== "POST") return undefined;
    const message = JSON.parse(request.body);
    const special = await this.before?.(message, request);
    if (special !== undefined) return special;
    const { method, id, params = {} } = message;
    if (method === "initialize") return this.#initialize(id, params);
    if (id === undefined || method === undefined || !this.fake.sessions.has(request.sessionId ?? "")) return undefined;
    const items = LIST_METHODS[method];
    if (items !== undefined) return this.#page(id, items, params.cursor);
    const result = this.#resultOf(method, params);
    return result === undefined ? undefined : this.fake.message({ jsonrpc: "2.0", id, result });
  }

  /** Says something on its listening streams, and keeps it. */
  say(message: Json): void {
    const index = (this.said ??= []).push(message);
    for (const stream of this.fake.streams) stream.enqueue(eventOf(index, message));
  }

  #listen(request: Recorded): Response | undefined {
    if (!this.fake.sessions.has(request.sessionId ?? "")) return undefined;
    const from = Number(request.headers.get("last-event-id")?.slice(1) ?? this.said!.length);
    const { streams } = this.fake;
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (opened) => {
        controller = opened;
        streams.add(opened);
        for (const [i, message] of this.said!.entries()) if (i >= from) opened.enqueue(eventOf(i + 1, message));
      },
      cancel: () => void streams.delete(controller),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  #initialize(id: unknown, params: Json): Response {
    const session = crypto.randomUUID();
    this.fake.sessions.add(session);
    const result = {
      protocolVersion: this.protocolVersion ?? params.protocolVersion,
      capabilities: this.capabilities,
      serverInfo: { name: "fake", version: "1" },
      ...(this.instructions === undefined ? {} : { instructions: this.instructions }),
    };
    const response = this.fake.message({ jsonrpc: "2.0", id, result });
    response.headers.set("mcp-session-id", session);
    return response;
  }

  #page(id: unknown, items: string, cursor: unknown): Response {
    const all = this.lists[items] ?? [];
    const from = cursor === undefined ? 0 : Number(cursor);
    const next = from + this.pageSize;
    const result = { [items]: all.slice(from, next), ...(next < all.length ? { nextCursor: String(next) } : {}) };
    return this.fake.message({ jsonrpc: "2.0", id, result });
  }

  #resultOf(method: string, params: Json): Json | undefined {
    switch (method) {
      case "prompts/get":
        return { messages: [{ role: "user", content: { type: "text", text: String(params.name) } }] };
      case "resources/read":
        return { contents: [{ uri: params.uri, text: "text of it" }] };
      case "completion/complete":
        return { completion: { values: [JSON.stringify(params.ref)] } };
      default:
        return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fake[Symbol.asyncDispose]();
  }
}

export interface SeveralOptions {
  readonly lane?: Lane;
  readonly ring?: KeyRing;
  readonly flags?: readonly string[];
  readonly otel?: Readonly<Record<string, string>>;
}

/** Signet before members, each under the name it has in `members`; a `!` at its end marks one that is required. */
export function startSeveral(
  members: Readonly<Record<string, { readonly url: string }>>,
  options: SeveralOptions = {},
): Promise<TestSignet> {
  const [first, ...others] = Object.entries(members).map(([name, { url }]) => `${name}=${url}`);
  const flags = [...others.flatMap((other) => ["--upstream", other]), ...(options.flags ?? [])];
  return TestSignet.start({ ...options, upstream: first!, flags });
}

/** A session of several servers, by raw requests. */
export class SeveralSession {
  readonly signet: TestSignet;
  id = "";
  initialized: Json = {};
  #next = 0;

  constructor(signet: TestSignet) {
    this.signet = signet;
  }

  static async open(signet: TestSignet, headers: Record<string, string> = {}): Promise<SeveralSession> {
    const session = new SeveralSession(signet);
    const response = await signet.post(INITIALIZE, { headers });
    session.id = response.headers.get("mcp-session-id") ?? "";
    session.initialized = await messageIn(response);
    await (await signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id: session.id, headers })).body
      ?.cancel();
    return session;
  }

  /** The same session at another Signet. */
  at(signet: TestSignet): SeveralSession {
    const session = new SeveralSession(signet);
    session.id = this.id;
    return session;
  }

  async ask(method: string, params: Json = {}, headers: Record<string, string> = {}): Promise<Json> {
    const message = { jsonrpc: "2.0", id: `t${++this.#next}`, method, params };
    return await messageIn(await this.signet.post(message, { id: this.id, headers }));
  }

  call(name: string, args: Json = {}, headers: Record<string, string> = {}): Promise<Json> {
    return this.ask("tools/call", { name, arguments: args }, headers);
  }

  async names(method = "tools/list", key = "name"): Promise<string[]> {
    const { result } = await this.ask(method) as { result: Record<string, Json[]> };
    return result[LIST_METHODS[method]!]!.map((item) => String(item[key]));
  }
}

/** The response in an answer, whether it came as JSON or as events. */
export async function messageIn(response: Response): Promise<Json> {
  const text = await response.text();
  if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) return JSON.parse(text);
  const data = text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
  return data.findLast((message) => message.result !== undefined || message.error !== undefined) ?? {};
}
