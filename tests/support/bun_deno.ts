// What tests use of `Deno`, on Bun: `node:` built-ins behind the same names, so that a test file written for
// Deno runs there unchanged. Tests are gathered and run by `runTests`. Sanitizers are Deno's alone; what a test leaves
// behind shows here as a process that does not end by itself (on_bun.ts).
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import tls from "node:tls";
import { inspect } from "node:util";

/** The names that node's errors have in Deno. */
const NAMES: Readonly<Record<string, string>> = {
  EADDRINUSE: "AddrInUse",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  ENOENT: "NotFound",
  ECONNREFUSED: "ConnectionRefused",
  ECONNRESET: "ConnectionReset",
  EPIPE: "BrokenPipe",
  EINTR: "Interrupted",
};

/** Each recognizes what Deno would have thrown, and can be made by tests. */
const errors = Object.fromEntries(
  [...new Set(Object.values(NAMES)), "BadResource"].map((name) => [
    name,
    class extends Error {
      static override [Symbol.hasInstance](value: unknown): boolean {
        if (!(value instanceof Error)) return false;
        return value.name === name || NAMES[String((value as { code?: unknown }).code)] === name;
      }
      override readonly name = name;
    },
  ]),
);

class Conn {
  readonly #socket: net.Socket;
  readonly #pieces: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.pause();
    socket.on("data", (piece: Uint8Array) => {
      this.#pieces.push(piece);
      socket.pause();
      this.#wake?.();
    });
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end());
  }

  #end(error?: Error): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#wake?.();
  }

  get remoteAddr() {
    return { transport: "tcp", hostname: this.#socket.remoteAddress, port: this.#socket.remotePort };
  }

  get localAddr() {
    return { transport: "tcp", hostname: this.#socket.localAddress, port: this.#socket.localPort };
  }

  setNoDelay(on = true): void {
    this.#socket.setNoDelay(on);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#pieces.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#socket.resume();
      await promise;
    }
    const piece = this.#pieces[0];
    if (piece !== undefined) {
      const count = Math.min(piece.length, buffer.length);
      buffer.set(piece.subarray(0, count));
      if (count === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(count);
      return count;
    }
    if (this.#failure !== undefined) throw this.#failure;
    return null;
  }

  write(bytes: Uint8Array): Promise<number> {
    // What a test writes may be its own memory, used again.
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes.slice(), (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#end();
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface Address {
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string;
  /** PEM texts, for TLS. */
  readonly cert?: string;
  readonly key?: string;
}

async function connect(address: Address): Promise<Conn> {
  const { hostname = "127.0.0.1", port = 0, path } = address;
  const socket = path === undefined
    ? net.connect({ host: hostname, port, allowHalfOpen: true })
    : net.connect({ path, allowHalfOpen: true });
  await once(socket, "connect");
  return new Conn(socket);
}

class Listener {
  readonly addr: { readonly transport: string; readonly hostname: string; readonly port: number };
  readonly #server: net.Server;
  readonly #waiting: net.Socket[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor({ hostname = "0.0.0.0", port = 0, path, cert, key }: Address) {
    const take = (socket: net.Socket) => {
      this.#waiting.push(socket);
      this.#wake?.();
    };
    const options = { allowHalfOpen: true, pauseOnConnect: true };
    this.#server = cert === undefined
      ? net.createServer(options, take)
      : tls.createServer({ ...options, cert, key }, take);
    if (path === undefined) this.#server.listen(port, hostname);
    else this.#server.listen(path);
    // Bun listens at once.
    const bound = this.#server.address();
    const boundPort = typeof bound === "object" && bound !== null ? bound.port : 0;
    this.addr = { transport: path === undefined ? "tcp" : "unix", hostname, port: boundPort };
  }

  async accept(): Promise<Conn> {
    while (this.#waiting.length === 0) {
      if (this.#closed) throw new (errors.BadResource!)("the listener is closed");
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return new Conn(this.#waiting.shift()!);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Conn> {
    while (!this.#closed) {
      try {
        yield await this.accept();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface CommandOptions {
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
}

class Command {
  readonly #path: string;
  readonly #options: CommandOptions;

  constructor(path: string, options: CommandOptions = {}) {
    this.#path = path;
    this.#options = options;
  }

  output(): Promise<{ success: boolean; code: number; stdout: Uint8Array; stderr: Uint8Array }> {
    const { args = [], cwd, env, signal } = this.#options;
    const options = { cwd, signal, encoding: "buffer" as const, env: { ...process.env, ...env } };
    return new Promise((resolve, reject) =>
      execFile(this.#path, args, options, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") return reject(error);
        const code = Number(error?.code ?? 0);
        resolve({ success: code === 0, code, stdout, stderr });
      })
    );
  }
}

// ---- tests

type Body = (t: Context) => void | Promise<void>;
interface Test {
  readonly name: string;
  readonly ignore: boolean;
  readonly fn: Body;
}

interface Context {
  readonly name: string;
  step(name: string, fn: Body): Promise<boolean>;
}

const tests: Test[] = [];

function test(first: string | Partial<Test> | Body, second?: unknown, third?: unknown): void {
  const parts = [first, second, third];
  const fn = parts.find((part) => typeof part === "function") as Body | undefined;
  const options = parts.find((part) => typeof part === "object") as Partial<Test> | undefined;
  const body = fn ?? options?.fn;
  if (body === undefined) throw new Error("defining a test: found no function in it");
  const name = typeof first === "string" ? first : options?.name ?? body.name;
  tests.push({ name, ignore: options?.ignore ?? false, fn: body });
}

/** How long a test may take, in ms. */
const DEADLINE_MS = 60_000;

/** What became of one test. */
export interface Result {
  readonly name: string;
  readonly ignored?: boolean;
  /** A stack, if it failed. */
  readonly error?: string;
}

function contextOf(name: string): Context {
  return {
    name,
    async step(inner, fn) {
      await fn(contextOf(`${name} ... ${inner}`));
      return true;
    },
  };
}

async function runOne({ name, fn }: Test): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`running a test: it has not ended within ${DEADLINE_MS / 1000} s`);
    timer = setTimeout(() => reject(error), DEADLINE_MS);
  });
  try {
    await Promise.race([fn(contextOf(name)), late]);
    return { name };
  } catch (error) {
    // Bun's stacks have no message in them.
    const text = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : inspect(error);
    return { name, error: text };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs every test that has been defined but those `without`, one after the other. */
export async function runTests(without: readonly string[], report: (result: Result) => void): Promise<void> {
  for (const one of tests) {
    const { name, ignore } = one;
    report(ignore || without.includes(name) ? { name, ignored: true } : await runOne(one));
  }
}

(globalThis as { Deno?: unknown }).Deno = {
  test,
  errors,
  connect,
  listen: (address: Address) => new Listener(address),
  listenTls: (address: Address) => new Listener(address),
  Command,
  chmod,
  makeTempDir: ({ prefix = "" }: { prefix?: string } = {}) => mkdtemp(`${tmpdir()}/${prefix}`),
  readTextFile: (path: string) => readFile(path, "utf8"),
  writeTextFile: (path: string, text: string) => writeFile(path, text),
  remove: (path: string, options: { recursive?: boolean } = {}) => rm(path, options),
};
