// HMAC-SHA-256 (RFC 2104, FIPS 198-1) as the two hashes that it is: made by the runtime in one call each, they take half the
// time of the runtime's own object for it.
import { sha256Into } from "../platform/runtime/builtin.ts";

/** What has to be free before the message: the block that holds the key. */
export const PAD_BYTES = 64;
const DIGEST_BYTES = 32;

export class HmacSha256 {
  readonly #inner = new Uint8Array(PAD_BYTES).fill(0x36);
  /** Of the second hash: the key's block, and the first one's digest. */
  readonly #outer = new Uint8Array(PAD_BYTES + DIGEST_BYTES).fill(0x5c, 0, PAD_BYTES);
  readonly #digest = this.#outer.subarray(PAD_BYTES);
  readonly #mac = new Uint8Array(DIGEST_BYTES);

  /** @throws RangeError for a key that is longer than a block: nobody here has one */
  constructor(key: Uint8Array) {
    if (key.length > PAD_BYTES) {
      throw new RangeError(`keying a MAC: found ${key.length} bytes, want at most ${PAD_BYTES}`);
    }
    key.forEach((byte, at) => {
      this.#inner[at]! ^= byte;
      this.#outer[at]! ^= byte;
    });
  }

  /**
   * The MAC, 32 bytes, valid until the next is made.
   * @param room holds the message from `from` to `end`; the {@link PAD_BYTES} before it are overwritten
   */
  of(room: Uint8Array, end: number, from: number = PAD_BYTES): Uint8Array {
    const padded = from - PAD_BYTES;
    room.set(this.#inner, padded);
    sha256Into(room.subarray(padded, end), this.#digest);
    sha256Into(this.#outer, this.#mac);
    return this.#mac;
  }
}
