// A server with sessions whose tool asks its client what its arguments say.
import { FakeMcp, type ToolCall } from "./fake_mcp.ts";
import type { Json } from "./stdio.ts";

const encoder = new TextEncoder();

/** A server whose tool asks what its arguments say, one after the other or at once, and answers with what it was told. */
export class AskingServer extends FakeMcp {
  readonly #told = new Map<unknown, (message: Json) => void>();
  /** Those that are not answered yet. */
  readonly #calls = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly cancelled: unknown[] = [];
  /** Questions whose answer was that there will be none. */
  givenUp = 0;
  /** What `tools/list` says; undefined: it is refused. */
  listed: Json[] | undefined = [
    { name: "asks" },
    { name: "reads", annotations: { readOnlyHint: true } },
    { name: "sets", annotations: { idempotentHint: true, destructiveHint: true } },
    { name: "writes", annotations: { readOnlyHint: false, idempotentHint: "true" } },
  ];
  /** What it asks in place of what the arguments say. */
  instead: unknown[][] | undefined;
  /** Whether it asks on the session's own stream, which does not say what call a question is about. */
  asksOnStream = false;
  /** Requests for the list wait for this. */
  listing: Promise<void> = Promise.resolve();

  constructor() {
    super({ sessionsOnly: true });
    this.onRequest = async ({ body, sessionId }) => {
      const message = body === "" ? {} : JSON.parse(body);
      if (message.method === "tools/list" && this.sessions.has(sessionId ?? "")) {
        await this.listing;
        const error = { code: -32603, message: "not now" };
        const said = this.listed === undefined ? { error } : { result: { tools: this.listed } };
        return this.message({ jsonrpc: "2.0", id: message.id, ...said });
      }
      if (message.method === "notifications/cancelled") this.cancelled.push(message.params.requestId);
      const told = message.method === undefined ? this.#told.get(message.id) : undefined;
      if (message.result?.action === "cancel") this.givenUp++;
      told?.(message);
      return told === undefined ? undefined : new Response(null, { status: 202 });
    };
    for (const name of ["asks", "reads", "sets", "writes"]) this.tool(name, (call) => this.#ask(call));
  }

  /** As after a restart: no call of before is answered, and nobody is known any more. */
  lose(): void {
    for (const call of this.#calls) call.error(new Error("the server is lost"));
    this.#calls.clear();
    this.forgetSessions();
  }

  #ask({ id, params }: ToolCall): Response {
    const { questions: said, together = false } = params.arguments as {
      questions: [unknown, string, Json][];
      together?: boolean;
    };
    const questions = (this.instead ?? said) as typeof said;
    const stream = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        this.#calls.add(controller);
        const say = (message: Json) =>
          controller.enqueue(encoder.encode(`data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`));
        const put = ([id, method, params]: [unknown, string, Json]) =>
          new Promise<Json>((resolve) => {
            this.#told.set(id, resolve);
            if (this.asksOnStream) this.push({ jsonrpc: "2.0", id, method, params });
            else say({ id, method, params });
          });
        const got: Json[] = [];
        if (together) got.push(...await Promise.all(questions.map(put)));
        else for (const question of questions) got.push(await put(question));
        say({ id, result: { content: [], got: got.map(({ result, error }) => result ?? error) } });
        this.#calls.delete(controller);
        controller.close();
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }
}
