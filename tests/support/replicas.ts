// Several Signets in this process, each before an MCP server of its own that nobody else reaches, which know each other:
// `await using replicas = await Replicas.start({ count: 3 })`.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { KeyRing } from "../../lib/envelope/key_ring.ts";
import { freePort } from "../../scripts/free_port.ts";
import { FakeMcp } from "./fake_mcp.ts";
import { freshRing, type Lane, TestSignet } from "./signet.ts";
import { until } from "./until.ts";

export interface Replica {
  readonly signet: TestSignet;
  readonly upstream: FakeMcp;
  readonly address: string;
  /** How others reach it; undefined unless {@link ReplicasOptions.apart}. */
  readonly way: Way | undefined;
}

/**
 * A relay of connections: closed, it refuses new ones and cuts those there are, as a network does that is torn; hushed, it
 * holds what is said until it may speak, as where a host stands still.
 */
export class Way implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isHushed = false;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async to(target: () => number): Promise<Way> {
    const server = createServer((near) => {
      const far = connect({ host: "127.0.0.1", port: target() });
      for (const [one, other] of [[near, far], [far, near]] as const) {
        way.#sockets.add(one);
        one.on("data", (bytes) => other.write(bytes)).on("end", () => other.end()).on("error", () => other.destroy());
        one.on("close", () => {
          way.#sockets.delete(one);
          other.destroy();
        });
        if (way.#isHushed) one.pause();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const way = new Way(server);
    return way;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
  }

  hush(): void {
    this.#isHushed = true;
    for (const socket of this.#sockets) socket.pause();
  }

  speak(): void {
    this.#isHushed = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface ReplicasOptions {
  readonly count: number;
  readonly lane?: Lane | undefined;
  /** Of all of them. */
  readonly flags?: readonly string[] | undefined;
  readonly ring?: KeyRing;
  /** `OTEL_…` variables of all of them. */
  readonly otel?: Readonly<Record<string, string>>;
  /** Others reach each replica through a way that a test can close. */
  readonly apart?: boolean;
  /** By how much the clock of each is ahead, in ms. */
  readonly skewMs?: readonly number[];
}

export class Replicas implements AsyncDisposable {
  readonly all: Replica[] = [];
  readonly ring: KeyRing;
  readonly #options: ReplicasOptions;
  readonly #stopped = new Set<number>();

  private constructor(options: ReplicasOptions) {
    this.#options = options;
    this.ring = options.ring ?? freshRing();
  }

  static async start(options: ReplicasOptions): Promise<Replicas> {
    const replicas = new Replicas(options);
    for (let i = 0; i < options.count; i++) replicas.all.push(await replicas.#open());
    return replicas;
  }

  /** @param index of the one meant */
  at(index: number): Replica {
    const replica = this.all[index];
    if (replica === undefined) throw new Error(`asking for replica ${index}: there are ${this.all.length}`);
    return replica;
  }

  /** It ends, and its server with it. */
  async stop(index: number): Promise<void> {
    const { signet, upstream } = this.at(index);
    this.#stopped.add(index);
    await signet[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  }

  /** It has ended otherwise. */
  forget(index: number): void {
    this.#stopped.add(index);
  }

  /** Another process with another server at its address. */
  async replace(index: number): Promise<void> {
    this.all[index] = await this.#open(Number(new URL(this.at(index).address).port));
    this.#stopped.delete(index);
  }

  async #open(at?: number): Promise<Replica> {
    const { lane, flags = [], otel, skewMs = [] } = this.#options;
    const aheadMs = skewMs[this.all.length] ?? 0;
    let upstream = new FakeMcp({ predictable: true });
    // A free port may be the very one that is wanted.
    while (upstream.port === at) {
      const taken = upstream;
      upstream = new FakeMcp({ predictable: true });
      await taken[Symbol.asyncDispose]();
    }
    const port = at ?? freePort();
    let count = 0;
    // A count in each session, so that nobody meets another's, and how often each call ran.
    const counts = new Map<string, number>();
    upstream.tool("count", ({ request }) => {
      const next = (counts.get(request.sessionId ?? "") ?? 0) + 1;
      counts.set(request.sessionId ?? "", next);
      count++;
      return {
        content: [{ type: "text", text: String(next) }],
        structuredContent: { count: next, at: port, all: count },
      };
    });
    const way = this.#options.apart === true ? await Way.to(() => port) : undefined;
    const address = `http://127.0.0.1:${way?.port ?? port}`;
    const signet = await TestSignet.start({
      upstream: upstream.url,
      ring: this.ring,
      now: () => Date.now() + aheadMs,
      ...(lane === undefined ? {} : { lane }),
      ...(otel === undefined ? {} : { otel }),
      listen: `127.0.0.1:${port}`,
      flags: ["--advertise", address, "--peer", "127.0.0.0/8", ...flags],
    });
    return { signet, upstream, address, way };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [index, { signet, upstream, way }] of this.all.entries()) {
      if (this.#stopped.has(index)) continue;
      await way?.[Symbol.asyncDispose]();
      // What the store's library waits for between two attempts to connect cannot be taken back.
      await until(() => signet.app.storeIsWhole, "both connections to the store");
      await signet[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    }
  }
}
