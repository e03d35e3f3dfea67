// A body that was never on a wire: bytes in memory, in the shape in which those of a connection arrive.
import { type BodyReader, HttpError } from "../../types.ts";

const NO_BYTES = new Uint8Array(0);

/** A body that is here already, whole. */
export class BytesBody implements BodyReader {
  readonly length: number;
  #rest: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    this.#rest = bytes.length === 0 ? undefined : bytes;
  }

  get done(): boolean {
    return this.#rest === undefined;
  }

  takeBuffered(): Uint8Array {
    const rest = this.#rest ?? NO_BYTES;
    this.#rest = undefined;
    return rest;
  }

  read(): Promise<Uint8Array | null> {
    return Promise.resolve(this.done ? null : this.takeBuffered());
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    if (this.length <= maxBytes) return Promise.resolve(this.takeBuffered());
    const found = `${this.length} bytes, want at most ${maxBytes}`;
    return Promise.reject(new HttpError("body_too_large", `reading a body: found ${found}`));
  }
}
