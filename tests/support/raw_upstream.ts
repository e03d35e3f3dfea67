// An upstream on bare sockets: it says exactly the bytes a test wants, or dies where the test wants it to.

export interface RawRequest {
  readonly head: string;
  readonly body: string;
  readonly conn: Deno.Conn;
  /** Which request of its connection it is, from 1. */
  readonly ordinal: number;
}

/** Answers a request in bytes of its own choosing; returning false closes the connection. */
export type RawHandler = (request: RawRequest) => Promise<boolean | void> | boolean | void;

const decoder = new TextDecoder("latin1");
const encoder = new TextEncoder();

export class RawUpstream implements AsyncDisposable {
  /** JSON-RPC methods and HTTP methods in the order they came. */
  readonly seen: string[] = [];
  handler: RawHandler;
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.Conn>();

  constructor(handler: RawHandler, port = 0) {
    this.handler = handler;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  count(method: string): number {
    return this.seen.filter((seen) => seen === method).length;
  }

  /** Closes every connection that is open now. */
  closeAll(): void {
    for (const conn of this.#conns) close(conn);
  }

  async #accept(): Promise<void> {
    try {
      for await (const conn of this.#listener) this.#serve(conn);
    } catch {
      // Closed.
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    this.#conns.add(conn);
    let text = "";
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let ordinal = 1;; ordinal++) {
        let end: number;
        while ((end = text.indexOf("\r\n\r\n")) === -1) text += await read(conn, buffer);
        const head = text.slice(0, end + 4);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        while (text.length < end + 4 + length) text += await read(conn, buffer);
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        this.seen.push(/"method":"([^"]+)"/.exec(body)?.[1] ?? head.slice(0, head.indexOf(" ")));
        if (await this.handler({ head, body, conn, ordinal }) === false) break;
      }
    } catch {
      // The other side left.
    } finally {
      this.#conns.delete(conn);
      close(conn);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.closeAll();
    return Promise.resolve();
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

async function read(conn: Deno.Conn, buffer: Uint8Array): Promise<string> {
  const n = await conn.read(buffer);
  if (n === null) throw new Error("ended");
  return decoder.decode(buffer.subarray(0, n));
}

export async function write(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** A whole JSON answer. */
export function json(value: unknown, fields = ""): string {
  const body = JSON.stringify(value);
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`;
}

/** Answers initialize and notifications as a server would; undefined for everything else. */
export function handshake(request: RawRequest): string | undefined {
  if (request.body.includes('"method":"initialize"')) {
    const { id, params } = JSON.parse(request.body);
    const result = {
      protocolVersion: params.protocolVersion,
      capabilities: {},
      serverInfo: { name: "raw", version: "1" },
    };
    return json({ jsonrpc: "2.0", id, result }, "mcp-session-id: raw-session\r\n");
  }
  if (request.body.includes('"method":"notifications/')) return "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
  return undefined;
}
