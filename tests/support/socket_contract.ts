// What lib/platform promises of sockets, as cases that run on either runtime: nothing here names one.
// Both ends are ours, but for a server that never answers: it is node:net's.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { unlinkSync } from "node:fs";
import { createServer, type Socket as NodeSocket } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { handshakeFault } from "../../lib/platform/faults/handshake_fault.ts";
import { systemFault } from "../../lib/platform/faults/system_fault.ts";
import { RUNTIME } from "../../lib/platform/runtime/runtime.ts";
import { NETWORK } from "../../lib/platform/sockets.ts";
import type {
  ConnectTarget,
  Incoming,
  KeyPair,
  Listener,
  Socket,
  SocketOwner,
} from "../../lib/platform/sockets/socket.ts";
import { within } from "./until.ts";

export interface ContractContext {
  /** For `a.test`; absent where no openssl is there to make one. */
  readonly first: KeyPair | undefined;
  readonly second: KeyPair | undefined;
}

export interface ContractCase {
  readonly name: string;
  readonly tls?: boolean;
  run(context: ContractContext): Promise<void>;
}

const NEVER = new AbortController().signal;

const tick = (ms = 0) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A socket's owner with promises: what came, in order. */
class End implements SocketOwner {
  readonly socket: Socket;
  readonly events: string[] = [];
  bytes = 0;
  text = "";
  /** What came last. */
  last = new Uint8Array(0);
  memoryLent = 0;
  /** Why nothing more will come. */
  cause: unknown;
  #inCall = false;
  #wake: (() => void) | undefined;
  readonly #size: number;

  constructor(socket: Socket, size = 64 * 1024) {
    this.socket = socket;
    this.#size = size;
    socket.own(this);
  }

  takeMemory(): Uint8Array {
    this.memoryLent++;
    return new Uint8Array(this.#size);
  }

  onBytes(memory: Uint8Array, count: number): void {
    assert.ok(!this.#inCall, "called from within a call of the owner's");
    assert.ok(count > 0 && count <= memory.length);
    this.memoryLent--;
    this.bytes += count;
    this.last = memory.slice(0, count);
    if (this.text.length < 4096) this.text += new TextDecoder().decode(memory.subarray(0, count));
    this.#on("bytes");
  }

  onEnd(memory: Uint8Array | undefined): void {
    if (memory !== undefined) this.memoryLent--;
    this.#on("end");
  }

  onReadFailed(cause: unknown, memory: Uint8Array | undefined): void {
    this.cause = cause;
    if (memory !== undefined) this.memoryLent--;
    this.#on("failed");
  }

  #on(event: string): void {
    assert.ok(!this.#inCall, "called from within a call of the owner's");
    this.events.push(event);
    this.#wake?.();
  }

  /** Asks for input and waits for what follows. */
  async read(): Promise<string> {
    const seen = this.events.length;
    const came = new Promise<void>((resolve) => this.#wake = resolve);
    this.#inCall = true;
    this.socket.read();
    this.#inCall = false;
    if (this.events.length === seen) await within("input", came);
    assert.equal(this.events.length, seen + 1, "one call follows one request");
    return this.events.at(-1)!;
  }

  async readAll(): Promise<string> {
    let last = await this.read();
    while (last === "bytes") last = await this.read();
    return last;
  }

  async readText(text: string): Promise<void> {
    while (!this.text.includes(text)) assert.equal(await this.read(), "bytes", `reading ${text}`);
  }

  async write(content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    // Among others, so that a range is what is written.
    const lying = new Uint8Array(bytes.length + 7);
    lying.set(bytes, 3);
    let from = 3;
    const to = from + bytes.length;
    do {
      const count = await this.socket.write(lying, from, to);
      assert.ok(count > 0 || from === to);
      from += count;
    } while (from < to);
  }
}

/** Until `from` has ended, or either has failed. @param passes whether what comes is passed on, or dropped */
async function passOn(from: End, to: End, passes = () => true): Promise<void> {
  while (await from.read() === "bytes") if (passes()) await to.write(from.last).catch(() => {});
}

interface Pair {
  readonly client: End;
  readonly server: End;
  readonly incoming: Incoming;
  close(): void;
}

class Gate {
  readonly listener: Listener;
  readonly #came: Incoming[] = [];
  #wake: (() => void) | undefined;

  constructor(listener: Listener) {
    this.listener = listener;
    listener.accept((incoming) => {
      this.#came.push(incoming);
      this.#wake?.();
    });
  }

  async next(): Promise<Incoming> {
    if (this.#came.length === 0) await within("a connection", new Promise<void>((resolve) => this.#wake = resolve));
    return this.#came.shift()!;
  }
}

const LOOPBACK = { transport: "tcp", hostname: "127.0.0.1" } as const;

function targetOf(port: number, pair: KeyPair | undefined): ConnectTarget {
  if (pair === undefined) return { ...LOOPBACK, port };
  return { transport: "tls", hostname: "127.0.0.1", port, serverName: "a.test", caCerts: [pair.cert] };
}

async function pairOver(key: KeyPair | undefined, size?: number): Promise<Pair> {
  const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, ...(key === undefined ? {} : { tls: key }) }));
  const connecting = NETWORK.connect(targetOf(gate.listener.port, key), NEVER);
  const incoming = await gate.next();
  const server = new End(incoming.socket, size);
  // A server of Deno's shakes hands when it is read.
  const first = key === undefined ? undefined : server.read();
  const client = new End(await within("the connection", connecting), size);
  if (first !== undefined) {
    await client.write("hello");
    await first;
    server.bytes = 0;
    server.text = "";
  }
  const close = () => {
    client.socket.close();
    server.socket.close();
    gate.listener.close();
  };
  return { client, server, incoming, close };
}

/** Closes the client's socket with bytes unread: the system says so by a reset. */
async function reset({ client, server }: Pair): Promise<void> {
  // Twice: a runtime may have taken the first by itself.
  for (let i = 0; i < 2; i++) {
    await server.write("never read");
    await tick(30);
  }
  client.socket.close();
}

/** Over TLS, through a relay in the test's hands. */
async function relayed(key: KeyPair) {
  const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, tls: key }));
  const relay = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0 }));
  const connecting = NETWORK.connect(targetOf(relay.listener.port, key), NEVER);
  const near = new End((await relay.next()).socket);
  const far = new End(await NETWORK.connect({ ...LOOPBACK, port: gate.listener.port }, NEVER));
  let isDropped = false;
  const passes = () => !isDropped;
  const passed = { forth: passOn(near, far, passes), back: passOn(far, near, passes) };
  const server = new End((await gate.next()).socket);
  const hearing = server.readText("hello");
  const client = new End(await within("the handshake", connecting));
  await client.write("hello");
  await hearing;
  const close = async () => {
    for (const { socket } of [server, client, near, far]) socket.close();
    await Promise.all([passed.forth, passed.back]);
    gate.listener.close();
    relay.listener.close();
  };
  return { server, client, far, passed, drop: () => isDropped = true, close };
}

async function echo({ client, server, close }: Pair): Promise<void> {
  await client.write("ping");
  await server.readText("ping");
  await server.write("pong");
  await client.readText("pong");
  close();
}

async function halfClose({ client, server, close }: Pair): Promise<void> {
  await client.write("request");
  await client.socket.closeWrite();
  assert.equal(await server.readAll(), "end");
  assert.equal(server.text, "request");
  await server.write("answer");
  await client.readText("answer");
  await server.socket.closeWrite();
  assert.equal(await client.readAll(), "end");
  close();
}

/** Everything arrives, in order and once, and not before it is asked for. */
async function backpressure({ client, server, close }: Pair): Promise<void> {
  const size = 24 * 1024 * 1024;
  const sent = new Uint8Array(size).fill(0x61);
  let taken = 0;
  const writing = (async () => {
    while (taken < size) {
      taken += await client.socket.write(sent, taken, Math.min(size, taken + 256 * 1024));
    }
    await client.socket.closeWrite();
  })();
  for (let last = -1; last !== taken;) {
    last = taken;
    await tick(50);
  }
  assert.ok(taken < size, "a peer that reads nothing takes all of it");
  assert.equal(server.events.length <= 1, true, "bytes came that nobody asked for");
  assert.equal(await server.readAll(), "end");
  assert.equal(server.bytes, size);
  await within("the writer", writing);
  close();
}

/** Input that waits while nobody asks is there when somebody does, the end behind it. */
async function pausedThenEnd({ client, server, close }: Pair): Promise<void> {
  await client.write("a".repeat(100_000));
  await client.socket.closeWrite();
  await tick(30);
  const before = server.events.length;
  await tick(30);
  assert.equal(server.events.length, before);
  assert.equal(await server.readAll(), "end");
  assert.equal(server.bytes, 100_000);
  close();
}

/** A writer's bytes tell where they stand, so that a piece that was written over would show. */
function patterned(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
}

/** Keeps every other piece that it is offered as it is, and looks at all of them at the end. */
class Keeper extends End {
  readonly pieces: Uint8Array[] = [];
  offered = 0;

  takeWhole(piece: Uint8Array): boolean {
    assert.equal(Object.getPrototypeOf(piece), Uint8Array.prototype, "a slice of it is a copy");
    assert.equal(piece.buffer.byteLength, piece.length, "nothing else lies in its memory");
    if (++this.offered % 2 === 0) return false;
    this.pieces.push(piece);
    this.onBytes(piece, piece.length);
    this.memoryLent++;
    return true;
  }

  override onBytes(memory: Uint8Array, count: number): void {
    super.onBytes(memory, count);
    if (this.pieces.at(-1) !== memory) this.pieces.push(this.last);
  }
}

/** What comes in memory of its own stays as it came, for as long as its owner keeps it; the rest comes as ever. */
async function keptWhole({ client, server, close }: Pair): Promise<void> {
  const sent = patterned(6 * 1024 * 1024 + 11);
  const keeper = new Keeper(server.socket);
  const writing = client.write(sent).then(() => client.socket.closeWrite());
  assert.equal(await keeper.readAll(), "end");
  await within("the writer", writing);
  assert.equal(keeper.offered > 0, RUNTIME === "bun");
  assert.equal(keeper.bytes, sent.length);
  let at = 0;
  for (const piece of keeper.pieces) {
    assert.ok(Buffer.compare(piece, sent.subarray(at, at + piece.length)) === 0, `the bytes from ${at} on are as sent`);
    at += piece.length;
  }
  assert.equal(at, sent.length);
  close();
}

async function closedHere({ client, server, close }: Pair): Promise<void> {
  const reading = server.read();
  server.socket.close();
  assert.equal(await reading, "failed");
  await assert.rejects(async () => await server.write("x"));
  server.socket.close();
  assert.notEqual(await client.readAll(), "bytes");
  assert.equal(server.memoryLent, 0, "what was lent came back");
  close();
}

const bothWays = (name: string, run: (pair: Pair) => Promise<void>, size?: number): ContractCase[] => [
  { name: `TCP: ${name}`, run: async () => run(await pairOver(undefined, size)) },
  { name: `TLS: ${name}`, tls: true, run: async ({ first }) => run(await pairOver(first, size)) },
];

/** What it runs: a server that takes no connection until a byte comes by standard input. */
const DEAF = `
  import { createServer } from "node:net";
  import { readSync, writeSync } from "node:fs";
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    writeSync(1, server.address().port + "\\n");
    readSync(0, new Uint8Array(1));
  });`;

/** In a process of its own, on the same runtime: one whose loop stands still accepts nothing, and its backlog fills. */
async function deafServer() {
  const child = spawn(process.execPath, RUNTIME === "bun" ? ["-e", DEAF] : ["eval", DEAF], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const said = new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text))));
  const port = Number(await within("the port of a server that answers nothing", said));
  return {
    port,
    hear: () => void child.stdin.write("."),
    async end() {
      child.kill("SIGKILL");
      await within("the end of the server that answered nothing", ended);
    },
  };
}

export const SOCKET_CONTRACT: readonly ContractCase[] = [
  ...bothWays("bytes go both ways", echo),
  ...bothWays("one direction ends, the other goes on", halfClose),
  ...bothWays("who does not read holds the writer up, and loses nothing", backpressure),
  ...bothWays("the same into small memory", backpressure, 1024),
  ...bothWays("what comes in memory of its own is its owner's", keptWhole),
  ...bothWays("what came unasked waits, and so does the end", pausedThenEnd),
  ...bothWays("a socket closed here fails its read and its writes, and gives memory back", closedHere),
  {
    name: "TCP: a connection says where it comes from",
    async run() {
      const pair = await pairOver(undefined);
      assert.equal(pair.incoming.remoteAddress, "127.0.0.1");
      assert.ok(pair.incoming.remotePort > 0);
      pair.close();
    },
  },
  {
    name: "TCP: a reset ends the read that waits, and fails writes",
    async run() {
      const pair = await pairOver(undefined);
      const reading = pair.server.read();
      await reset(pair);
      // The system may have seen an end before the reset.
      assert.notEqual(await reading, "bytes");
      await assert.rejects(async () => {
        for (let i = 0; i < 5; i++) {
          await pair.server.write("x");
          await tick(10);
        }
      });
      pair.close();
    },
  },
  {
    name: "TCP: a reset after the end of input is noticed by an empty write, sooner or later",
    async run() {
      const pair = await pairOver(undefined);
      await pair.client.socket.closeWrite();
      assert.equal(await pair.server.readAll(), "end");
      await reset(pair);
      await assert.rejects(async () => {
        for (let i = 0; i < 100; i++) {
          await pair.server.write("");
          await tick(20);
        }
      });
      pair.close();
    },
  },
  {
    name: "TCP: a writer that is held up learns of a reset",
    async run() {
      const pair = await pairOver(undefined);
      const writing = assert.rejects(async () => await pair.server.write(new Uint8Array(32 * 1024 * 1024)));
      await tick(50);
      pair.client.socket.close();
      await within("the failure", writing);
      pair.close();
    },
  },
  {
    name: "TCP: what was written before the close arrives",
    async run() {
      const pair = await pairOver(undefined);
      await pair.server.write("x".repeat(50_000));
      pair.server.socket.close();
      assert.equal(await pair.client.readAll(), "end");
      assert.equal(pair.client.bytes, 50_000);
      pair.close();
    },
  },
  {
    name: "listening: a port in use is AddrInUse, and an address of another machine is AddrNotAvailable",
    run() {
      const listener = NETWORK.listen({ ...LOOPBACK, port: 0 });
      const fault = faultOf(() => NETWORK.listen({ ...LOOPBACK, port: listener.port }).close());
      listener.close();
      assert.equal(fault, "AddrInUse");
      assert.equal(
        faultOf(() => NETWORK.listen({ transport: "tcp", hostname: "192.0.2.1", port: 0 }).close()),
        "AddrNotAvailable",
      );
      return Promise.resolve();
    },
  },
  {
    name: "listening: a listener closed leaves its connections alone",
    async run() {
      const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0 }));
      const client = new End(await NETWORK.connect({ ...LOOPBACK, port: gate.listener.port }, NEVER));
      const server = new End((await gate.next()).socket);
      gate.listener.close();
      gate.listener.close();
      await echo({
        client,
        server,
        close: () => {},
        incoming: { socket: server.socket, remoteAddress: "", remotePort: 0 },
      });
      client.socket.close();
      server.socket.close();
      await assert.rejects(NETWORK.connect({ ...LOOPBACK, port: gate.listener.port }, NEVER));
    },
  },
  {
    name: "connecting: refused is ConnectionRefused, a socket file that is not there is NotFound",
    async run() {
      const listener = NETWORK.listen({ ...LOOPBACK, port: 0 });
      listener.close();
      await assert.rejects(
        NETWORK.connect({ ...LOOPBACK, port: listener.port }, NEVER),
        (error) => systemFault(error) === "ConnectionRefused",
      );
      await assert.rejects(
        NETWORK.connect({ transport: "unix", path: "/no/such.sock" }, NEVER),
        (error) => systemFault(error) === "NotFound",
      );
      await assert.rejects(NETWORK.connect({ transport: "tcp", hostname: "no-such-host.invalid", port: 1 }, NEVER));
    },
  },
  {
    name: "connecting: an attempt is given up when it is told to, before it or during a handshake that nobody answers",
    async run() {
      const over = new AbortController();
      over.abort();
      const taken: NodeSocket[] = [];
      const mute = createServer((socket) => void taken.push(socket.on("error", () => {}).resume()));
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      const { port } = mute.address() as { port: number };
      // More often than a runtime may have attempts pending that it cannot take back: these have not begun.
      for (let i = 0; i < 300; i++) await assert.rejects(NETWORK.connect({ ...LOOPBACK, port }, over.signal));
      (await NETWORK.connect({ ...LOOPBACK, port }, NEVER)).close();
      const attempt = new AbortController();
      setTimeout(() => attempt.abort(), 50);
      await within(
        "the abort",
        assert.rejects(NETWORK.connect({ transport: "tls", hostname: "127.0.0.1", port }, attempt.signal)),
      );
      taken.forEach((socket) => socket.destroy());
      await within("the server's end", new Promise((resolve) => mute.close(resolve)));
    },
  },
  {
    name:
      "connecting: a destination that answers nothing is in nobody's way, and is reached again as soon as it answers",
    async run() {
      const deaf = await deafServer();
      const { port } = deaf;
      const taken: Socket[] = [];
      const attempt = (signal: AbortSignal) => NETWORK.connect({ ...LOOPBACK, port }, signal);
      try {
        // What its backlog takes.
        for (let full = false; !full;) {
          await attempt(AbortSignal.timeout(200)).then((socket) => taken.push(socket), () => full = true);
          assert.ok(taken.length < 10_000, "filling the backlog: found no end of it");
        }
        for (let round = 0; round < 3; round++) {
          const signal = AbortSignal.timeout(100);
          const given = Array.from({ length: 200 }, () => assert.rejects(attempt(signal)));
          await within("attempts to be given up", Promise.all(given));
        }
        const other = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0 }));
        (await NETWORK.connect({ ...LOOPBACK, port: other.listener.port }, NEVER)).close();
        (await within("another destination", other.next())).socket.close();
        other.listener.close();
        deaf.hear();
        taken.push(await within("the destination that answers again", attempt(NEVER)));
      } finally {
        taken.forEach((socket) => socket.close());
        await deaf.end();
      }
    },
  },
  {
    name: "unix: bytes go both ways, and half-close works",
    async run() {
      const path = `${tmpdir()}/signet-${crypto.randomUUID()}.sock`;
      const gate = new Gate(NETWORK.listen({ transport: "unix", path }));
      const client = new End(await NETWORK.connect({ transport: "unix", path }, NEVER));
      const incoming = await gate.next();
      const server = new End(incoming.socket);
      assert.deepEqual([incoming.remoteAddress, incoming.remotePort], ["", 0]);
      await halfClose({ client, server, incoming, close: () => {} });
      client.socket.close();
      server.socket.close();
      gate.listener.close();
      try {
        unlinkSync(path);
      } catch {
        // One of the runtimes does it by itself.
      }
    },
  },
  {
    name: "TLS: whoever cannot prove its name is refused",
    tls: true,
    async run({ first, second }) {
      const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, tls: first! }));
      const { port } = gate.listener;
      const ends: End[] = [];
      const serving = (async () => {
        for (let i = 0; i < 3; i++) {
          const end = new End((await gate.next()).socket);
          ends.push(end);
          await end.read();
        }
      })();
      const base = { transport: "tls", hostname: "127.0.0.1", port } as const;
      for (
        const wrong of [
          { serverName: "other.test", caCerts: [first!.cert] },
          { serverName: "a.test", caCerts: [second!.cert] },
          { serverName: "a.test" },
        ]
      ) await within("the refusal", assert.rejects(NETWORK.connect({ ...base, ...wrong }, NEVER)));
      await serving;
      assert.ok(ends.every((end) => end.bytes === 0), "bytes went to a peer that had proven nothing");
      ends.forEach((end) => end.socket.close());
      gate.listener.close();
    },
  },
  {
    name: "TLS: a client that speaks no TLS fails the read, and is known to",
    tls: true,
    async run({ first }) {
      const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, tls: first! }));
      const client = new End(await NETWORK.connect({ ...LOOPBACK, port: gate.listener.port }, NEVER));
      const server = new End((await gate.next()).socket);
      await client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      assert.equal(await server.read(), "failed");
      assert.equal(handshakeFault(server.cause)?.found, "no TLS");
      client.socket.close();
      server.socket.close();
      gate.listener.close();
    },
  },
  {
    name: "TLS: a record that is none fails its own connection's read",
    tls: true,
    async run({ first }) {
      const { server, far, close } = await relayed(first!);
      await far.write(Uint8Array.of(0x17, 3, 3, 0, 32, ...new Uint8Array(32)));
      assert.equal(await server.readAll(), "failed");
      await close();
    },
  },
  {
    name: "TLS: what is closed is gone at once, though the other end never answers the farewell",
    tls: true,
    async run({ first }) {
      const { server, client, passed, drop, close } = await relayed(first!);
      drop();
      const began = performance.now();
      server.socket.close();
      await within("the end of a connection closed by its server", passed.back);
      client.socket.close();
      await within("the end of a connection closed by its client", passed.forth);
      // One runtime would wait for some ten seconds.
      assert.ok(performance.now() - began < 8000, "closing: found the connections there for seconds");
      await close();
    },
  },
  {
    name: "TLS: a client that is silent can be got rid of",
    tls: true,
    async run({ first }) {
      const gate = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, tls: first! }));
      const client = new End(await NETWORK.connect({ ...LOOPBACK, port: gate.listener.port }, NEVER));
      const server = new End((await gate.next()).socket);
      const reading = server.read();
      server.socket.close();
      assert.equal(await reading, "failed");
      client.socket.close();
      gate.listener.close();
    },
  },
  {
    name: "TLS: a second listener takes the port over with a new certificate",
    tls: true,
    async run({ first, second }) {
      if (!NETWORK.sharesPorts) return;
      const one = new Gate(NETWORK.listen({ ...LOOPBACK, port: 0, tls: first!, shared: true }));
      const { port } = one.listener;
      const old = NETWORK.connect(targetOf(port, first), NEVER);
      const oldServer = new End((await one.next()).socket);
      const oldRead = oldServer.read();
      const oldClient = new End(await old);
      const two = new Gate(NETWORK.listen({ ...LOOPBACK, port, tls: second!, shared: true }));
      one.listener.close();
      // A runtime may let go of its socket a moment later.
      await tick(50);
      const fresh = NETWORK.connect(targetOf(port, second), NEVER);
      const freshServer = new End((await two.next()).socket);
      const freshRead = freshServer.read();
      const freshClient = new End(await within("the new certificate", fresh));
      await freshClient.write("new");
      await oldClient.write("old");
      await Promise.all([oldRead, freshRead]);
      assert.deepEqual([oldServer.text, freshServer.text], ["old", "new"]);
      for (const end of [oldServer, oldClient, freshServer, freshClient]) end.socket.close();
      two.listener.close();
    },
  },
  {
    name: "TLS: files that hold no certificate are refused",
    tls: true,
    run() {
      assert.throws(() => NETWORK.listen({ ...LOOPBACK, port: 0, tls: { cert: "none", key: "none" } }));
      return Promise.resolve();
    },
  },
];

function faultOf(step: () => void): string | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    return systemFault(error) ?? String(error);
  }
}
