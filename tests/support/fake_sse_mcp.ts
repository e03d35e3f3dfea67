// An MCP server of the transport before Streamable HTTP (HTTP+SSE of 2024-11-05) that a test steers: it counts what runs,
// tells which credential came with what, and breaks its streams when told to.
export interface Posted {
  readonly path: string;
  readonly authorization: string | null;
  readonly message: Record<string, unknown>;
}

const encoder = new TextEncoder();

export class FakeSseMcp implements AsyncDisposable {
  readonly posted: Posted[] = [];
  /** Of each stream, the credential it was opened with. */
  readonly opened: (string | null)[] = [];
  readonly streams = new Map<string, ReadableStreamDefaultController<Uint8Array>>();
  /** What a stream names as the endpoint. */
  endpoint = (id: string): string => `/messages?session=${id}`;
  /** What a stream is answered with, in place of itself. */
  refusal: (() => Response) | undefined;
  /** What a message is answered with, in place of 202; undefined for 202. */
  onPost: ((posted: Posted) => Response | undefined) | undefined;
  /** What a call is answered with on the stream; undefined for nothing. */
  onCall: (posted: Posted) => unknown = ({ message }) => ({ result: { of: message.method } });
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/sse`;
  }

  get last(): ReadableStreamDefaultController<Uint8Array> {
    return [...this.streams.values()].at(-1)!;
  }

  say(text: string, stream = this.last): void {
    stream.enqueue(encoder.encode(text));
  }

  /** Ends every stream, in order. */
  cut(): void {
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
  }

  posts(method: string): Posted[] {
    return this.posted.filter(({ message }) => message.method === method);
  }

  async #answer(request: Request): Promise<Response> {
    if (request.method === "GET") return this.refusal?.() ?? this.#open(request);
    const url = new URL(request.url);
    const message = await request.json() as Record<string, unknown>;
    const posted = {
      path: url.pathname + url.search,
      authorization: request.headers.get("authorization"),
      message,
    };
    this.posted.push(posted);
    const refused = this.onPost?.(posted);
    if (refused !== undefined) return refused;
    const answer = message.id === undefined ? undefined : this.#reply(posted);
    const stream = this.streams.get(url.searchParams.get("session") ?? "");
    if (answer !== undefined && stream !== undefined) {
      this.say(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answer })}\n\n`, stream);
    }
    return new Response("Accepted", { status: 202 });
  }

  #reply(posted: Posted): object | undefined {
    if (posted.message.method !== "initialize") return this.onCall(posted) as object | undefined;
    const { protocolVersion } = posted.message.params as Record<string, unknown>;
    return { result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "old", version: "1" } } };
  }

  #open(request: Request): Response {
    const id = crypto.randomUUID();
    this.opened.push(request.headers.get("authorization"));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.streams.set(id, controller);
        const endpoint = this.endpoint(id);
        if (endpoint !== "") this.say(`event: endpoint\ndata: ${endpoint}\n\n`, controller);
      },
      cancel: () => void this.streams.delete(id),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#server.shutdown();
  }
}
