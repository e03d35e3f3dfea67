// Attempts to connect that Bun has not told the end of. It cannot be told to stop one: given up, it keeps a descriptor until
// the kernel gives up too, after two minutes at worst. So a destination with some of them is tried by `node:net` first,
// whose attempts end when they are told to: one that answers nothing is in no other's way, and is back when it answers.
import type { Socket as NodeSocket } from "node:net";
import { systemError } from "../faults/system_fault.ts";
import { connectTcp } from "../runtime/builtin.ts";
import type { ConnectTarget } from "./socket.ts";

/** To one destination, without knowing that it answers. */
const MOST_UNSURE = 16;
/** Of one destination: one that answers, and then does not, again and again. Each holds a descriptor. */
const MOST_GIVEN_UP = 256;

/** Destinations with attempts pending; there are no more than destinations configured. */
const byDestination = new Map<string, PendingAttempts>();

/** Those to one destination. */
export class PendingAttempts {
  readonly #key: string;
  #pending = 0;
  #givenUp = 0;

  constructor(key: string) {
    this.#key = key;
  }

  /** Whether {@link probe} has to succeed before the next. */
  get wantsProbe(): boolean {
    return this.#pending >= MOST_UNSURE;
  }

  /** @throws Error `EAGAIN` if too many have been given up all the same */
  check(): void {
    if (this.#givenUp < MOST_GIVEN_UP) return;
    throw systemError("EAGAIN", `${this.#givenUp} attempts to connect that were given up are still pending`);
  }

  begun(): void {
    this.#pending++;
    byDestination.set(this.#key, this);
  }

  givenUp(): void {
    this.#givenUp++;
  }

  ended(givenUp: boolean): void {
    if (givenUp) this.#givenUp--;
    if (--this.#pending === 0 && byDestination.get(this.#key) === this) byDestination.delete(this.#key);
  }
}

export function pendingAttempts(target: ConnectTarget): PendingAttempts {
  const key = target.transport === "unix" ? target.path : `${target.hostname} ${target.port}`;
  return byDestination.get(key) ?? new PendingAttempts(key);
}

/** Resolves when the destination takes connections: with one that is closed again. @throws as connecting does */
export function probe(target: ConnectTarget, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(systemError("ECANCELED", "connecting was aborted"));
    const place = target.transport === "unix" ? { path: target.path } : { host: target.hostname, port: target.port };
    const socket: NodeSocket = connectTcp(place);
    const end = (settle: () => void) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      settle();
    };
    const abort = () => end(() => reject(systemError("ECANCELED", "connecting was aborted")));
    signal.addEventListener("abort", abort);
    socket.on("error", (cause) => end(() => reject(cause)));
    socket.once("connect", () => end(resolve));
  });
}
