// What lies before a store, and can hold its answers: from the next question of a kind on, to whoever has asked that; all that
// was held comes at once when it is let go.
import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";
import { until } from "./until.ts";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** What the store has said since it is held; undefined where it is not. */
  held: Uint8Array[] | undefined;
}

export class HeldAnswers implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #about: RegExp | undefined;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const pair: Pair = { near, far: connect(port, "127.0.0.1"), held: undefined };
      this.#pairs.add(pair);
      near.on("data", (bytes: Uint8Array) => {
        const text = Buffer.from(bytes).toString("latin1");
        if (this.#about?.test(text)) {
          this.#about = undefined;
          pair.held = [];
        }
        pair.far.write(bytes);
      });
      pair.far.on("data", (bytes: Uint8Array) => {
        if (pair.held === undefined) near.write(bytes);
        else pair.held.push(bytes.slice());
      });
      for (const [one, other] of [[near, pair.far], [pair.far, near]] as const) {
        one.on("error", () => {});
        one.on("close", () => other.destroy());
      }
    });
  }

  static async to(port: number): Promise<HeldAnswers> {
    const wire = new HeldAnswers(port);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Holds the answer to the next question that `about` fits, and all behind it. */
  hold(about: RegExp): void {
    this.#about = about;
  }

  /** What is held, as soon as it is as `wanted` has it, but for answers to pings. */
  async answered(wanted: RegExp): Promise<string> {
    const held = () => {
      const all = [...this.#pairs].map((pair) => Buffer.concat(pair.held ?? []).toString("latin1")).join("");
      return all.replaceAll("+PONG\r\n", "");
    };
    await until(() => wanted.test(held()), () => `${wanted} in what is held: ${held()}`);
    return held();
  }

  letGo(): void {
    this.#about = undefined;
    for (const pair of this.#pairs) {
      const held = pair.held;
      pair.held = undefined;
      if (held !== undefined && held.length > 0) pair.near.write(Buffer.concat(held));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#pairs) for (const end of [near, far]) end.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
