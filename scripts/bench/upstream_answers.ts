// What the bench's MCP server says, and to whom: bytes in, bytes out, whatever carries them. Fixed answers, no JSON parsed.
import { wallMs } from "./machine.ts";

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
export function eventChunk(): Uint8Array {
  const event = `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"t":${
    wallMs().toFixed(3)
  },"data":"${"x".repeat(100)}"}}\n\n`;
  return encoder.encode(`${event.length.toString(16)}\r\n${event}\r\n`);
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

/** Where the upstream tells how many requests it has answered: a number, a blank, and when that was, as of `wallMs`. */
export const ANSWERED_PATH = "/answered";
let answered = 0;

function answerTo(text: string, headEnd: number, end: number): Answer {
  if (text.startsWith("GET")) {
    if (!text.startsWith(ANSWERED_PATH, 4)) return "stream";
    return encoder.encode(withHead(`${answered} ${wallMs()}`, ""));
  }
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

/** Takes what is written, and keeps in order what the other side does not take yet. */
export interface Wire {
  write(bytes: Uint8Array): void;
}

/** Connections on which a stream is open. */
export const streams = new Set<Wire>();

/** One connection: what has arrived of it, and what it is answered. */
export class Conversation {
  readonly #wire: Wire;
  #text = "";
  #hangs = false;
  /** Bytes of a big body that are still to come, and the answer to it. */
  #left = 0;
  #late: Answer = gone;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** @param piece latin1 */
  arrived(piece: string): void {
    let text = this.#text === "" ? piece : this.#text + piece;
    if (this.#left > 0) {
      const { length } = text;
      text = text.slice(this.#left);
      this.#left = Math.max(0, this.#left - length);
      if (this.#left === 0) this.#say(this.#late);
    }
    for (let found = frame(text); found !== undefined && this.#left === 0; found = frame(text)) {
      const { headEnd, end } = found;
      if (text.length < end && end - headEnd <= BIG) break;
      const answer = answerTo(text, headEnd, end);
      this.#left = Math.max(0, end - text.length);
      text = text.slice(end);
      if (this.#left === 0) this.#say(answer);
      else this.#late = answer;
    }
    this.#text = text;
  }

  ended(): void {
    if (this.#hangs) console.log(`gone ${wallMs()}`);
    this.#hangs = false;
    streams.delete(this.#wire);
  }

  #say(answer: Answer): void {
    answered++;
    if (answer === "hang") {
      this.#hangs = true;
      console.log("hanging");
    } else if (answer === "stream") {
      this.#wire.write(streamHead);
      streams.add(this.#wire);
    } else this.#wire.write(answer);
  }
}
