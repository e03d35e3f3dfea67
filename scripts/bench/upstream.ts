// A program: the cheapest MCP server there can be, so that the proxy in front of it is what gets measured.
// Raw sockets, fixed answers, no JSON parsed: initialize → a session, GET → an event stream, big body → big answer,
// `"method":"bench/hang"` → no answer at all, and one line on standard output when the connection of such a call ends.
// deno run -A upstream.ts PORT [event interval in ms, 0 = silent streams]
import { wallMs } from "./machine.ts";

const port = Number(Deno.args[0]);
const intervalMs = Number(Deno.args[1] ?? 0);
const BIG = 256 * 1024;

const encoder = new TextEncoder();
const body = (result: unknown) => JSON.stringify({ jsonrpc: "2.0", id: 1, result });
const initialized = body({
  protocolVersion: "2025-11-25",
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: "bench", version: "1.0.0" },
});
/** Some 500 bytes of JSON, a typical tool result. */
const called = body({ content: [{ type: "text", text: "0123456789abcdef".repeat(27) }], isError: false });
const bigAnswer = encoder.encode(
  withHead(body({ content: [{ type: "text", text: "x".repeat(1024 * 1024) }], isError: false }), ""),
);
const accepted = encoder.encode("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
const gone = encoder.encode("HTTP/1.1 204 No Content\r\n\r\n");
const streamHead = encoder.encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n",
);

/** Of revision 2026-07-28; whoever brings a state gets another. */
const discovered = body({
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  ttlMs: 0,
  cacheScope: "private",
  capabilities: {},
});
const completed = called.replace('"content"', '"resultType":"complete","content"');
const PADDING = "0123456789abcdef".repeat(63);
let states = 0;

function statelessAnswer(text: string, from: number): string {
  if (text.indexOf('"requestState"', from) >= 0) {
    const requestState = String(++states).padStart(16, "0") + PADDING;
    return `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{},"requestState":"${requestState}"}}`;
  }
  return text.indexOf('"method":"server/discover"', from) >= 0 ? discovered : completed;
}

function withHead(json: string, sessionId: string): string {
  const id = sessionId === "" ? "" : `Mcp-Session-Id: ${sessionId}\r\n`;
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${id}Content-Length: ${json.length}\r\n\r\n${json}`;
}

/** One SSE event of some 200 bytes that carries the moment it was written, as one HTTP chunk. */
function eventChunk(): Uint8Array {
  const event = `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"t":${
    wallMs().toFixed(3)
  },"data":"${"x".repeat(100)}"}}\n\n`;
  return encoder.encode(`${event.length.toString(16)}\r\n${event}\r\n`);
}

const streams = new Set<Deno.Conn>();

/** Writes one event to every stream each interval, spread evenly over it in slices of 5 ms. */
function beat(): void {
  const sliceMs = 5;
  let due = 0;
  let order: Deno.Conn[] = [];
  setInterval(() => {
    due += streams.size * sliceMs / intervalMs;
    for (; due >= 1; due--) {
      if (order.length === 0) order = [...streams];
      const conn = order.pop();
      if (conn !== undefined) conn.write(eventChunk()).catch(() => streams.delete(conn));
    }
  }, sliceMs);
}

/** A request at the start of `text`: where its head and body end; `end` may lie beyond what has arrived. */
function frame(text: string): { headEnd: number; end: number } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd).toLowerCase();
  const at = head.indexOf("content-length:");
  if (at >= 0) return { headEnd, end: headEnd + 4 + parseInt(head.slice(at + 15)) };
  if (!head.includes("transfer-encoding:")) return { headEnd, end: headEnd + 4 };
  const last = text.indexOf("0\r\n\r\n", headEnd + 4);
  return last < 0 ? undefined : { headEnd, end: last + 5 };
}

function sessionIdOf(text: string, headEnd: number): string {
  let at = text.indexOf("cp-session-id: ");
  if (at < 0) at = text.indexOf("CP-SESSION-ID: ");
  if (at < 0) at = text.indexOf("cp-Session-Id: ");
  return at < 0 || at > headEnd ? "" : text.slice(at + 15, text.indexOf("\r\n", at));
}

type Answer = Uint8Array | "stream" | "hang";

function answerTo(text: string, headEnd: number, end: number): Answer {
  if (text.startsWith("GET")) return "stream";
  if (text.startsWith("DELETE")) return gone;
  if (end - headEnd > BIG) return bigAnswer;
  if (text.indexOf('"method":"initialize"', headEnd) >= 0) {
    // The id of whoever asks, for a session that is opened again; of CALL it is always 1.
    const id = /"id":("[^"]*"|\d+)/.exec(text.slice(headEnd, end))?.[1] ?? "1";
    return encoder.encode(withHead(initialized.replace('"id":1', `"id":${id}`), crypto.randomUUID()));
  }
  if (text.indexOf('"method":"notifications/', headEnd) >= 0) return accepted;
  if (text.indexOf('"method":"bench/hang"', headEnd) >= 0) return "hang";
  if (text.indexOf("2026-07-28", headEnd) >= 0) return encoder.encode(withHead(statelessAnswer(text, headEnd), ""));
  return encoder.encode(withHead(called, sessionIdOf(text, headEnd)));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads `left` bytes and forgets them. */
async function skip(conn: Deno.Conn, chunk: Uint8Array, left: number): Promise<void> {
  while (left > 0) {
    const size = await conn.read(chunk.subarray(0, Math.min(left, chunk.length)));
    if (size === null) throw new Error("the body was cut");
    left -= size;
  }
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const chunk = new Uint8Array(64 * 1024);
  const latin1 = new TextDecoder("latin1");
  let text = "";
  let hanging = false;
  try {
    for (let size = await conn.read(chunk); size !== null; size = await conn.read(chunk)) {
      text += latin1.decode(chunk.subarray(0, size));
      for (let found = frame(text); found !== undefined; found = frame(text)) {
        const { headEnd, end } = found;
        if (text.length < end && end - headEnd <= BIG) break;
        const answer = answerTo(text, headEnd, end);
        await skip(conn, chunk, end - text.length);
        text = text.slice(end);
        if (answer === "hang") {
          hanging = true;
          console.log("hanging");
        } else if (answer === "stream") {
          await writeAll(conn, streamHead);
          streams.add(conn);
        } else await writeAll(conn, answer);
      }
    }
  } catch {
    // Reset by the other side.
  }
  if (hanging) console.log(`gone ${wallMs()}`);
  streams.delete(conn);
  conn.close();
}

if (intervalMs > 0) beat();
for await (const conn of Deno.listen({ hostname: "127.0.0.1", port })) serve(conn);
