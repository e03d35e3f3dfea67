// Standard error without waiting for its reader: a pipe that nobody empties takes a thread of the runtime's pool, and not
// the thread that everything else runs on.
import { write } from "node:fs";
import { RUNTIME } from "../runtime/runtime.ts";
import { STDERR } from "./terminal.ts";

/**
 * Writes some of `bytes`, at least one, and answers how many. One at a time: two would have no order.
 * @throws the system's error: EPIPE where nobody reads any more, EAGAIN where a pipe is full that another made non-blocking
 */
export function writeStderr(bytes: Uint8Array): Promise<number> {
  // Deno's `node:fs` waits for descriptors of pipes on the calling thread (2.9.6); its own interface does not.
  if (RUNTIME === "deno") return Deno.stderr.write(bytes);
  return new Promise((resolve, reject) =>
    write(STDERR, bytes, 0, bytes.length, null, (error, count) => error === null ? resolve(count) : reject(error))
  );
}
