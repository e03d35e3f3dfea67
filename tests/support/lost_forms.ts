// How servers in use refuse a session that they do not know, and what looks like it: status, type and body. Collected from
// the sources and bug reports of SDKs, gateways and home-made servers.

export interface RefusalForm {
  readonly what: string;
  readonly status: number;
  readonly type?: string;
  /** @param id of the request that is refused */
  readonly body: (id: unknown) => string;
  /** Known to be a transport's: proof by itself. */
  readonly proves?: true;
}

const JSON_TYPE = "application/json";

function rpc(code: number, message: string, id?: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code, message }, ...(id === undefined ? {} : { id }) });
}

function transport(what: string, status: number, code: number, message: string, id: unknown = null): RefusalForm {
  return { what, status, type: JSON_TYPE, body: () => rpc(code, message, id), proves: true };
}

/** One that names the call it refuses. */
function tied(what: string, status: number, code: number, message: string): RefusalForm {
  return { what, status, type: JSON_TYPE, body: (id) => rpc(code, message, id) };
}

function plain(what: string, status: number, body: string, type?: string): RefusalForm {
  return type === undefined ? { what, status, body: () => body } : { what, status, type, body: () => body };
}

let traces = 0;

export const REFUSAL_FORMS: readonly RefusalForm[] = [
  transport("TypeScript SDK transport", 404, -32001, "Session not found"),
  transport("TypeScript SDK, not initialized", 400, -32000, "Bad Request: Server not initialized"),
  transport("SDK examples, server-everything", 400, -32000, "Bad Request: No valid session ID provided"),
  transport("an invalid request", 400, -32600, "Invalid Request: Session not found"),
  transport("Python SDK", 404, -32600, "Session not found", "server-error"),
  transport("Python SDK, terminated", 404, -32600, "Not Found: Session has been terminated", "server-error"),
  transport("a code of its own", 404, -32005, "Session expired"),
  transport("an empty id", 404, -32000, "Invalid or expired session ID", ""),
  tied("-32600 with the call's id", 404, -32600, "Session not found"),
  tied("-32000 with the call's id", 404, -32000, "Session not found"),
  tied("-32005 with the call's id", 404, -32005, "Session not found or expired"),
  tied("-32001 with the call's id", 400, -32001, "Invalid session"),
  tied("SDK words with the call's id", 400, -32000, "Bad Request: No valid session ID provided"),
  tied("another code with the call's id", 404, -32603, "session 0af1c2d3 does not exist"),
  tied("410 with the call's id", 410, -32000, "Session terminated"),
  tied("422 with the call's id", 422, -32602, "Unknown session"),
  plain("Go SDK", 404, "session not found\n", "text/plain; charset=utf-8"),
  plain("mcp-go", 400, "Invalid session ID\n", "text/plain"),
  plain("SDK examples for GET", 400, "Invalid or missing session ID", "text/html; charset=utf-8"),
  plain("rmcp", 401, "Unauthorized: Session not found"),
  plain("rmcp, newer", 404, "Not Found: Session not found", "text/plain"),
  plain("home-made, error as text", 400, '{"error":"Invalid or missing session ID"}', JSON_TYPE),
  plain("home-made, error as object", 404, '{"error":{"code":"SESSION_NOT_FOUND","message":"no"}}', JSON_TYPE),
  plain("FastAPI", 404, '{"detail":"Session not found"}', JSON_TYPE),
  plain("FastAPI, gone", 410, '{"detail":"session expired"}', JSON_TYPE),
  plain("FastAPI, unprocessable", 422, '{"detail":[{"loc":["header","mcp-session-id"],"msg":"unknown"}]}', JSON_TYPE),
  plain("ASP.NET problem", 404, '{"title":"Not Found","status":404,"traceId":"x"}', "application/problem+json"),
  plain("nothing but 404", 404, ""),
  plain("nothing but 410", 410, ""),
  plain("nothing but 400", 400, ""),
  plain("nothing but 401", 401, ""),
  plain("a page", 404, "<html><body><h1>404 Not Found</h1><hr>nginx</body></html>", "text/html"),
  plain("Express", 404, "<pre>Cannot POST /mcp</pre>", "text/html; charset=utf-8"),
  plain("words without the word", 404, "unknown client", "text/plain"),
  plain("Spring", 404, '{"status":404,"error":"Not Found","path":"/mcp"}', JSON_TYPE),
  {
    what: "an API gateway's trace",
    status: 410,
    type: JSON_TYPE,
    body: () => `{"message":"Gone","requestId":"5f0c1a2b-0000-${String(++traces).padStart(12, "0")}"}`,
  },
  { what: "an array of one", status: 404, type: JSON_TYPE, body: (id) => `[${rpc(-32600, "Session not found", id)}]` },
  plain("a byte order mark", 404, `\ufeff${rpc(-32001, "Request refused: session gone", null)}`, JSON_TYPE),
];

/** What a call itself is answered with: never a loss, whatever it says. */
export const OWN_FORMS: readonly RefusalForm[] = [
  tied("a CRM's own session", 400, -32000, "Invalid session ID: the CRM has ended it"),
  plain("a tool's plain 404", 404, "user 7 not found", "text/plain"),
  plain("a tool's 404 in JSON", 404, '{"detail":"user 7 not found"}', JSON_TYPE),
  tied("a missing resource", 404, -32002, "Resource not found"),
  tied("a missing method", 404, -32601, "Method not found"),
  tied("a time-out", 404, -32001, "Request timed out"),
  tied("bad params", 400, -32602, "no such tool"),
  {
    what: "a result in 404",
    status: 404,
    type: JSON_TYPE,
    body: (id) => JSON.stringify({ jsonrpc: "2.0", id, result: {} }),
  },
  {
    what: "a result that speaks of sessions in 400",
    status: 400,
    type: JSON_TYPE,
    body: (id) => JSON.stringify({ jsonrpc: "2.0", id, result: { text: "session not found" } }),
  },
  tied("forbidden", 403, -32001, "Session not found"),
  plain("a fault", 500, "Session not found"),
  plain("unavailable", 503, "Session not found"),
  plain("a conflict", 409, rpc(-32000, "Session not found", null), JSON_TYPE),
  plain("too many", 429, rpc(-32001, "Session not found", null), JSON_TYPE),
  { what: "success", status: 200, type: JSON_TYPE, body: (id) => rpc(-32001, "Session not found", id) },
];

export function answerIn(form: RefusalForm, id: unknown): Response {
  const headers: HeadersInit = form.type === undefined ? [] : [["content-type", form.type]];
  return new Response(new TextEncoder().encode(form.body(id)), { status: form.status, headers });
}
