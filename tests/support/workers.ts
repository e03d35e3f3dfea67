// Callers of a Signet of several workers: each request on a connection of its own, so that any worker may take it.
import { type Signet, type SignetOptions, startSignet } from "./mcp_signet.ts";
import { until } from "./until.ts";

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" } as const;

export interface WorkerAnswer {
  readonly status: number;
  readonly sessionId: string | undefined;
  /** The JSON-RPC message of the body, also where it is the first of a stream. */
  readonly message: Record<string, unknown> | undefined;
}

/** Signet with so many workers. */
export class Workers implements AsyncDisposable {
  readonly signet: Signet;
  // Without a pool each request has a connection of its own.
  readonly #client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  #id = 0;

  private constructor(signet: Signet) {
    this.signet = signet;
  }

  static async start(count: number, options: SignetOptions): Promise<Workers> {
    return new Workers(await startSignet({ ...options, args: ["--workers", String(count), ...options.args ?? []] }));
  }

  async send(method: string, params: Record<string, unknown>, sessionId?: string): Promise<WorkerAnswer> {
    const headers = { ...HEADERS, ...(sessionId === undefined ? {} : { "mcp-session-id": sessionId }) };
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const response = await fetch(this.signet.url, { method: "POST", headers, body, client: this.#client });
    const text = await response.text();
    const json = text.startsWith("{") ? text : /^data: (\{.*)$/m.exec(text)?.[1];
    return {
      status: response.status,
      sessionId: response.headers.get("mcp-session-id") ?? undefined,
      message: json === undefined ? undefined : JSON.parse(json),
    };
  }

  /** A ping in a session, at some address. */
  async sendTo(url: string, sessionId: string): Promise<{ readonly status: number; readonly text: string }> {
    const headers = { ...HEADERS, "mcp-session-id": sessionId };
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method: "ping" });
    const response = await fetch(url, { method: "POST", headers, body, client: this.#client });
    return { status: response.status, text: await response.text() };
  }

  /** @returns the status of an initialize by whoever has this token */
  async probe(token: string): Promise<number> {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
    const headers = { ...HEADERS, authorization: `Bearer ${token}` };
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method: "initialize", params });
    const response = await fetch(this.signet.url, { method: "POST", headers, body, client: this.#client });
    await response.body?.cancel();
    return response.status;
  }

  /** @returns the id of a new session */
  async open(): Promise<string> {
    const clientInfo = { name: "test", version: "1" };
    const answer = await this.send("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
    if (answer.sessionId === undefined) throw new Error(`initialize: found ${JSON.stringify(answer)}`);
    return answer.sessionId;
  }

  async call(sessionId: string, name: string, args: Record<string, unknown> = {}): Promise<WorkerAnswer> {
    return await this.send("tools/call", { name, arguments: args }, sessionId);
  }

  /** What the admin listener answers, as JSON. */
  async admin<T>(path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.signet.adminUrl}${path}`, {
      client: this.#client,
      ...(body === undefined
        ? {}
        : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return await response.json() as T;
  }

  /** A sample of the whole machine's metrics, by its name and labels. */
  async metric(sample: string): Promise<number> {
    const text = await (await fetch(`${this.signet.adminUrl}/metrics`, { client: this.#client })).text();
    const line = text.split("\n").find((line) => line.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1));
  }

  async allUp(count: number): Promise<void> {
    await until(async () => await this.metric('signet_workers{state="up"}') === count, `${count} workers to serve`);
  }

  /** Processes that this Signet has started itself. */
  pids(): number[] {
    const { pid } = this.signet;
    const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    return text.trim().split(" ").filter((word) => word !== "").map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.signet[Symbol.asyncDispose]();
  }
}
