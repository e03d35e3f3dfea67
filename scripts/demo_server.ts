// The MCP server of `deno task demo`: a notebook for each session, on the official SDK, with no idea of Signet.
// Its sessions and notes live in this process's memory, as they do in most MCP servers.
import { isInitializeRequest, McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { z } from "zod";

function text(value: string): { content: { type: "text"; text: string }[] } {
  return { content: [{ type: "text", text: value }] };
}

/** The server of one session. */
function buildNotebook(): McpServer {
  const server = new McpServer({ name: "notebook", version: "1.0.0" });
  const notes: string[] = [];
  const note = {
    description: "Writes a note into this session's notebook",
    inputSchema: z.object({ text: z.string() }),
  };
  server.registerTool("add_note", note, (args) => text(`Note ${notes.push(args.text)} written.`));
  server.registerTool("list_notes", { description: "Lists this session's notes" }, () => {
    return text(notes.length === 0 ? "The notebook is empty." : notes.map((one, n) => `${n + 1}. ${one}`).join("\n"));
  });
  server.registerTool("which_process", { description: "Says which process answers" }, () => text(`pid ${Deno.pid}`));
  return server;
}

const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function openSession(): Promise<WebStandardStreamableHTTPServerTransport> {
  const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void transports.set(id, transport),
    onsessionclosed: (id) => void transports.delete(id),
  });
  await buildNotebook().connect(transport);
  return transport;
}

function refuse(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status });
}

async function handle(request: Request): Promise<Response> {
  const id = request.headers.get("mcp-session-id");
  if (id !== null) {
    const known = transports.get(id);
    return known === undefined ? refuse(404, -32001, "Session not found") : await known.handleRequest(request);
  }
  const body = request.method === "POST" ? await request.clone().json().catch(() => undefined) : undefined;
  if (!isInitializeRequest(body)) return refuse(400, -32000, "Bad Request: no session");
  return await (await openSession()).handleRequest(request);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: Number(values.port),
    onListen: ({ port }) => console.log(`listening http://127.0.0.1:${port}/mcp`),
  }, handle);
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => Deno.exit(0));
  await server.finished;
}
