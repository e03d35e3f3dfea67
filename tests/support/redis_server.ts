// A Redis of a test's own, as a process on a free port of loopback with nothing on disk: `await using redis = await
// RedisServer.start()`. It can be killed, frozen and started again on its port.
import { createConnection } from "node:net";
import { endOverdue } from "./overdue.ts";
import { LOOPBACK, type Place } from "./place.ts";
import { until } from "./until.ts";

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #place: Place;
  readonly #args: readonly string[];
  readonly #leading: readonly string[];
  #child: Deno.ChildProcess | undefined;

  private constructor(port: number, words: { args: readonly string[]; leading: readonly string[]; place?: Place }) {
    this.port = port;
    this.#place = words.place ?? LOOPBACK;
    this.#args = words.args;
    this.#leading = words.leading;
  }

  /** @param args further words of its command line @param leading those in front: its file, and what it is */
  static async start(args: readonly string[] = [], leading: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(freePort(), { args, leading });
    await server.start();
    return server;
  }

  /** On a machine of its own; whoever reaches that may use it. */
  static async at(place: Place): Promise<RedisServer> {
    const server = new RedisServer(6379, { args: ["--protected-mode", "no"], leading: [], place });
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://${this.#place.ip}:${this.port}`;
  }

  /** Empty, as after a loss of all it had. */
  async start(): Promise<void> {
    const plain = this.#leading.length > 0 ? [] : ["--save", "", "--appendonly", "no"];
    const words = [...this.#leading, "--port", String(this.port), "--bind", this.#place.ip, ...plain];
    const [program, ...args] = [...this.#place.within, "redis-server", ...words, ...this.#args];
    const child = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child = child;
    endOverdue(child, "redis-server");
    await until(() => this.#answers(), `redis-server on port ${this.port} to answer`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended at this very moment.
    }
    await child.status;
  }

  /** It keeps its connections and answers nothing. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** What `redis-cli` would say: one command, its answer as RESP text. */
  async ask(...words: readonly string[]): Promise<string> {
    const bytes = words.map((word) => `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`).join("");
    return await converse(this.#place.ip, this.port, `*${words.length}\r\n${bytes}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #answers(): Promise<boolean> {
    try {
      // PONG, or that it wants a password first.
      return /^[+-]/.test(await converse(this.#place.ip, this.port, "*1\r\n$4\r\nPING\r\n"));
    } catch {
      return false;
    }
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function converse(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port }, () => socket.write(text));
    let heard = "";
    const done = (end: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      socket.once("close", end);
    };
    const timer = setTimeout(() => done(() => resolve(heard)), 200);
    socket.on("data", (bytes) => {
      heard += bytes;
      if (heard.endsWith("\r\n") && !heard.startsWith("*")) done(() => resolve(heard));
    });
    socket.on("error", (error) => done(() => reject(error)));
  });
}
