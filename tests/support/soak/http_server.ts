// The MCP server of a soak over HTTP: it believes the credential that reaches it, remembers whose each session is, and
// notes everything that reaches it with somebody else's mark, or twice.
import { type Findings, foreignMarks } from "./marks.ts";

const encoder = new TextEncoder();

function subjectOf(headers: Headers): string {
  const payload = headers.get("authorization")?.split(".")[1];
  if (payload === undefined) return "nobody";
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" }))).sub;
}

/** Fields whose twins with `_` a server might take for them. */
const VOUCHED: ReadonlySet<string> = new Set(["authorization", "mcp-session-id", "mcp-protocol-version"]);

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown> };
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class SoakServer implements AsyncDisposable {
  readonly #findings: Findings;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #owners = new Map<string, string>();
  readonly #streams = new Set<() => void>();
  /** Calls that were answered with words of a lost session: none may come again. */
  readonly #refused = new Set<string>();
  #issued = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      onError: () => new Response("", { status: 500 }),
    };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  /** Sessions that nobody has ended. */
  get sessions(): number {
    return this.#owners.size;
  }

  async #answer(request: Request): Promise<Response> {
    const owner = subjectOf(request.headers);
    const body = await request.text();
    const sessionId = request.headers.get("mcp-session-id");
    this.#inspect(owner, body, request);
    if (request.method === "POST" && body.includes('"initialize"')) return this.#open(owner, JSON.parse(body));
    const known = sessionId === null ? undefined : this.#owners.get(sessionId);
    if (sessionId === null || known === undefined) {
      const error = { code: -32001, message: "Session not found" };
      return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 404 });
    }
    if (known !== owner) this.#findings.add("a session reached by another caller", `${owner} in ${known}'s: ${body}`);
    if (request.method === "GET") return this.#listen(owner);
    if (request.method === "POST") return await this.#post(owner, JSON.parse(body), body);
    this.#owners.delete(sessionId);
    return new Response(null, { status: 204 });
  }

  #inspect(owner: string, body: string, request: Request): void {
    const text = `${body} ${request.url} ${[...request.headers].map((field) => field.join(":")).join(" ")}`;
    const foreign = foreignMarks(text, owner);
    if (foreign.length > 0) this.#findings.add("foreign bytes at the server", `${owner} sent ${foreign}: ${body}`);
    if (body.includes("Bearer ")) this.#findings.add("a credential in a body", body);
    for (const name of request.headers.keys()) {
      if (name.includes("_") && VOUCHED.has(name.replaceAll("_", "-"))) {
        this.#findings.add("a disguised field at the server", name);
      }
    }
  }

  #open(owner: string, { id }: Message): Response {
    const sessionId = `soak-${++this.#issued}-${crypto.randomUUID()}`;
    this.#owners.set(sessionId, owner);
    const serverInfo = { name: "soak", version: "1" };
    const result = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
    return Response.json({ jsonrpc: "2.0", id, result }, { headers: { "mcp-session-id": sessionId } });
  }

  async #post(owner: string, message: Message, body: string): Promise<Response> {
    if (message.id === undefined || message.method === undefined) return new Response(null, { status: 202 });
    const { name, arguments: args = {} } = message.params ?? {};
    if (name === "refuse") return this.#refuse(message.id, args);
    if (name === "slow") await later(Number(args.ms));
    const answer = { jsonrpc: "2.0", id: message.id, result: { owner, args } };
    if (name !== "events") return Response.json(answer);
    const text = `data: ${JSON.stringify(answer)}\n\n`;
    if (body.length > 1e7) this.#findings.add("a body beyond the cap", `${body.length}`);
    return new Response(text, { headers: { "content-type": "text/event-stream" } });
  }

  /** The words of a lost session in the answer of a call that has run. */
  #refuse(id: string | number, args: Record<string, unknown>): Response {
    const nonce = String(args.nonce);
    if (this.#refused.has(nonce)) this.#findings.add("a call ran twice", JSON.stringify(args));
    this.#refused.add(nonce);
    switch (args.form) {
      case "text":
        return new Response("Session not found", { status: 404 });
      case "detail":
        return Response.json({ detail: "user 7 not found" }, { status: 404 });
      default: {
        const error = { code: -32000, message: "Invalid session ID: the CRM has none such" };
        return Response.json({ jsonrpc: "2.0", id, error }, { status: 400 });
      }
    }
  }

  #listen(owner: string): Response {
    let timer: ReturnType<typeof setInterval> | undefined;
    let end = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const event = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: owner } };
        const bytes = encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
        controller.enqueue(bytes);
        timer = setInterval(() => controller.enqueue(bytes), 500);
        end = () => {
          clearInterval(timer);
          this.#streams.delete(end);
          try {
            controller.close();
          } catch {
            // The other side has closed it.
          }
        };
        this.#streams.add(end);
      },
      cancel: () => end(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#streams) end();
    await this.#server.shutdown();
  }
}
