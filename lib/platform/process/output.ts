// Standard output and standard error of this process: whole texts, waited for, for commands; or bytes without waiting for
// their reader, for what serves. A pipe that nobody empties then keeps no thread: Bun has two for all files, and with both of
// them in a write no file was read any more (a reload hung, and with it a new key).
import { write, writeSync } from "node:fs";
import { isOnlyNow, systemFault } from "../faults/system_fault.ts";
import { RUNTIME } from "../runtime/runtime.ts";
import { pause, SYSTEM_TIMERS } from "../time/timers.ts";
import { reopenPipe } from "./own_pipe.ts";

/** File descriptors. */
export const STDOUT = 1;
export const STDERR = 2;

/** How long a pipe that somebody else has made non-blocking is left alone when it is full, ms. */
const FULL_PAUSE_MS = 2;
const pausing = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes whole texts in order, and returns when the system has them. Nothing, where nobody reads any more, of which `onGone`
 * is told.
 */
export function textWriter(descriptor: number, onGone?: () => void): (text: string) => void {
  const encoder = new TextEncoder();
  return (text) => {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) {
      try {
        bytes = bytes.subarray(writeSync(descriptor, bytes));
      } catch (error) {
        // `signet help | head` closes the pipe: nobody is left to tell.
        if (systemFault(error) === "BrokenPipe") return onGone?.();
        if (!isOnlyNow(error)) throw error;
        Atomics.wait(pausing, 0, 0, FULL_PAUSE_MS);
      }
    }
  };
}

/** How long a pipe of our own is left alone when it is full, ms: twice as long each time, until it takes something. */
const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 20;

/**
 * Writes some of `bytes`, at least one, and answers how many. One at a time: two would have no order.
 * @throws the system's error: EPIPE where nobody reads any more, EAGAIN where a pipe is full that another made non-blocking
 */
export function writeStdout(bytes: Uint8Array): Promise<number> {
  // Deno's `node:fs` waits for descriptors of pipes on the calling thread (2.9.6); its own interface does not.
  return RUNTIME === "deno" ? Deno.stdout.write(bytes) : ownStdout.write(bytes);
}

/** As {@link writeStdout}, to standard error. */
export function writeStderr(bytes: Uint8Array): Promise<number> {
  return RUNTIME === "deno" ? Deno.stderr.write(bytes) : ownStderr.write(bytes);
}

/** Standard output or standard error, written to without a thread that waits where it is a pipe that may be opened again. */
class OwnOutput {
  readonly #descriptor: number;
  /** Undefined until the first write; null where there is none. */
  #pipe: number | null | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#pipe === undefined) this.#pipe = reopenPipe(this.#descriptor) ?? null;
    if (this.#pipe === null) return await writeSome(this.#descriptor, bytes);
    for (let pauseMs = SHORTEST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await writeSome(this.#pipe, bytes);
      } catch (error) {
        if (!isOnlyNow(error)) throw error;
        await pause(pauseMs, SYSTEM_TIMERS);
      }
    }
  }
}

const ownStdout = new OwnOutput(STDOUT);
const ownStderr = new OwnOutput(STDERR);

function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) =>
    write(descriptor, bytes, 0, bytes.length, null, (error, count) => error === null ? resolve(count) : reject(error))
  );
}
