// The least of an HTTP/1.1 client that a load generator needs: one request at a time on one connection, answers framed
// by Content-Length or chunks. It trusts the answers; it is no client for anything but a bench.

export interface RawAnswer {
  readonly status: number;
  /** As received, for {@link fieldOf}; ends in CR LF. */
  readonly head: string;
  readonly bytes: number;
}

export interface Target {
  readonly port: number;
  readonly path: string;
  /** PEM certificate to trust: with it the connection is TLS. */
  readonly caCert?: string;
}

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** A POST of `body` (or a GET without one) as bytes, made once and sent often. */
export function requestBytes(target: Target, headers: Readonly<Record<string, string>>, body?: string): Uint8Array {
  const method = body === undefined ? "GET" : "POST";
  const length = body === undefined ? "" : `content-length: ${encoder.encode(body).length}\r\n`;
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return encoder.encode(
    `${method} ${target.path} HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\n${fields}${length}\r\n${body ?? ""}`,
  );
}

export class RawConnection {
  readonly #conn: Deno.Conn;
  readonly #chunk = new Uint8Array(64 * 1024);
  #text = "";

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async open({ port, caCert }: Target): Promise<RawConnection> {
    if (caCert !== undefined) {
      return new RawConnection(await Deno.connectTls({ hostname: "localhost", port, caCerts: [caCert] }));
    }
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new RawConnection(conn);
  }

  /** Sends one request and reads its answer. @throws Error if the connection ends before the answer does */
  async exchange(request: Uint8Array): Promise<RawAnswer> {
    await this.send(request);
    return await this.#answer();
  }

  async send(request: Uint8Array): Promise<void> {
    for (let at = 0; at < request.length;) at += await this.#conn.write(request.subarray(at));
  }

  /** The next bytes as they come, after {@link send}; undefined at the end. For streams. */
  async next(): Promise<string | undefined> {
    const size = await this.#conn.read(this.#chunk).catch(() => null);
    return size === null ? undefined : latin1.decode(this.#chunk.subarray(0, size));
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }

  async #more(): Promise<void> {
    const text = await this.next();
    if (text === undefined) throw new Error("the connection ended before the answer did");
    this.#text += text;
  }

  async #answer(): Promise<RawAnswer> {
    let headEnd = this.#text.indexOf("\r\n\r\n");
    for (; headEnd < 0; headEnd = this.#text.indexOf("\r\n\r\n")) await this.#more();
    const head = this.#text.slice(0, headEnd + 2);
    const bodyAt = headEnd + 4;
    let end = bodyAt + Number(fieldOf(head, "content-length") ?? 0);
    if (fieldOf(head, "transfer-encoding") !== undefined) {
      for (end = endOfChunks(this.#text, bodyAt); end < 0; end = endOfChunks(this.#text, bodyAt)) await this.#more();
    }
    while (this.#text.length < end) await this.#more();
    this.#text = this.#text.slice(end);
    return { status: Number(head.slice(9, 12)), head, bytes: end - bodyAt };
  }
}

/** Offset after the last chunk, or -1 while bytes are missing. Walks the sizes: data may hold anything. */
function endOfChunks(text: string, from: number): number {
  for (let at = from;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return -1;
    const size = parseInt(text.slice(at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (text.length < at) return -1;
    if (size === 0) return at;
  }
}

/** A field's value out of a head that ends in CR LF. */
export function fieldOf(head: string, name: string): string | undefined {
  const at = head.toLowerCase().indexOf(`\r\n${name}:`);
  return at < 0 ? undefined : head.slice(at + name.length + 3, head.indexOf("\r\n", at + 2)).trim();
}
