// What lies between two hosts, and can lose one of them: connections that were there carry nothing any more, either way, and
// nobody hears of it. New ones are carried, to somebody else if that is said.
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  cut: boolean;
}

export class CuttableWire implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #port: number;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((near) => {
      const pair: Pair = { near, far: connect(this.#port, "127.0.0.1"), cut: false };
      this.#pairs.add(pair);
      for (const [from, to] of [[pair.near, pair.far], [pair.far, pair.near]] as const) {
        from.on("data", (bytes) => pair.cut || to.write(bytes));
        from.on("error", () => {});
        from.on("close", () => pair.cut || to.destroy());
      }
    });
  }

  /** @param port on loopback, that of whoever may be lost */
  static async to(port: number): Promise<CuttableWire> {
    const wire = new CuttableWire(port);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Whoever connects from now on is led to this port. */
  leadTo(port: number): void {
    this.#port = port;
  }

  /** @returns how many it carried */
  cut(): number {
    let count = 0;
    for (const pair of this.#pairs) {
      if (pair.cut || pair.near.destroyed) continue;
      pair.cut = true;
      count++;
    }
    return count;
  }

  /** To whoever has connected, between whatever else it hears. */
  say(text: string): void {
    for (const { near, cut } of this.#pairs) if (!cut && !near.destroyed) near.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#pairs) for (const end of [near, far]) end.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
