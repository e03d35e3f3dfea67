// A body that is here whole: bytes in memory that were never on a wire, or that came by one and have been taken already.
import type { BodyReader } from "../../types.ts";
import { type Bytes, ownBytes } from "../streams/borrowed.ts";
import { tooLarge } from "./gather_body.ts";

const NO_BYTES = new Uint8Array(0);

export class BytesBody implements BodyReader {
  readonly length: number;
  #rest: Bytes | undefined;

  constructor(bytes: Bytes) {
    this.length = bytes.length;
    this.#rest = bytes.length === 0 ? undefined : bytes;
  }

  get done(): boolean {
    return this.#rest === undefined;
  }

  takeBuffered(): Bytes {
    const rest = this.#rest ?? NO_BYTES;
    this.#rest = undefined;
    return rest;
  }

  read(): Promise<Bytes | null> {
    return Promise.resolve(this.done ? null : this.takeBuffered());
  }

  // deno-lint-ignore require-await -- what it throws is to reject
  async readAll(maxBytes: number): Promise<Uint8Array> {
    if (this.length > maxBytes) throw tooLarge(maxBytes);
    return ownBytes(this.takeBuffered());
  }
}
