// Bytes that come in pieces, put together in one buffer that grows: what they cost depends on their sum, not on how many
// pieces a sender makes of them.

export class GatheredBytes {
  #buffer = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies `piece`, which may be reused afterwards. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length) {
      const bigger = new Uint8Array(Math.max(size, this.#buffer.length * 2));
      bigger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = bigger;
    }
    this.#buffer.set(piece, this.#size);
    this.#size = size;
  }

  /** All of it, and nothing is left here. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#buffer.subarray(0, this.#size);
    this.#buffer = new Uint8Array(0);
    this.#size = 0;
    return bytes;
  }
}
