// A server with sessions whose tool asks its client what its arguments say.
import { FakeMcp, type ToolCall } from "./fake_mcp.ts";
import type { Json } from "./stdio.ts";

const encoder = new TextEncoder();

/** A server whose tool asks what its arguments say, one after the other or at once, and answers with what it was told. */
export class AskingServer extends FakeMcp {
  readonly #told = new Map<unknown, (message: Json) => void>();
  readonly cancelled: unknown[] = [];
  /** Questions whose answer was that there will be none. */
  givenUp = 0;

  constructor() {
    super({ sessionsOnly: true });
    this.onRequest = ({ body }) => {
      const message = body === "" ? {} : JSON.parse(body);
      if (message.method === "notifications/cancelled") this.cancelled.push(message.params.requestId);
      const told = message.method === undefined ? this.#told.get(message.id) : undefined;
      if (message.result?.action === "cancel") this.givenUp++;
      told?.(message);
      return told === undefined ? undefined : new Response(null, { status: 202 });
    };
    this.tool("asks", (call) => this.#ask(call));
  }

  #ask({ id, params }: ToolCall): Response {
    const { questions, together = false } = params.arguments as {
      questions: [unknown, string, Json][];
      together?: boolean;
    };
    const stream = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const say = (message: Json) =>
          controller.enqueue(encoder.encode(`data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`));
        const put = ([id, method, params]: [unknown, string, Json]) =>
          new Promise<Json>((resolve) => {
            this.#told.set(id, resolve);
            say({ id, method, params });
          });
        const got: Json[] = [];
        if (together) got.push(...await Promise.all(questions.map(put)));
        else for (const question of questions) got.push(await put(question));
        say({ id, result: { content: [], got: got.map(({ result, error }) => result ?? error) } });
        controller.close();
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }
}
