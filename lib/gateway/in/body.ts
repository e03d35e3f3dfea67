// The request's body, whole: a request may have to be sent again (L4), so it is read before it is forwarded.
// All bodies in memory together are bounded, so that many large ones cannot exhaust it (M3).
import { SignetError } from "../../errors.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { BorrowedBytes, type Bytes, callBack, copyBytes, ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { giveLongBuffer, MESSAGE_BUFFER, takeLongBuffer } from "../../http1/wire/streams/buffers.ts";
import type { PrincipalKey } from "../../session/caller.ts";
import type { ByteShare } from "../../session/limits/holdings.ts";
import type { Limits } from "../../session/limits/limits.ts";
import type { Asked } from "../out/in_flight.ts";
import type { GatewayParts } from "../parts.ts";

/** What a body that comes in pieces begins with. */
const LEAST_BYTES = 4096;
/** Times what has come, taken for a body whose length is announced: each time all of it is copied. */
const AHEAD = 4;

/** Room before a long body for the head that it is sent on with, in one write. */
const HEAD_ROOM = 4096;

const NO_BYTES = new Uint8Array(0);
const NOTHING: HeldBody = { bytes: NO_BYTES, lend: () => NO_BYTES, release() {} };

/** A body in memory of its own, charged for until `release`, which may be asked more than once. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  /**
   * The same for whoever keeps nothing of it beyond `release`, which calls it back: then its memory is another's, and nobody
   * may have kept `bytes` either. Where it is not asked for, the memory is theirs who have them.
   */
  lend(): Bytes;
  release(): void;
}

/**
 * The body of a POST, the one that the fast lane has taken already included; undefined for other methods.
 * @throws SignetError `media_type_unsupported`, `principal_limit`, `request_limit`; HttpError as the engine's body
 */
export async function holdBody(parts: GatewayParts, asked: Asked): Promise<HeldBody | undefined> {
  const { inbound } = asked;
  if (inbound.head.method !== "POST") return undefined;
  if (!inbound.facts.isJson) throw new SignetError("media_type_unsupported");
  return await readBody(parts, asked);
}

async function readBody(parts: GatewayParts, { inbound, caller }: Asked): Promise<HeldBody> {
  const { body } = inbound.exchange;
  const buffered = inbound.body ?? body.takeBuffered();
  const room = new Room(parts, caller.principalKey);
  try {
    if (buffered !== undefined) return keepBody(room, buffered);
    for (let piece = await body.read(); piece !== null; piece = await body.read()) room.add(piece, body.length);
    return room;
  } catch (error) {
    room.release();
    throw error;
  }
}

/** @throws SignetError as `Room`; HttpError `aborted` for what was borrowed and has been called back */
function keepBody(room: Room, buffered: Bytes): HeldBody {
  if (buffered.length === 0) return NOTHING;
  room.take(buffered.length);
  const bytes = ownBytes(buffered);
  return { bytes, lend: () => bytes, release: () => room.release() };
}

function noRoom(): SignetError {
  return new SignetError("request_limit", {
    publicMessage: "Too many bytes at once",
    retryAfterS: 1,
    facts: { what: "bytes in memory for others" },
  });
}

/**
 * Memory for one body, out of what its caller may have and what all may have together. It grows with what has come: an
 * announcement takes nothing, or a few that are never kept would leave no room for anybody.
 */
class Room implements HeldBody {
  readonly #limits: Limits;
  readonly #share: ByteShare;
  readonly #charge: Charge;
  /** The body from `#from` on. */
  #buffer: Uint8Array = NO_BYTES;
  #from = 0;
  #size = 0;
  #lent: BorrowedBytes | undefined;

  constructor({ account, limits }: GatewayParts, key: PrincipalKey) {
    this.#limits = limits;
    this.#share = limits.openBytes(key);
    this.#charge = account.open();
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#from, this.#from + this.#size);
  }

  lend(): Bytes {
    if (!this.#isLong) return this.bytes;
    return this.#lent ??= new BorrowedBytes(this.#buffer, this.#from, this.#from + this.#size, this.#from);
  }

  get #isLong(): boolean {
    return this.#from > 0;
  }

  /** @throws SignetError `principal_limit`, `request_limit` */
  add(piece: Bytes, announced: number): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length - this.#from) {
      const wanted = Math.max(LEAST_BYTES, size * (announced >= size ? AHEAD : 2));
      this.#grow(announced >= size ? Math.min(wanted, announced) : wanted);
    }
    copyBytes(piece, this.#buffer, this.#from + this.#size);
    this.#size = size;
  }

  release(): void {
    const buffer = this.#buffer;
    this.#buffer = NO_BYTES;
    // What is still being written from stays whose it is.
    if (this.#lent !== undefined && callBack(this.#lent)) giveLongBuffer(buffer);
    this.#lent = undefined;
    this.#from = this.#size = 0;
    this.#share.release();
    this.#charge.release();
  }

  /** @throws SignetError `principal_limit`, `request_limit` */
  take(length: number): void {
    if (!this.#share.resize(length)) throw this.#limits.refuseBytes();
    if (!this.#charge.resize(length)) throw noRoom();
  }

  #grow(length: number): void {
    const isLong = length > MESSAGE_BUFFER;
    const from = isLong ? HEAD_ROOM : 0;
    // The room is the memory's, as what of a buffer that is used again is beyond what was wanted.
    this.take(length);
    const bigger = isLong ? takeLongBuffer(from + length) : new Uint8Array(length);
    bigger.set(this.bytes, from);
    // Nobody has been given it.
    if (this.#isLong) giveLongBuffer(this.#buffer);
    this.#buffer = bigger;
    this.#from = from;
  }
}
