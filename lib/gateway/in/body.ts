// The request's body, whole: a request may have to be sent again (L4), so it is read before it is forwarded.
// All bodies in memory together are bounded, so that many large ones cannot exhaust it (M3).
import { SignetError } from "../../errors.ts";
import { type Bytes, copyBytes, ownBytes } from "../../http1/wire/borrowed.ts";
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

/** What a body that comes in pieces begins with. */
const LEAST_BYTES = 4096;

const NOTHING = { bytes: new Uint8Array(0), release() {} };

/** A body in memory of its own, charged for until `release`, which may be asked more than once. */
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
  return await readBody(parts, inbound);
}

async function readBody(parts: GatewayParts, inbound: Inbound): Promise<HeldBody> {
  const { body } = inbound.exchange;
  const buffered = inbound.body ?? body.takeBuffered();
  if (buffered !== undefined) return keepBody(parts, buffered);
  const room = new Room(parts.account);
  try {
    for (let piece = await body.read(); piece !== null; piece = await body.read()) room.add(piece, body.length);
    return { bytes: room.bytes, release: () => room.release() };
  } catch (error) {
    room.release();
    throw error;
  }
}

/** @throws SignetError `request_limit`; HttpError `aborted` for what was borrowed and has been called back */
function keepBody({ account }: GatewayParts, buffered: Bytes): HeldBody {
  if (buffered.length === 0) return NOTHING;
  const charge = account.tryCharge(buffered.length);
  if (charge === undefined) throw noRoom();
  return { bytes: ownBytes(buffered), release: () => charge.release() };
}

function noRoom(): SignetError {
  return new SignetError("request_limit", { retryAfterS: 1, facts: { what: "bytes in memory for others" } });
}

/**
 * Memory for one body, out of what all may have together. It grows with what has come: an announcement takes nothing, or
 * a few that are never kept would leave no room for anybody.
 */
class Room {
  readonly #charge: Charge;
  #buffer = new Uint8Array(0);
  #size = 0;

  constructor(account: ByteAccount) {
    this.#charge = account.open();
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
    this.#charge.release();
  }

  #grow(length: number): void {
    if (!this.#charge.resize(length)) throw noRoom();
    const bigger = new Uint8Array(length);
    bigger.set(this.bytes);
    this.#buffer = bigger;
  }
}
