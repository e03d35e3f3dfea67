// A client on a bare socket: it sends exactly the bytes a test wants and reads what comes back.
import { write } from "./raw_upstream.ts";

const decoder = new TextDecoder("latin1");

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export class RawClient implements Disposable {
  readonly conn: Deno.Conn;
  #text = "";

  private constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    return new RawClient(await Deno.connect({ hostname, port: Number(port) }));
  }

  send(text: string): Promise<void> {
    return write(this.conn, text);
  }

  /** One response with a Content-Length, or whatever came before the connection ended. */
  async answer(): Promise<RawAnswer> {
    let end: number;
    while ((end = this.#text.indexOf("\r\n\r\n")) === -1) {
      if (!await this.#more()) return { status: 0, head: this.#text, body: "" };
    }
    const head = this.#text.slice(0, end + 4);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    while (this.#text.length < end + 4 + length) if (!await this.#more()) break;
    const body = this.#text.slice(end + 4, end + 4 + length);
    this.#text = this.#text.slice(end + 4 + length);
    return { status: Number(head.slice(9, 12)), head, body };
  }

  /** One response of a length or in chunks, without its framing; of status 0 if the connection ended before its end. */
  async whole(): Promise<RawAnswer> {
    const head = await this.#upTo("\r\n\r\n");
    const length = /^content-length: (\d+)\r$/im.exec(head ?? "")?.[1];
    const isChunked = /^transfer-encoding: chunked\r$/im.test(head ?? "");
    const body = head === undefined
      ? undefined
      : isChunked
      ? await this.#chunks()
      : await this.#take(Number(length ?? 0));
    if (head === undefined || body === undefined) return { status: 0, head: head ?? "", body: this.#text };
    return { status: Number(head.slice(9, 12)), head, body };
  }

  async #chunks(): Promise<string | undefined> {
    for (let body = "";;) {
      const size = Number.parseInt(await this.#upTo("\r\n") ?? "", 16);
      const chunk = Number.isNaN(size) ? undefined : await this.#take(size + 2);
      if (chunk === undefined) return undefined;
      if (size === 0) return body;
      body += chunk.slice(0, -2);
    }
  }

  async #upTo(mark: string): Promise<string | undefined> {
    while (!this.#text.includes(mark)) if (!await this.#more()) return undefined;
    return await this.#take(this.#text.indexOf(mark) + mark.length);
  }

  async #take(length: number): Promise<string | undefined> {
    while (this.#text.length < length) if (!await this.#more()) return undefined;
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  /** Whether the other side has closed, with or without last words. */
  async closed(): Promise<boolean> {
    while (await this.#more());
    return true;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(16 * 1024);
    try {
      const n = await this.conn.read(buffer);
      if (n === null) return false;
      this.#text += decoder.decode(buffer.subarray(0, n));
      return true;
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** A whole POST in bytes. */
export function rawPost(body: string, fields: readonly string[] = []): string {
  const lines = [
    "POST /mcp HTTP/1.1",
    "host: localhost",
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    `content-length: ${new TextEncoder().encode(body).length}`,
    ...fields,
  ];
  return lines.join("\r\n") + "\r\n\r\n" + body;
}
