// Makes every use of a shared buffer after its return show: what is given back is filled with a byte that no message
// holds, and is looked at before it is handed out again. Imported for its effect by whatever tests of the engine share,
// and preloaded into every test file and every Signet that `deno task test` runs.
import { Buffer } from "node:buffer";
import { LARGEST_BUFFER, watchBuffers } from "../../lib/http1/wire/streams/buffers.ts";

/** No UTF-8 text and no head can hold it alone. */
export const POISON = 0xdd;

const UNTOUCHED = new Uint8Array(LARGEST_BUFFER).fill(POISON);
const returned = new WeakSet<Uint8Array>();

watchBuffers({
  onGiven(buffer) {
    if (returned.has(buffer)) fail("giving a buffer back: it has been given already");
    returned.add(buffer);
    buffer.fill(POISON);
  },
  onTaken(buffer) {
    const wanted = UNTOUCHED.subarray(0, buffer.length);
    if (Buffer.compare(buffer.subarray(0, wanted.length), wanted) !== 0) {
      fail("taking a buffer: somebody has written to it since it was given back");
    }
    returned.delete(buffer);
  },
});

/** Loud whoever swallows the exception: a foreign byte in a message is what all this is about. */
function fail(message: string): never {
  console.error(`POISON: ${message}`);
  throw new Error(message);
}
