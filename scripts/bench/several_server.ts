// A program: as many MCP servers as there are paths, all with the same tools, that cost little.
// deno run -A several_server.ts PORT TOOLS
const [port = 0, tools = 0] = Deno.args.map(Number);

/** Stands for the revision that its client asks for. */
const REVISION = "revision ?";
const initialized = {
  protocolVersion: REVISION,
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: "bench", version: "1.0.0" },
};
/** Stands for the session's id: a list is the same within a session, and no other's. */
const MARK = "in session ?";
/** Some 400 bytes of JSON each, a typical tool. */
const listed = {
  tools: Array.from({ length: tools }, (_, index) => ({
    name: `tool_number_${index}`,
    description: `Does what tool ${index} of this server is there for, ${index === 0 ? MARK : "at length"}. `.repeat(3),
    inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
  })),
};
/** Some 500 bytes of JSON, a typical tool result. */
const called = { content: [{ type: "text", text: "0123456789abcdef".repeat(27) }], isError: false };

const RESULTS: Readonly<Record<string, unknown>> = {
  initialize: initialized,
  "tools/list": listed,
  "tools/call": called,
};
/** What follows the id: made once. */
const ENDINGS = new Map(Object.entries(RESULTS).map(([method, result]) => [method, JSON.stringify(result)]));

async function answer(request: Request): Promise<Response> {
  // As servers of the SDKs do: a stream to listen to, on which there is nothing to say.
  if (request.method === "GET") {
    return new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });
  }
  if (request.method === "DELETE") return new Response(null, { status: 204 });
  const { id, method, params } = await request.json();
  if (id === undefined) return new Response(null, { status: 202 });
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (method === "initialize") headers["mcp-session-id"] = crypto.randomUUID();
  const ending = ENDINGS.get(method) ?? "{}";
  const result = method === "tools/list"
    ? ending.replace(MARK, `in session ${request.headers.get("mcp-session-id")}`)
    : method === "initialize"
    ? ending.replace(REVISION, params.protocolVersion)
    : ending;
  return new Response(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, { headers });
}

Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, answer);
