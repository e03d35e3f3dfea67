// A program: the cheapest MCP server there can be, so that the proxy in front of it is what gets measured.
// Raw sockets, fixed answers: initialize → a session, GET → an event stream, big body → big answer,
// `"method":"bench/hang"` → no answer at all, and one line on standard output when the connection of such a call ends.
// It shares its core with the load, so it runs on Bun where there is one: a call costs it 6.7 µs there and 8.8 on Deno.
// bun upstream.ts PORT [event interval in ms, 0 = silent streams], or `deno run -A` with the same
import process from "node:process";
import { bun, type BunSocketEvents, type BunTcpSocket } from "../../lib/platform/runtime/bun_types.ts";
import { RUNTIME } from "../../lib/platform/runtime/runtime.ts";
import { Conversation, eventChunk, streams, type Wire } from "./upstream_answers.ts";

const port = Number(process.argv[2]);
const intervalMs = Number(process.argv[3] ?? 0);
const hostname = "127.0.0.1";

/** Writes one event to every stream each interval, spread evenly over it in slices of 5 ms. */
function beat(): void {
  const sliceMs = 5;
  let due = 0;
  let order: Wire[] = [];
  setInterval(() => {
    due += streams.size * sliceMs / intervalMs;
    for (; due >= 1; due--) {
      if (order.length === 0) order = [...streams];
      const wire = order.pop();
      if (wire !== undefined && streams.has(wire)) wire.write(eventChunk());
    }
  }, sliceMs);
}

class BunWire implements Wire, BunSocketEvents {
  readonly #socket: BunTcpSocket;
  readonly #conversation = new Conversation(this);
  /** What the kernel has not taken. */
  #waiting: Uint8Array[] = [];

  constructor(socket: BunTcpSocket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): void {
    if (this.#waiting.length > 0) return void this.#waiting.push(bytes);
    const taken = this.#socket.write(bytes, 0, bytes.length);
    if (taken >= 0 && taken < bytes.length) this.#waiting.push(bytes.subarray(taken));
  }

  drained(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const bytes of waiting) this.write(bytes);
  }

  arrived(piece: Uint8Array): void {
    this.#conversation.arrived((piece as Uint8Array & { latin1Slice(): string }).latin1Slice());
  }

  wasClosed(): void {
    this.#conversation.ended();
  }

  endArrived(): void {}
  established(): void {}

  notEstablished(): void {}
}

function listenOnBun(): void {
  bun().listen({
    ...{ hostname, port, allowHalfOpen: false },
    socket: {
      open: (socket) => socket.data = new BunWire(socket),
      data: (socket, piece) => socket.data?.arrived(piece),
      drain: (socket) => socket.data?.drained(),
      close: (socket) => socket.data?.wasClosed(undefined),
      end: () => {},
      error: () => {},
    },
  });
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function serveOnDeno(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const chunk = new Uint8Array(64 * 1024);
  const latin1 = new TextDecoder("latin1");
  let written = Promise.resolve();
  const conversation = new Conversation({
    write: (bytes) => {
      written = written.then(() => writeAll(conn, bytes)).catch(() => conversation.ended());
    },
  });
  try {
    for (let size = await conn.read(chunk); size !== null; size = await conn.read(chunk)) {
      conversation.arrived(latin1.decode(chunk.subarray(0, size)));
      await written;
    }
  } catch {
    // Reset by the other side.
  }
  conversation.ended();
  conn.close();
}

async function listenOnDeno(): Promise<void> {
  for await (const conn of Deno.listen({ hostname, port })) serveOnDeno(conn);
}

if (intervalMs > 0) beat();
if (RUNTIME === "bun") listenOnBun();
else await listenOnDeno();
