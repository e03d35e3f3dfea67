// A Redis of a test's own, as a process on a free port of loopback with nothing on disk: `await using redis = await
// RedisServer.start()`. It can be killed, frozen and started again on its port.
import { Buffer } from "node:buffer";
import { createConnection } from "node:net";
import { freePort } from "../../scripts/free_port.ts";
import { endOverdue } from "./overdue.ts";
import { LOOPBACK, type Place } from "./place.ts";
import { PATIENCE_MS, until } from "./until.ts";

/** How long one may live, in ms. */
const LIFE_MS = 15 * 60_000;

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

  get #address(): { host: string; port: number } {
    return { host: this.#place.ip, port: this.port };
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
    endOverdue(child, "redis-server", LIFE_MS);
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    await until(async () => {
      // Or somebody else's would be asked, if that has taken the port.
      if (hasEnded) throw new Error(`starting redis-server on port ${this.port}: it has ended at once`);
      return await this.#answers();
    }, `redis-server on port ${this.port} to answer`);
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
    return await converse(this.#address, `*${words.length}\r\n${bytes}`, PATIENCE_MS);
  }

  /** Those of one of its users, by its own numbers. */
  async connectionsOf(user: string): Promise<string[]> {
    const lines = (await this.ask("CLIENT", "LIST")).split("\n");
    return lines.filter((line) => line.includes(` user=${user} `)).map((line) => /id=(\d+)/.exec(line)![1]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #answers(): Promise<boolean> {
    try {
      // PONG, or that it wants a password first.
      return /^[+-]/.test(await converse(this.#address, "*1\r\n$4\r\nPING\r\n", 1000));
    } catch {
      return false;
    }
  }
}

/** One command, its whole answer. @throws Error if there is none within `patienceMs` */
function converse({ host, port }: { host: string; port: number }, text: string, patienceMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port }, () => socket.write(text));
    const pieces: Uint8Array[] = [];
    const done = (end: () => void) => {
      clearTimeout(timer);
      socket.once("close", end);
      socket.destroy();
    };
    const silence = new Error(`asking redis-server on port ${port}: no answer within ${patienceMs} ms`);
    const timer = setTimeout(() => done(() => reject(silence)), patienceMs);
    socket.on("data", (bytes: Uint8Array) => {
      pieces.push(bytes);
      const heard = Buffer.concat(pieces);
      if (endOfAnswer(heard.toString("latin1")) !== undefined) done(() => resolve(heard.toString()));
    });
    socket.on("error", (error) => done(() => reject(error)));
  });
}

/** Where the RESP value that begins at `at` ends; undefined if it is not all there yet. @param text a byte a character */
function endOfAnswer(text: string, at = 0): number | undefined {
  const line = text.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const count = Number(text.slice(at + 1, line));
  let end: number | undefined = line + 2;
  if (text[at] === "$" && count >= 0) end += count + 2;
  if (text[at] === "*") { for (let i = 0; i < count && end !== undefined; i++) end = endOfAnswer(text, end); }
  return end !== undefined && end <= text.length ? end : undefined;
}
