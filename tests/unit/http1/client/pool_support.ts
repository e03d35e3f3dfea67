// A pool before an upstream whose every byte is in the test's hands. Whatever becomes of its calls, once it is closed none
// of them counts as one that waits for an answer: garbage would never be collected in time again.
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import type { PoolLimits, PoolOptions } from "../../../../lib/http1/client/pool_options.ts";
import { type BodyReader, type ClientRequest, HttpError } from "../../../../lib/http1/types.ts";
import { Lulls } from "../../../../lib/platform/memory/lulls.ts";
import type { Socket, SocketOwner } from "../../../../lib/platform/sockets/socket.ts";
import { bytesOf, ManualClock, type RawPeer, RawUpstream, textOf } from "../../../support/raw_peer.ts";
import { until, within } from "../../../support/until.ts";

export interface TestPool extends AsyncDisposable {
  readonly pool: Pool;
  readonly upstream: RawUpstream;
  readonly clock: ManualClock;
  readonly lulls: Lulls;
}

/** Times pass only when the test moves the clock; the small defaults make the sweep frequent. */
export function poolBefore(
  upstream: RawUpstream,
  limits: Partial<PoolLimits> = {},
  options: PoolOptions = {},
): TestPool {
  const clock = new ManualClock();
  const lulls = new Lulls({ collect: undefined, now: clock.now, later: queueMicrotask });
  const pool = new Pool({ transport: "tcp", hostname: "127.0.0.1", port: upstream.port }, {
    now: clock.now,
    lulls,
    ...options,
    limits: { idleTimeoutMs: 80, ...limits },
  });
  return {
    pool,
    upstream,
    clock,
    lulls,
    async [Symbol.asyncDispose]() {
      pool.close();
      assert.equal(lulls.owed, 0, "calls that nobody owes an answer");
      await upstream.close();
    },
  };
}

export function get(target = "/g"): ClientRequest {
  return { method: "GET", target, fields: ["host", "a"] };
}

export function post(body: string, target = "/p"): ClientRequest {
  return { method: "POST", target, fields: ["host", "a"], body: bytesOf(body) };
}

/** A response with Content-Length. */
export function answer(body: string, fields = ""): string {
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export async function textOfBody(body: BodyReader): Promise<string> {
  return textOf(await body.readAll(Infinity));
}

/** A body that the test feeds piece by piece. */
export class FedBody implements BodyReader {
  readonly length: number;
  done = false;
  #pieces: (Uint8Array | null | Error)[] = [];
  #wake: (() => void) | undefined;

  constructor(length: number) {
    this.length = length;
  }

  feed(piece: string | null | Error): void {
    this.#pieces.push(typeof piece === "string" ? bytesOf(piece) : piece);
    this.#wake?.();
  }

  takeBuffered(): undefined {
    return undefined;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#pieces.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    const piece = this.#pieces.shift()!;
    if (piece instanceof Error) throw piece;
    this.done = piece === null;
    return piece;
  }

  readAll(): Promise<Uint8Array> {
    throw new Error("not needed here");
  }
}

/** One exchange, so that a connection lies idle. */
export async function warmUp(test: TestPool): Promise<RawPeer> {
  const call = test.pool.send(get("/warm"));
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(answer("warm"));
  const response = await call.response;
  await textOfBody(response.body);
  response.release();
  return peer;
}

export interface KeptPool extends TestPool {
  /** In the order in which they are opened: the first has carried an exchange, and lies idle. */
  readonly sockets: readonly ScriptedSocket[];
  /** How many are open, or have been. */
  opened(): number;
}

/** A pool that keeps one connection, and may open another, all of them played. */
export async function poolThatKeepsOne(limits: Partial<PoolLimits> = {}): Promise<KeptPool> {
  const sockets = [new ScriptedSocket(), new ScriptedSocket()];
  let opened = 0;
  const test = poolBefore(new RawUpstream(), limits, { connect: () => Promise.resolve(sockets[opened++]!) });
  const warm = test.pool.send(get("/warm"));
  await until(() => sockets[0]!.written.length === 1, "the first request");
  sockets[0]!.deliver(answer("warm"));
  const response = await warm.response;
  await textOfBody(response.body);
  response.release();
  await until(() => test.pool.stats.idle === 1, "the connection to be free");
  return { ...test, sockets, opened: () => opened };
}

/** A socket without a network, for what no real one does on demand. */
export class ScriptedSocket implements Socket {
  takesAtOnce = false;
  hasEarly = false;
  readonly written: string[] = [];
  /** Every write fails at once, without taking a byte. */
  broken = false;
  /** After this many bytes writes fail. */
  takes = Infinity;
  #owner!: SocketOwner;
  #reading = false;

  own(owner: SocketOwner): void {
    this.#owner = owner;
  }

  read(): void {
    this.#reading = true;
  }

  write(bytes: Uint8Array, from: number, to: number): Promise<number> {
    if (this.broken || this.takes === 0) return Promise.reject(new Deno.errors.BrokenPipe("broken"));
    const count = Math.min(to - from, this.takes);
    this.takes -= count;
    this.written.push(textOf(bytes.subarray(from, from + count)));
    return Promise.resolve(count);
  }

  /** Answers the posted read. */
  deliver(text: string): void {
    this.#answerRead();
    const memory = this.#owner.takeMemory();
    memory.set(bytesOf(text));
    this.#owner.onBytes(memory, text.length);
  }

  end(): void {
    this.#answerRead();
    this.#owner.onEnd(undefined);
  }

  #answerRead(): void {
    if (!this.#reading) throw new Error("delivering to a socket: nobody reads");
    this.#reading = false;
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    if (!this.#reading) return;
    this.#reading = false;
    queueMicrotask(() => this.#owner.onReadFailed(new Deno.errors.Interrupted("closed"), undefined));
  }
}

/** What a call fails with. */
export async function failure(call: { response: Promise<unknown> }): Promise<HttpError> {
  const outcome = await within("the failure", call.response.then(() => undefined, (error) => error));
  assert.ok(outcome instanceof HttpError, "the call should have failed");
  return outcome;
}
