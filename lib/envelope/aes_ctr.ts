// The keystream of AES-256 in counter mode (NIST SP 800-38A §6.5), by the runtime's cipher: it encrypts the counters, a
// block each, between which ECB has nothing (§6.1). The runtime's own counter mode wants a cipher for every text, as no
// counter can be set: an object with a native part, made and collected twice a call. On Bun one lasts as long as its key.
import { createCipheriv } from "../platform/runtime/builtin.ts";
import { RUNTIME } from "../platform/runtime/runtime.ts";

export const COUNTER_BYTES = 16;
const COUNTER_WORDS = COUNTER_BYTES / 4;

/**
 * Counters, and then their stream. Scratch, as long as the longest so far: nothing here awaits, and the cipher copies what it
 * is given. Of what the cipher returns the buffer would be made an object first.
 */
let words = new Int32Array(128 * COUNTER_WORDS);
let bytes = new Uint8Array(words.buffer);
/** The last ones of `bytes`: most texts are as long as the one before. */
let given = bytes;

export class AesCtr {
  readonly #key: Uint8Array;
  /** Deno keeps a cipher until it has ended, and who leaves a ring is not told: there each stream has one of its own. */
  readonly #lasting: Cipher | undefined;

  /** @param key 32 bytes */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#lasting = RUNTIME === "bun" ? cipherOf(key) : undefined;
  }

  /**
   * What to add to a text of `length` bytes, in words as they lie in memory; valid until the next is made.
   * @param counter {@link COUNTER_BYTES} from word `at` on: the first counter, big-endian
   */
  stream(counter: Int32Array, at: number, length: number): Int32Array {
    const count = Math.ceil(length / COUNTER_BYTES) * COUNTER_WORDS;
    if (count > words.length) {
      words = new Int32Array(count);
      given = bytes = new Uint8Array(words.buffer);
    }
    if (given.length !== count * 4) given = bytes.subarray(0, count * 4);
    fillCounters(count, counter, at);
    const cipher = this.#lasting ?? cipherOf(this.#key);
    bytes.set(cipher.update(given));
    if (cipher !== this.#lasting) cipher.final();
    return words;
  }
}

type Cipher = ReturnType<typeof createCipheriv>;

function cipherOf(key: Uint8Array): Cipher {
  return createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
}

/** One number of 128 bits, and those that follow. It is sent along, so whoever times the carries learns nothing. */
function fillCounters(count: number, counter: Int32Array, at: number): void {
  let w0 = counter[at]!, w1 = counter[at + 1]!, w2 = counter[at + 2]!, last = swapped(counter[at + 3]!);
  for (let to = 0; to < count; to += COUNTER_WORDS) {
    words[to] = w0;
    words[to + 1] = w1;
    words[to + 2] = w2;
    words[to + 3] = swapped(last);
    last = (last + 1) | 0;
    if (last !== 0) continue;
    w2 = swapped(swapped(w2) + 1);
    if (w2 !== 0) continue;
    w1 = swapped(swapped(w1) + 1);
    if (w1 === 0) w0 = swapped(swapped(w0) + 1);
  }
}

/** Every machine that the runtimes run on is little-endian. */
function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
