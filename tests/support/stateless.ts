// Stateless requests (MCP 2026-07-28) as a client writes them, and what their servers answer.
import assert from "node:assert/strict";
import type { Recorded } from "./fake_mcp.ts";
import type { Ask, TestSignet } from "./signet.ts";

export const STATELESS_VERSION = "2026-07-28";

const META = {
  "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
};

/** Which member of `params` goes into `Mcp-Name`. */
const NAMED: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

export interface StatelessAsk extends Ask {
  readonly rpcId?: string | number;
  /** Of the client; none unless said. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** From which level on it wants log lines of its call. */
  readonly logLevel?: string;
  /** Replaces the body that is written otherwise: for spellings that no `JSON.stringify` makes. */
  readonly body?: string;
}

function metaOf({ capabilities, logLevel }: StatelessAsk) {
  return {
    ...META,
    ...(capabilities && { "io.modelcontextprotocol/clientCapabilities": capabilities }),
    ...(logLevel && { "io.modelcontextprotocol/logLevel": logLevel }),
  };
}

export type Params = Readonly<Record<string, unknown>>;

/** The message of a request, and the headers that belong to it. */
function written(method: string, params: Params, of: StatelessAsk) {
  const message = { jsonrpc: "2.0", id: of.rpcId ?? 1, method, params: { ...params, _meta: metaOf(of) } };
  const name = params[NAMED[method] ?? ""];
  const headers: Record<string, string> = {
    "mcp-protocol-version": STATELESS_VERSION,
    "mcp-method": method,
    ...(typeof name === "string" ? { "mcp-name": name } : {}),
    ...of.headers,
  };
  return { message, headers };
}

/** Posts a request with the headers that belong to it. */
export function ask(signet: TestSignet, method: string, params: Params = {}, of: StatelessAsk = {}): Promise<Response> {
  const { message, headers } = written(method, params, of);
  return signet.post(of.body ?? message, { ...of, headers });
}

/** The same, to whoever is at this URL. */
export function askAt(url: string, method: string, params: Params = {}, of: StatelessAsk = {}): Promise<Response> {
  const { message, headers } = written(method, params, of);
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify(message),
    ...(of.signal ? { signal: of.signal } : {}),
  });
}

/** The members of an answer's result, or its error, and the HTTP status. */
export async function answered(response: Promise<Response>) {
  const { status, headers } = await response;
  const text = await (await response).text();
  const json = headers.get("content-type")?.startsWith("text/event-stream")
    ? text.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6))).at(-1)
    : JSON.parse(text);
  return { status, headers, result: json.result, error: json.error, text };
}

/** What a refusal says but for the id of its line in the log, which is another one each time. */
// deno-lint-ignore no-explicit-any -- as any answer here
export function withoutErrorId(error: any): unknown {
  const { data: { errorId, ...data }, ...said } = error;
  assert.equal(typeof errorId, "string");
  return { ...said, data };
}

/** A result as a JSON text of one's own, in answer to a request. */
export function resultOf({ body }: Recorded, result: string): Response {
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(JSON.parse(body).id)},"result":${result}}`;
  return new Response(text, { headers: { "content-type": "application/json" } });
}

/** Events of these texts, in pieces of so many bytes. */
export function eventsOf(texts: readonly string[], pieceBytes = Infinity): Response {
  const bytes = new TextEncoder().encode(texts.map((text) => `data: ${text}\n\n`).join(""));
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
