// Standard output without waiting for its reader, as stderr.ts has it for standard error.
import { write } from "node:fs";
import { RUNTIME } from "../runtime/runtime.ts";

const STDOUT = 1;

/**
 * Writes some of `bytes`, at least one, and answers how many. One at a time: two would have no order.
 * @throws the system's error: EPIPE where nobody reads any more, EAGAIN where a pipe is full that another made non-blocking
 */
export function writeStdout(bytes: Uint8Array): Promise<number> {
  // Deno's `node:fs` waits for descriptors of pipes on the calling thread (2.9.6); its own interface does not.
  if (RUNTIME === "deno") return Deno.stdout.write(bytes);
  return new Promise((resolve, reject) =>
    write(STDOUT, bytes, 0, bytes.length, null, (error, count) => error === null ? resolve(count) : reject(error))
  );
}
