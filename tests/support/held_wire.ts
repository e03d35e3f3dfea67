// What lies between two hosts and, when told to, holds back what the far one says until all of it goes on in one write: so
// that a test knows that it arrives at once.
import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

export class HeldWire implements AsyncDisposable {
  readonly #server: Server;
  readonly #ends = new Set<Socket>();
  /** What is held back of each connection, by its near end; undefined: nothing is. */
  #held: Map<Socket, Buffer[]> | undefined;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      near.on("data", (bytes) => far.write(bytes));
      far.on("data", (bytes) => this.#pass(near, bytes));
      for (const [end, other] of [[near, far], [far, near]] as const) {
        this.#ends.add(end);
        end.setNoDelay(true);
        end.on("error", () => {});
        end.on("close", () => other.destroy());
      }
    });
  }

  #pass(near: Socket, bytes: Buffer): void {
    if (this.#held === undefined) return void near.write(bytes);
    const held = this.#held.get(near);
    if (held === undefined) this.#held.set(near, [bytes]);
    else held.push(bytes);
  }

  /** @param port on loopback, that of the far one */
  static async to(port: number): Promise<HeldWire> {
    const wire = new HeldWire(port);
    await new Promise<void>((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** From now on nothing of what the far one says goes on. */
  hold(): void {
    this.#held = new Map();
  }

  /** Bytes that are held back. */
  get held(): number {
    let sum = 0;
    for (const pieces of this.#held?.values() ?? []) for (const { length } of pieces) sum += length;
    return sum;
  }

  letGo(): void {
    for (const [near, pieces] of this.#held ?? []) near.write(Buffer.concat(pieces));
    this.#held = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
