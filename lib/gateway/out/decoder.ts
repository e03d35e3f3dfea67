// An answer without its content coding, piece by piece as it comes (RFC 9110 §8.4.1): for what has to be read here though
// it was asked for uncoded (P6). What comes out is bounded, whatever went in.
import { Buffer } from "node:buffer";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";

/** As much of a zlib stream as is used here. */
interface Inflating {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
  on(event: "data", hear: (bytes: Buffer) => void): unknown;
  on(event: "error", hear: (error: Error) => void): unknown;
  destroy(): unknown;
}

const OPENERS: Readonly<Record<string, (first: Uint8Array) => Inflating>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  // Some send the bare stream under this name.
  deflate: (first) => (first[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

export class ContentDecoder {
  readonly #open: ((first: Uint8Array) => Inflating) | undefined;
  readonly #maxBytes: number;
  #stream: Inflating | undefined;
  #out: Uint8Array[] = [];
  #size = 0;
  #fail: ((error: Error) => void) | undefined;

  /** @throws RangeError for a coding that is not known */
  constructor(coding: string | undefined, maxBytes: number) {
    const name = coding?.trim().toLowerCase() ?? "identity";
    this.#maxBytes = maxBytes;
    if (name === "identity" || name === "") return;
    if (!Object.hasOwn(OPENERS, name)) throw new RangeError("an unknown content coding");
    this.#open = OPENERS[name];
  }

  /** What `bytes`, which may be reused afterwards, make come out. @throws RangeError beyond the bound; Error if they are broken */
  async push(bytes: Uint8Array): Promise<Uint8Array[]> {
    if (this.#open === undefined) {
      this.#count(bytes.length);
      return [bytes];
    }
    if (bytes.length === 0) return [];
    const stream = this.#stream ??= this.#start(this.#open(bytes));
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      stream.write(bytes, (error) => error ? reject(error) : resolve());
    });
    const out = this.#out;
    this.#out = [];
    return out;
  }

  close(): void {
    this.#stream?.destroy();
  }

  #start(stream: Inflating): Inflating {
    stream.on("data", (bytes) => {
      try {
        this.#count(bytes.length);
        this.#out.push(bytes);
      } catch (error) {
        stream.destroy();
        this.#fail?.(error as Error);
      }
    });
    stream.on("error", (error) => this.#fail?.(error));
    return stream;
  }

  #count(length: number): void {
    this.#size += length;
    if (this.#size > this.#maxBytes) throw new RangeError(`more than ${this.#maxBytes} bytes`);
  }
}
