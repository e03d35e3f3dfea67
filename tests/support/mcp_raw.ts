// Plain HTTP requests to an MCP endpoint, for what no well-behaved client would send.

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" } as const;

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** Of a JSON-RPC error body. */
  readonly rpcCode: number | undefined;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A JSON-RPC message; default for POST: `ping`. */
  readonly message?: unknown;
}

function rpcCodeOf(body: string): number | undefined {
  try {
    return (JSON.parse(body) as { error?: { code?: number } }).error?.code;
  } catch {
    return undefined;
  }
}

/** One request, its answer read to the end. */
export async function sendRaw(url: string, { method = "POST", headers, message }: RawRequest = {}): Promise<RawAnswer> {
  const body = method === "POST" ? JSON.stringify(message ?? { jsonrpc: "2.0", id: 1, method: "ping" }) : null;
  const response = await fetch(url, { method, headers: { ...HEADERS, ...headers }, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text, rpcCode: rpcCodeOf(text) };
}
