// An answer without its content coding (RFC 9110 §8.4.1), for what has to be read here though it was asked for uncoded (P6).
// It is decoded piece by piece as it comes, so that a stream that stays open is told at once, and what one piece becomes is
// bounded.
import { OtherAnswer } from "../../http1/other_answer.ts";
import { type BodyReader, CHUNKED, type ClientResponse, type Fields } from "../../http1/types.ts";
import { gatherBody } from "../../http1/wire/bodies/gather_body.ts";
import { contentCoding } from "../../http1/wire/fields/content_coding.ts";
import { type Bytes, ownBytes } from "../../http1/wire/streams/borrowed.ts";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "../../platform/runtime/builtin.ts";

/** What one piece of the wire may become, in bytes. */
const MAX_PIECE_BYTES = 4 * 1024 * 1024;

/** `message` says what was found. */
export class DecodingError extends Error {
  override readonly name = "DecodingError";
}

/** As much of a zlib stream as is used here. */
interface Inflating {
  write(bytes: Uint8Array, done: () => void): unknown;
  end(): unknown;
  on(event: "data", hear: (bytes: Uint8Array) => void): unknown;
  on(event: "error" | "end" | "close", hear: () => void): unknown;
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

/** What undoes the coding of a body with these fields; undefined if it has none. @throws DecodingError for an unknown coding */
export function decodingOf(fields: Fields): Decoding | undefined {
  const coding = contentCoding(fields);
  if (coding === undefined) return undefined;
  if (!Object.hasOwn(OPENERS, coding)) {
    throw new DecodingError(`the content coding ${JSON.stringify(coding.slice(0, 40))}`);
  }
  return new Decoding(OPENERS[coding]!);
}

/** The same answer as it reads without its coding; itself if it has none. @throws DecodingError for an unknown coding */
export function decoded(response: ClientResponse): ClientResponse {
  const decoding = decodingOf(response.head.fields);
  if (decoding === undefined) return response;
  const body = new DecodedBody(response.body, decoding);
  return new OtherAnswer(response, { body, bodyLength: CHUNKED, onRelease: () => decoding.close() });
}

class DecodedBody implements BodyReader {
  readonly length = CHUNKED;
  readonly #coded: BodyReader;
  readonly #decoding: Decoding;
  #out: Uint8Array[] = [];
  #ended = false;

  constructor(coded: BodyReader, decoding: Decoding) {
    this.#coded = coded;
    this.#decoding = decoding;
  }

  get done(): boolean {
    return this.#ended && this.#out.length === 0;
  }

  takeBuffered(): Bytes | undefined {
    return this.done ? new Uint8Array(0) : undefined;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#out.length === 0) {
      if (this.#ended) return null;
      const piece = await this.#coded.read();
      this.#ended = piece === null;
      this.#out = await (piece === null ? this.#decoding.end() : this.#decoding.push(ownBytes(piece)));
    }
    return this.#out.shift()!;
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    return gatherBody(this, maxBytes);
  }
}

/** A coding being undone, piece by piece as they come. */
export class Decoding {
  readonly #open: (first: Uint8Array) => Inflating;
  #stream: Inflating | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #hasGiven = false;
  #failure: DecodingError | undefined;
  /** Of whoever waits for the stream to take what it was given. */
  #wake: () => void = () => {};

  constructor(open: (first: Uint8Array) => Inflating) {
    this.#open = open;
  }

  /** What becomes of the next piece. @throws DecodingError, behind what came before the fault */
  async push(bytes: Uint8Array): Promise<Uint8Array[]> {
    if (this.#failure !== undefined) throw this.#failure;
    if (bytes.length === 0) return [];
    const stream = this.#stream ??= this.#start(bytes);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      stream.write(bytes, resolve);
    });
    return this.#take();
  }

  /** What the stream still holds. One that breaks off is as good as what came of it. @throws DecodingError */
  async end(): Promise<Uint8Array[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const stream = this.#stream;
    if (stream !== undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        stream.end();
      });
    }
    if (this.#hasGiven) this.#failure = undefined;
    return this.#take();
  }

  close(): void {
    this.#stream?.destroy();
  }

  #take(): Uint8Array[] {
    const out = this.#out;
    if (out.length === 0 && this.#failure !== undefined) throw this.#failure;
    this.#out = [];
    this.#outBytes = 0;
    this.#hasGiven ||= out.length > 0;
    return out;
  }

  #start(first: Uint8Array): Inflating {
    const stream = this.#open(first);
    stream.on("data", (bytes) => {
      this.#outBytes += bytes.length;
      if (this.#outBytes <= MAX_PIECE_BYTES) return void this.#out.push(bytes);
      this.#out = [];
      this.#failure = new DecodingError("more than 4 MiB");
      stream.destroy();
      this.#wake();
    });
    stream.on("error", () => {
      this.#failure ??= new DecodingError("bytes that are not in their content coding");
      this.#wake();
    });
    for (const event of ["end", "close"] as const) stream.on(event, () => this.#wake());
    return stream;
  }
}
