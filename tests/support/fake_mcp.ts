// A small stateful MCP server under the test's control: it records what reaches it, counts what it runs, and can forget
// its sessions as a restarted one does. For what only a real SDK server proves, see mcp_servers.ts.

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  readonly sessionId: string | null;
}

export function isInitialize(request: Recorded): boolean {
  return request.body.includes('"method":"initialize"');
}

/** How often a server was initialized. */
export function initializes(upstream: FakeMcp): number {
  return upstream.received("POST", "initialize").length;
}

/** How servers refuse a credential: the status, and the challenge that says why. */
export const CREDENTIAL_REFUSALS: readonly (readonly [code: number, challenge: string | undefined])[] = [
  [401, 'Bearer error="invalid_token"'],
  [401, undefined],
  [403, 'Bearer error="insufficient_scope", scope="more"'],
];

/** A call of a tool; what it answers is the result, or a whole Response. */
export interface ToolCall {
  readonly request: Recorded;
  readonly id: string | number;
  readonly params: { readonly name: string; readonly arguments?: Record<string, unknown> };
}

type Handler = (call: ToolCall) => unknown;

export interface FakeOptions {
  /** Answer POSTs with an event stream in place of JSON. */
  readonly events?: boolean;
  /** Give no session ids, as stateless legacy servers do. */
  readonly stateless?: boolean;
  /** Give sessions ids that another such server gives, too. */
  readonly predictable?: boolean;
  /** Knows no stateless revision, as servers before 2026-07-28. */
  readonly sessionsOnly?: boolean;
  /** Listen here; 0 for a free port. */
  readonly port?: number;
  /** What a lost session is answered with: status and JSON-RPC error. */
  readonly lost?: { status: number; code: number; message: string };
  /** Revision to answer initialize with; default: the one asked for. */
  readonly protocolVersion?: string;
}

const LOST = { status: 404, code: -32001, message: "Session not found" };

export class FakeMcp implements AsyncDisposable {
  readonly requests: Recorded[] = [];
  readonly sessions = new Set<string>();
  /** How often each tool ran. */
  readonly ran = new Map<string, number>();
  /** Streams that GET opened and the client's side has not closed. */
  readonly streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #tools = new Map<string, Handler>();
  readonly #options: FakeOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #encoder = new TextEncoder();
  #issued = 0;
  /** Replaces everything: for answers no MCP server should give. */
  onRequest: ((request: Recorded) => Response | undefined | Promise<Response | undefined>) | undefined;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: options.port ?? 0,
      onListen: () => {},
      onError: () => new Response("fault", { status: 500 }),
    }, (request) => this.#answer(request));
    this.tool("echo", ({ params }) => ({ echoed: params.arguments ?? null }));
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** What reached it with this HTTP method and, for POST, this JSON-RPC method. */
  received(httpMethod: string, rpcMethod?: string): Recorded[] {
    return this.requests.filter((r) =>
      r.method === httpMethod && (rpcMethod === undefined || r.body.includes(`"method":"${rpcMethod}"`))
    );
  }

  tool(name: string, handler: Handler): this {
    this.#tools.set(name, handler);
    return this;
  }

  /** As after a restart: nobody is known any more. */
  forgetSessions(): void {
    this.sessions.clear();
  }

  message(message: unknown): Response {
    if (!this.#options.events) return Response.json(message);
    return new Response(`event: message\ndata: ${JSON.stringify(message)}\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  }

  /** Sends an event to every open GET stream. */
  push(message: unknown): void {
    const bytes = this.#encoder.encode(`data: ${JSON.stringify(message)}\n\n`);
    for (const stream of this.streams) stream.enqueue(bytes);
  }

  async #answer(request: Request): Promise<Response> {
    const recorded: Recorded = {
      method: request.method,
      path: new URL(request.url).pathname + new URL(request.url).search,
      headers: request.headers,
      body: await request.text(),
      sessionId: request.headers.get("mcp-session-id"),
    };
    this.requests.push(recorded);
    const special = await this.onRequest?.(recorded);
    if (special !== undefined) return special;
    if (recorded.method === "POST") return await this.#post(recorded);
    if (!this.#knows(recorded)) return this.#lost();
    if (recorded.method === "GET") return this.#listen();
    this.sessions.delete(recorded.sessionId ?? "");
    return new Response(null, { status: 204 });
  }

  #knows(recorded: Recorded): boolean {
    return this.#options.stateless === true || this.sessions.has(recorded.sessionId ?? "");
  }

  #lost(): Response {
    const { status, code, message } = this.#options.lost ?? LOST;
    return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
  }

  async #post(recorded: Recorded): Promise<Response> {
    const message = JSON.parse(recorded.body);
    const params = message.params ?? {};
    if (message.method === "initialize") return this.#initialize(message.id, params);
    const modern = !this.#options.sessionsOnly &&
      params._meta?.["io.modelcontextprotocol/protocolVersion"] !== undefined;
    if (!modern && !this.#knows(recorded)) return this.#lost();
    if (message.id === undefined || message.method === undefined) return new Response(null, { status: 202 });
    if (message.method === "server/discover" && modern) return this.#discover(message.id);
    if (message.method !== "tools/call") return this.message({ jsonrpc: "2.0", id: message.id, result: {} });
    this.ran.set(params.name, (this.ran.get(params.name) ?? 0) + 1);
    const tool = this.#tools.get(params.name);
    const error = { code: -32602, message: "unknown tool" };
    if (tool === undefined) return this.message({ jsonrpc: "2.0", id: message.id, error });
    const answer = await tool({ request: recorded, id: message.id, params });
    const response = answer instanceof Response
      ? answer
      : this.message({ jsonrpc: "2.0", id: message.id, result: answer });
    // A server of the SDKs names the session on every answer.
    if (recorded.sessionId !== null && response.headers.get("mcp-session-id") === null) {
      response.headers.set("mcp-session-id", recorded.sessionId);
    }
    return response;
  }

  #initialize(id: string | number, params: { protocolVersion?: string }): Response {
    const result = {
      protocolVersion: this.#options.protocolVersion ?? params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "fake", version: "1" },
    };
    const response = this.message({ jsonrpc: "2.0", id, result });
    if (this.#options.stateless) return response;
    const suffix = this.#options.predictable === true ? "" : `-${crypto.randomUUID()}`;
    const sessionId = `upstream-session-${++this.#issued}${suffix}`;
    this.sessions.add(sessionId);
    response.headers.set("mcp-session-id", sessionId);
    return response;
  }

  #discover(id: string | number): Response {
    const result = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: {} } };
    return this.message({ jsonrpc: "2.0", id, result: { ...result, ttlMs: 0, cacheScope: "private" } });
  }

  #listen(): Response {
    const { streams } = this;
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(c) {
        controller = c;
        streams.add(c);
      },
      cancel: () => void streams.delete(controller),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.streams) {
      try {
        stream.close();
      } catch {
        // Closed by the other side.
      }
    }
    await this.#server.shutdown();
  }
}
