// How much has been moved over sockets.

/**
 * Bytes moved, shared by all streams of a server or a pool. They are doubles from the first on: what outgrows 31 bits in a
 * plain field is compiled again, and all that counts there with it.
 */
export class Traffic {
  readonly #moved = new Float64Array(2);

  get bytesIn(): number {
    return this.#moved[0]!;
  }

  get bytesOut(): number {
    return this.#moved[1]!;
  }

  countIn(bytes: number): void {
    this.#moved[0]! += bytes;
  }

  /** @param bytes fewer than none where a socket did not take what was counted */
  countOut(bytes: number): void {
    this.#moved[1]! += bytes;
  }
}
