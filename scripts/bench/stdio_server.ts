// A program: the cheapest stdio MCP server, for proxies that cannot forward to an HTTP server.
// deno run -A stdio_server.ts
import process from "node:process";

const text = "0123456789abcdef".repeat(27);
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  let out = "";
  for (const line of lines) {
    const { id, method } = JSON.parse(line);
    if (id === undefined) continue;
    out += JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method) }) + "\n";
  }
  if (out !== "") process.stdout.write(out);
});

function resultOf(method: string): unknown {
  if (method === "initialize") {
    return {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "bench", version: "1.0.0" },
    };
  }
  if (method === "tools/list") return { tools: [{ name: "echo", inputSchema: { type: "object" } }] };
  if (method === "tools/call") return { content: [{ type: "text", text }], isError: false };
  return {};
}
