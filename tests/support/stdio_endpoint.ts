// An upstream of the bridge, over stdio most often, as the Streamable HTTP server it looks like, on a loopback port: for clients, and Signets, that know
// only HTTP. Adds nothing: each request becomes one `send`, each answer one response.
import type { UpstreamSessionId } from "../../lib/envelope/session_id.ts";
import { SignetError } from "../../lib/errors.ts";
import type { ClientResponse } from "../../lib/http1/types.ts";
import { fieldValue } from "../../lib/http1/wire/fields/fields.ts";
import { ownBytes } from "../../lib/http1/wire/streams/borrowed.ts";
import type { SessionCall } from "../../lib/session/lost_session.ts";
import type { UpstreamRequest } from "../../lib/upstream/upstream.ts";
import { callerKeys } from "./callers.ts";
import { spoken } from "./stdio.ts";

function asStream(response: ClientResponse): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      try {
        const bytes = await response.body.read();
        if (bytes !== null) return controller.enqueue(ownBytes(bytes).slice());
        response.release();
        controller.close();
        controller.byobRequest?.respond(0);
      } catch (error) {
        response.release();
        controller.error(error);
      }
    },
    cancel: () => response.release(),
  });
}

async function toRequest(request: Request): Promise<UpstreamRequest> {
  const fields = [...request.headers].flat();
  const sessionId = request.headers.get("mcp-session-id") as UpstreamSessionId | null;
  const body = request.method === "POST" ? new Uint8Array(await request.arrayBuffer()) : undefined;
  const method = request.method as UpstreamRequest["method"];
  const start = { method, query: "", fields, body };
  return { ...start, upstreamSessionId: sessionId ?? undefined, caller: callerKeys("anybody"), session: undefined };
}

function refusal(error: unknown): Response {
  const kind = error instanceof SignetError ? error.kind : { status: 502, rpcCode: -32000 };
  const message = error instanceof Error ? error.message : String(error);
  return Response.json({ jsonrpc: "2.0", id: null, error: { code: kind.rpcCode, message } }, { status: kind.status });
}

/** What answers as an upstream does. */
export interface Answering {
  send(request: UpstreamRequest): SessionCall;
  close(): void | Promise<void>;
}

export class StdioEndpoint implements AsyncDisposable {
  readonly upstream: Answering;
  /** What it answered, newest last: method and status. */
  readonly answered: { method: string; status: number }[] = [];
  /** Session ids it gave out, oldest first. */
  readonly sessionIds = new Set<string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(upstream: Answering) {
    this.upstream = upstream;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  async #answer(request: Request): Promise<Response> {
    try {
      const call = spoken(this.upstream.send(await toRequest(request)));
      const response = await call.response;
      const { status, fields } = response.head;
      this.answered.push({ method: request.method, status });
      const given = fieldValue(fields, "mcp-session-id");
      if (given !== undefined) this.sessionIds.add(given);
      const headers = new Headers();
      for (let i = 0; i < fields.length; i += 2) headers.append(fields[i]!, fields[i + 1]!);
      const empty = response.body.length === 0;
      return new Response(empty ? null : asStream(response), { status, headers });
    } catch (error) {
      return refusal(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream.close();
    await this.#server.shutdown();
  }
}
