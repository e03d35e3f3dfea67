// The request's body, whole: a request may have to be sent again (L4), so it is read before it is forwarded.
// All bodies in memory together are bounded, so that many large ones cannot exhaust it (M3).
import { SignetError } from "../../errors.ts";
import { type Bytes, copyBytes, ownBytes } from "../../http1/wire/borrowed.ts";
import { CHUNKED } from "../../http1/types.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/** Up to here a body sits in its connection's own buffer and costs nothing extra. */
const SMALL_BYTES = 64 * 1024;

/** What a body that comes in pieces begins with. */
const LEAST_BYTES = 4096;

const NOTHING = { bytes: new Uint8Array(0), release() {} };

/** A body in memory of its own. `release` gives its share of the bound back, once; the bytes may go on being used. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/**
 * The body of a POST, the one that the fast lane has taken already included; undefined for other methods.
 * @throws SignetError `media_type_unsupported`, `request_limit`; HttpError as the engine's body
 */
export async function holdBody(parts: GatewayParts, inbound: Inbound): Promise<HeldBody | undefined> {
  if (inbound.head.method !== "POST") return undefined;
  if (!inbound.isJson) throw new SignetError("media_type_unsupported");
  return inbound.body === undefined ? await readBody(parts, inbound) : { bytes: ownBytes(inbound.body), release() {} };
}

async function readBody(parts: GatewayParts, inbound: Inbound): Promise<HeldBody> {
  const { body } = inbound.exchange;
  const buffered = body.takeBuffered();
  if (buffered !== undefined) return buffered.length === 0 ? NOTHING : { bytes: ownBytes(buffered), release() {} };
  if (body.length !== CHUNKED && body.length <= SMALL_BYTES) {
    return { bytes: await body.readAll(SMALL_BYTES), release() {} };
  }
  const room = new Room(parts);
  try {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) room.add(piece, body.length);
    return { bytes: room.bytes, release: () => room.release() };
  } catch (error) {
    room.release();
    throw error;
  }
}

/**
 * Memory for one body, out of what all may have together. It grows with what has come: an announcement takes nothing, or
 * a few that are never kept would leave no room for anybody.
 */
class Room {
  readonly #parts: GatewayParts;
  #buffer = new Uint8Array(0);
  #size = 0;
  /** Of the bound; 0 once it was given back. */
  #share = 0;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** @throws SignetError `request_limit` */
  add(piece: Bytes, announced: number): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length) {
      const wanted = Math.max(size, LEAST_BYTES, this.#buffer.length * 2);
      this.#grow(announced >= size ? Math.min(wanted, announced) : wanted);
    }
    copyBytes(piece, this.#buffer, this.#size);
    this.#size = size;
  }

  release(): void {
    this.#parts.metrics.bufferedBytes -= this.#share;
    this.#share = 0;
  }

  #grow(length: number): void {
    const { options, metrics } = this.#parts;
    const more = length - this.#share;
    if (metrics.bufferedBytes + more > options.maxBufferedBytes) {
      throw new SignetError("request_limit", { retryAfterS: 1, facts: { what: "bytes of bodies in memory" } });
    }
    metrics.bufferedBytes += more;
    this.#share = length;
    const bigger = new Uint8Array(length);
    bigger.set(this.bytes);
    this.#buffer = bigger;
  }
}
