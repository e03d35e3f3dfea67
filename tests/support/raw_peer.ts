// Raw sockets for tests of the HTTP/1.1 engine: a peer that sends exactly the bytes it is told to, in exactly the pieces,
// and an upstream whose every connection is in the test's hands. Every wait has a deadline.
import { Buffer } from "node:buffer";
import { type Bytes, ownBytes } from "../../lib/http1/wire/streams/borrowed.ts";
import { until, within } from "./until.ts";

export { within };

/** latin1 text to bytes. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Bytes to latin1 text. */
export function textOf(lent: Bytes): string {
  const bytes = ownBytes(lent);
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

/** One response (or request) as received. */
export interface ReceivedMessage {
  readonly head: string;
  readonly body: string;
  /** The status, 0 for a request. */
  readonly status: number;
}

/** One end of a connection. What has been received and not been taken is in `received`. */
export class RawPeer {
  received = "";
  /** Whether the other side has closed or reset. */
  ended = false;
  /** Whether it ended with an error instead of a clean close. */
  reset = false;
  readonly #conn: Deno.Conn;
  #waiters: (() => void)[] = [];
  #closed = false;
  #paused: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  readonly #reading: Promise<void>;

  constructor(conn: Deno.Conn, options: { readonly paused?: boolean } = {}) {
    this.#conn = conn;
    if (options.paused) this.pause();
    this.#reading = this.#read();
  }

  static async connect(address: { readonly port: number } | { readonly path: string }): Promise<RawPeer> {
    const conn = "path" in address
      ? await Deno.connect({ transport: "unix", path: address.path })
      : await Deno.connect({ hostname: "127.0.0.1", port: address.port });
    return new RawPeer(conn);
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        await this.#paused;
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        this.received += textOf(buffer.subarray(0, count));
        this.#wake();
      }
    } catch {
      this.reset = !this.#closed;
    }
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** Stops reading (one read may be under way still). */
  pause(): void {
    this.#paused = new Promise((resolve) => this.#resume = resolve);
  }

  resume(): void {
    this.#resume?.();
    this.#paused = undefined;
  }

  /** Sends all of it. Rejects if the other side is gone. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? bytesOf(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /** Sends pieces of `size` bytes, each in a packet of its own as far as the system allows. */
  async sendTorn(text: string, size = 1): Promise<void> {
    for (let i = 0; i < text.length; i += size) {
      await this.send(text.slice(i, i + size));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  async waitFor(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) throw new Error(`the peer ended before ${what}; received ${JSON.stringify(this.received)}`);
      await within(what, new Promise<void>((resolve) => this.#waiters.push(resolve)));
    }
  }

  /** Takes everything up to and including `mark`. */
  async takeUntil(mark: string): Promise<string> {
    await this.waitFor(`receiving ${JSON.stringify(mark)}`, () => this.received.includes(mark));
    const end = this.received.indexOf(mark) + mark.length;
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  async take(length: number): Promise<string> {
    await this.waitFor(`receiving ${length} bytes`, () => this.received.length >= length);
    const taken = this.received.slice(0, length);
    this.received = this.received.slice(length);
    return taken;
  }

  /** Takes one message with Content-Length, chunked or no body. */
  async takeMessage(options: { readonly bodiless?: boolean } = {}): Promise<ReceivedMessage> {
    const head = await this.takeUntil("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
    if (options.bodiless) return { head, status, body: "" };
    const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
    if (length !== undefined) return { head, status, body: await this.take(Number(length)) };
    if (!/^transfer-encoding: chunked\r$/im.test(head)) return { head, status, body: "" };
    let body = "";
    for (;;) {
      const size = parseInt(await this.takeUntil("\r\n"), 16);
      body += await this.take(size);
      await this.takeUntil("\r\n");
      if (size === 0) return { head, status, body };
    }
  }

  /** Waits for the end of the connection and takes all that came before it. */
  async takeToEnd(): Promise<string> {
    while (!this.ended) {
      await within("the end of the connection", new Promise<void>((resolve) => this.#waiters.push(resolve)));
    }
    const taken = this.received;
    this.received = "";
    return taken;
  }

  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.resume();
    try {
      this.#conn.close();
    } catch {
      // A reset has closed it.
    }
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A listener whose connections the test takes one by one. */
export class RawUpstream {
  /** How many connections have been accepted. */
  accepted = 0;
  readonly port: number;
  readonly #listener: Deno.Listener;
  readonly #peers: RawPeer[] = [];
  readonly #all: RawPeer[] = [];
  readonly #accepting: Promise<void>;

  constructor(listen: { readonly port?: number; readonly path?: string; readonly pausePeers?: boolean } = {}) {
    this.#listener = listen.path === undefined
      ? Deno.listen({ hostname: "127.0.0.1", port: listen.port ?? 0 })
      : Deno.listen({ transport: "unix", path: listen.path }) as unknown as Deno.Listener;
    this.port = listen.path === undefined ? (this.#listener.addr as Deno.NetAddr).port : 0;
    this.#accepting = this.#accept(listen.pausePeers ?? false);
  }

  async #accept(paused: boolean): Promise<void> {
    try {
      for await (const conn of this.#listener) {
        const peer = new RawPeer(conn, { paused });
        this.#peers.push(peer);
        this.#all.push(peer);
        this.accepted++;
      }
    } catch {
      // Closed while accepting.
    }
  }

  /** The next connection nobody has taken. */
  async next(): Promise<RawPeer> {
    await until(() => this.#peers.length > 0, "a connection to the upstream");
    return this.#peers.shift()!;
  }

  async close(): Promise<void> {
    try {
      this.#listener.close();
    } catch {
      // Closed by the test.
    }
    await this.#accepting;
    for (const peer of this.#all) await peer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A clock that stands still until it is told to go on. */
export class ManualClock {
  #nowMs = 1_000;
  readonly now = (): number => this.#nowMs;

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
