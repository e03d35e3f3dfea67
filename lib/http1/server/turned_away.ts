// Connections that are turned away at the limit: told so, and closed, for next to nothing.
import type { Socket } from "../../platform/sockets/socket.ts";
import type { Sweep, Timed } from "../wire/deadline.ts";
import { asciiBytes } from "../wire/latin1.ts";
import type { Accepted } from "./listener.ts";

const REFUSAL = asciiBytes(
  "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
);
/** How long a client has to hear it, ms: over TLS nothing is said before the handshake is over. */
const HANDSHAKE_MS = 2000;
/** How many handshakes are waited for at a time: each has a descriptor that no limit counts. Others are closed untold. */
const MOST_HANDSHAKES = 64;

export class TurnedAway implements Timed {
  readonly #sweep: Sweep;
  /** Those not told yet, and until when they are waited for, ms of the sweep's clock. */
  readonly #waiting = new Map<Socket, number>();

  constructor(sweep: Sweep) {
    this.#sweep = sweep;
  }

  add({ socket, secure }: Accepted): void {
    if (secure && this.#waiting.size >= MOST_HANDSHAKES) return socket.close();
    this.#waiting.set(socket, this.#sweep.now() + HANDSHAKE_MS);
    this.#sweep.add(this);
    Promise.resolve(socket.write(REFUSAL, 0, REFUSAL.length)).catch(() => {}).finally(() => this.#drop(socket));
  }

  onSweep(nowMs: number): void {
    for (const [socket, untilMs] of this.#waiting) if (nowMs >= untilMs) this.#drop(socket);
  }

  /** Waits for nobody any more. */
  close(): void {
    for (const socket of this.#waiting.keys()) this.#drop(socket);
  }

  #drop(socket: Socket): void {
    this.#waiting.delete(socket);
    if (this.#waiting.size === 0) this.#sweep.delete(this);
    socket.close();
  }
}
