// A `fetch` handed to an unmodified client: it notes what goes over the wire, and can cut every open response like a
// failing network. It changes nothing.
import { until } from "./until.ts";

/** One HTTP request of the client and how it was answered. */
export interface WireRequest {
  readonly method: string;
  /** The JSON-RPC method of a POST, if it has one. */
  readonly rpcMethod: string | undefined;
  readonly sessionId: string | undefined;
  readonly lastEventId: string | undefined;
  /** Undefined while unanswered, or when no answer came. */
  status: number | undefined;
  /** Of the answer. */
  answeredSessionId: string | undefined;
}

function rpcMethodOf(body: unknown): string | undefined {
  if (typeof body !== "string") return undefined;
  const message = JSON.parse(body) as { method?: string };
  return message.method;
}

/** Watches one client's wire. */
export class Wire {
  readonly requests: WireRequest[] = [];
  /** The responses being read, and the method each answers. */
  readonly #open = new Map<TransformStreamDefaultController<Uint8Array>, string>();

  /** For the `fetch` option of a client transport. */
  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers);
    const request: WireRequest = {
      method: init?.method ?? "GET",
      rpcMethod: rpcMethodOf(init?.body),
      sessionId: headers.get("mcp-session-id") ?? undefined,
      lastEventId: headers.get("last-event-id") ?? undefined,
      status: undefined,
      answeredSessionId: undefined,
    };
    this.requests.push(request);
    const response = await fetch(url, init);
    request.status = response.status;
    request.answeredSessionId = response.headers.get("mcp-session-id") ?? undefined;
    return this.#watch(response, request.method);
  };

  /** Waits until a stream answered to `method` is open: one that has neither ended nor been cut. */
  async opened(method: string): Promise<void> {
    const isOpen = () => [...this.#open.values()].includes(method);
    await until(isOpen, () => `a ${method} stream; seen ${JSON.stringify(this.requests, null, 1)}`);
  }

  /** Breaks every response that is still being read, as a lost connection would. */
  cut(): void {
    for (const controller of this.#open.keys()) controller.error(new TypeError("the test cut the wire"));
    this.#open.clear();
  }

  #watch(response: Response, method: string): Response {
    if (response.body === null || !response.ok) return response;
    let own: TransformStreamDefaultController<Uint8Array>;
    const through = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => void this.#open.set(own = controller, method),
    });
    response.body.pipeTo(through.writable).catch(() => {}).finally(() => this.#open.delete(own));
    const { status, statusText, headers } = response;
    return new Response(through.readable, { status, statusText, headers });
  }
}
