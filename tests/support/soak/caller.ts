// An honest caller of a soak: opens a session, listens, calls, notifies, ends it and begins again. It looks at every byte
// that comes back, and takes anything but what it asked for as a finding.
import { type Findings, foreignMarks } from "./marks.ts";

/** What every caller of a soak has. */
export interface Scene {
  readonly url: string;
  readonly client: Deno.HttpClient;
  readonly findings: Findings;
  /** Aborted when the soak is over. */
  readonly over: AbortSignal;
  /** Session ids of the honest, for whoever would like to have one. */
  readonly loot: Set<string>;
}

/** No answer may take longer, in ms: hostile company is no excuse. */
const PATIENCE_MS = 30_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export interface Identity {
  readonly mark: string;
  readonly token: string;
}

export function initializeOf(mark: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const clientInfo = { name: mark, version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo, ...more };
  return { jsonrpc: "2.0", id: 0, method: "initialize", params };
}

export function post(scene: Scene, token: string, message: unknown, init: RequestInit & { id?: string } = {}) {
  return fetch(scene.url, {
    method: "POST",
    client: scene.client,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...init,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      ...(init.id === undefined ? {} : { "mcp-session-id": init.id }),
      ...init.headers,
    },
    body: typeof message === "string" ? message : JSON.stringify(message),
  });
}

export class HonestCaller {
  readonly #scene: Scene;
  readonly #identity: Identity;
  #calls = 0;
  /** Longest time to an answer, in ms. */
  slowestMs = 0;

  constructor(scene: Scene, identity: Identity) {
    this.#scene = scene;
    this.#identity = identity;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Session after session, until it is over. */
  async run(): Promise<void> {
    const { over, findings } = this.#scene;
    while (!over.aborted) {
      try {
        await this.#session();
      } catch (error) {
        const cause = error instanceof Error && error.cause !== undefined ? ` (${error.cause})` : "";
        findings.add("an honest caller's error", `${this.#identity.mark}: ${error}${cause}`);
        await pause(200);
      }
    }
  }

  async #session(): Promise<void> {
    const { over, loot } = this.#scene;
    const { mark } = this.#identity;
    const id = await this.#open();
    loot.add(id);
    const listening = new AbortController();
    const stream = this.#listen(id, listening.signal);
    try {
      await this.#notify(id, { method: "notifications/initialized", params: { mark } });
      for (let n = 0; n < 150 && !over.aborted; n++) {
        await this.#step(id, n);
        await pause(10 + Math.random() * 40);
      }
    } finally {
      listening.abort();
      await stream;
      loot.delete(id);
    }
    await this.#end(id);
  }

  async #open(): Promise<string> {
    const response = await this.#timed(() =>
      post(this.#scene, this.#identity.token, initializeOf(this.#identity.mark))
    );
    const text = await response.text();
    this.#inspect(text);
    const id = response.headers.get("mcp-session-id");
    if (response.status !== 200 || id === null) throw new Error(`opening: ${response.status} ${text}`);
    return id;
  }

  async #end(id: string): Promise<void> {
    const { url, client } = this.#scene;
    const headers = { authorization: `Bearer ${this.#identity.token}`, "mcp-session-id": id };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(url, { method: "DELETE", client, headers, signal });
    const text = await response.text();
    if (response.status !== 204) throw new Error(`ending: ${response.status} ${text}`);
  }

  async #step(id: string, n: number): Promise<void> {
    switch (n % 5) {
      case 0:
        return await this.#notify(id, { method: "notifications/x", params: { mark: this.#identity.mark } });
      case 1:
        return await this.#call(id, "echo", "x".repeat(Math.random() * 100_000));
      case 2:
        return await this.#call(id, "events", "a few");
      default:
        return await this.#call(id, "echo", "short");
    }
  }

  async #notify(id: string, message: Record<string, unknown>): Promise<void> {
    const response = await post(this.#scene, this.#identity.token, { jsonrpc: "2.0", ...message }, { id });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`notifying: ${response.status} ${text}`);
  }

  async #call(id: string, name: string, text: string): Promise<void> {
    const { mark, token } = this.#identity;
    const callId = `${mark}-${++this.#calls}`;
    const params = { name, arguments: { mark, text, callId } };
    const message = { jsonrpc: "2.0", id: callId, method: "tools/call", params };
    const response = await this.#timed(() => post(this.#scene, token, message, { id }));
    const body = await response.text();
    this.#inspect(body);
    if (response.status !== 200) throw new Error(`calling: ${response.status} ${body.slice(0, 300)}`);
    const data = body.split("\n").findLast((line) => line.startsWith("data: "))?.slice(6) ?? body;
    const answer = JSON.parse(data);
    const isOurs = answer.id === callId && answer.result?.owner === mark && answer.result.args.text === text;
    if (!isOurs) this.#scene.findings.add("an answer that is not the call's", `${callId}: ${body.slice(0, 300)}`);
  }

  async #listen(id: string, signal: AbortSignal): Promise<void> {
    const { url, client, findings } = this.#scene;
    const headers = {
      accept: "text/event-stream",
      authorization: `Bearer ${this.#identity.token}`,
      "mcp-session-id": id,
    };
    try {
      const response = await fetch(url, { client, headers, signal });
      if (response.status !== 200) throw new Error(`listening: ${response.status} ${await response.text()}`);
      for await (
        const text of response.body!.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
      ) {
        this.#inspect(text);
      }
      if (!signal.aborted) findings.add("a listening stream ended by itself", this.#identity.mark);
    } catch (error) {
      if (!signal.aborted) findings.add("an honest listener's error", `${this.#identity.mark}: ${error}`);
    }
  }

  async #timed(send: () => Promise<Response>): Promise<Response> {
    const start = performance.now();
    const response = await send();
    this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
    return response;
  }

  #inspect(text: string): void {
    const foreign = foreignMarks(text, this.#identity.mark);
    if (foreign.length > 0) {
      this.#scene.findings.add(
        "foreign bytes at a client",
        `${this.#identity.mark} got ${foreign}: ${text.slice(0, 300)}`,
      );
    }
  }
}
