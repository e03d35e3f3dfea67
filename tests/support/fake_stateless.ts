// A small MCP server of the stateless era alone (MCP 2026-07-28) under the test's control: it records what reaches it,
// checks what such a server has to check, and refuses sessions as the official SDK does with `legacy: "reject"`.
import { STATELESS_VERSION } from "./stateless.ts";
import type { Json } from "./stdio.ts";

export interface StatelessSeen {
  readonly method: string;
  readonly id: unknown;
  readonly params: Json;
  readonly meta: Json;
  readonly headers: Headers;
  readonly body: string;
}

/** What a method is answered with: a result, an error as `{ error }`, or a whole Response. */
type Handler = (seen: StatelessSeen) => unknown;

const encoder = new TextEncoder();
const PREFIX = "io.modelcontextprotocol/";

/** A subscription that its client has not closed. */
export class OpenSubscription {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly seen: StatelessSeen;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, seen: StatelessSeen) {
    this.#controller = controller;
    this.seen = seen;
  }

  acknowledge(notifications: Json): void {
    this.tell("notifications/subscriptions/acknowledged", { notifications });
  }

  tell(method: string, params: Json = {}): void {
    const _meta = { [`${PREFIX}subscriptionId`]: this.seen.id };
    this.#send({ jsonrpc: "2.0", method, params: { ...params, _meta } });
  }

  end(): void {
    const _meta = { [`${PREFIX}subscriptionId`]: this.seen.id };
    this.#send({ jsonrpc: "2.0", id: this.seen.id, result: { resultType: "complete", _meta } });
    this.#controller.close();
  }

  #send(message: Json): void {
    this.#controller.enqueue(encoder.encode(`data: ${JSON.stringify(message)}\n\n`));
  }
}

export class FakeStateless implements AsyncDisposable {
  readonly requests: StatelessSeen[] = [];
  /** HTTP methods and JSON-RPC methods of what was refused before it was a request of this era. */
  readonly refused: string[] = [];
  readonly subscriptions = new Set<OpenSubscription>();
  capabilities: Json = { tools: {} };
  /** Whether it acknowledges subscriptions by itself, at once. */
  acknowledges = true;
  /** Which of what is asked for it tells of. */
  honors: (notifications: Json) => Json = (notifications) => notifications;
  readonly #handlers = new Map<string, Handler>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(port = 0) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => this.#answer(request));
    this.on("server/discover", () => ({
      resultType: "complete",
      supportedVersions: [STATELESS_VERSION],
      capabilities: this.capabilities,
      ttlMs: 0,
      cacheScope: "private",
      _meta: { [`${PREFIX}serverInfo`]: { name: "stateless", version: "7" } },
    }));
    this.on("subscriptions/listen", (seen) => this.#subscribe(seen));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  get port(): number {
    return this.#server.addr.port;
  }

  on(method: string, handler: Handler): this {
    this.#handlers.set(method, handler);
    return this;
  }

  /** What answers a method now. */
  handlerOf(method: string): Handler {
    return this.#handlers.get(method)!;
  }

  received(method: string): StatelessSeen[] {
    return this.requests.filter((seen) => seen.method === method);
  }

  async #answer(request: Request): Promise<Response> {
    const body = await request.text();
    if (request.method !== "POST") {
      this.refused.push(request.method);
      return new Response(null, { status: 405 });
    }
    const { id, method, params = {} } = JSON.parse(body);
    const meta = params._meta ?? {};
    const refuse = (status: number, code: number, data?: unknown) =>
      Response.json({ jsonrpc: "2.0", id: id ?? null, error: { code, message: `code ${code}`, data } }, { status });
    if (meta[`${PREFIX}protocolVersion`] !== STATELESS_VERSION) {
      this.refused.push(method);
      return refuse(400, -32022, { supported: [STATELESS_VERSION], requested: params.protocolVersion });
    }
    const { headers } = request;
    const named = params.name ?? params.uri;
    const name = headers.get("mcp-name");
    const isNamed = ["tools/call", "prompts/get", "resources/read"].includes(method);
    if (
      headers.get("mcp-protocol-version") !== STATELESS_VERSION || headers.get("mcp-method") !== method ||
      (isNamed && name !== named && !name?.startsWith("=?base64?"))
    ) return refuse(400, -32020);
    const seen: StatelessSeen = { method, id, params, meta, headers, body };
    this.requests.push(seen);
    const handler = this.#handlers.get(method);
    if (handler === undefined) return refuse(404, -32601);
    const answer = await handler(seen);
    if (answer instanceof Response) return answer;
    const { error } = answer as Json;
    return Response.json(error === undefined ? { jsonrpc: "2.0", id, result: answer } : { jsonrpc: "2.0", id, error });
  }

  #subscribe(seen: StatelessSeen): Response {
    let open: OpenSubscription;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        open = new OpenSubscription(controller, seen);
        this.subscriptions.add(open);
        if (this.acknowledges) open.acknowledge(this.honors(seen.params.notifications as Json));
        else controller.enqueue(encoder.encode(": begun\n\n"));
      },
      cancel: () => void this.subscriptions.delete(open),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of this.subscriptions) {
      try {
        open.end();
      } catch {
        // Closed by the other side.
      }
    }
    await this.#server.shutdown();
  }
}
