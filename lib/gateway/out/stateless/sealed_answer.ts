// A server's answer to a stateless client, with what the client is to bring back sealed in it: as it comes, in JSON or in
// events, its head first. An answer that carries nothing costs a look (docs/protocol.md 33, 34).
import type { Charge } from "../../../http1/byte_account.ts";
import { OtherAnswer } from "../../../http1/other_answer.ts";
import { type BodyReader, CHUNKED, type ClientResponse, HttpError } from "../../../http1/types.ts";
import { BytesBody } from "../../../http1/wire/bodies/bytes_body.ts";
import { gatherBody } from "../../../http1/wire/bodies/gather_body.ts";
import { isEventStream, isJson } from "../../../http1/wire/fields/media_type.ts";
import { type Bytes, inspectBytes } from "../../../http1/wire/streams/borrowed.ts";
import type { Carries } from "../../../mcp/carried/carried_members.ts";
import { type ExchangedKind, type Exchanging, mayCarry } from "../../../mcp/carried/carried_message.ts";
import { EventSplicer, JsonSplicer, type Splicer } from "../../../mcp/carried/carried_splicer.ts";
import { replaceSpan } from "../../../mcp/json/json_splice.ts";
import { findMember } from "../../../mcp/json/json_text.ts";
import { errorResponse } from "../../../mcp/messages/json_rpc.ts";
import { INTERNAL_ERROR } from "../../../mcp/messages/rpc_codes.ts";
import type { GatewayParts } from "../../parts.ts";
import { withoutCoding } from "../uncoded.ts";
import type { Carriage } from "./carriage.ts";

/** In place of an answer that cannot be sealed. */
const UNSEALABLE = errorResponse(null, INTERNAL_ERROR, "Internal error: the MCP server's answer is not valid");

/**
 * The answer to be used in place of `response`: itself, or another that releases it.
 * @throws SignetError `upstream_invalid` for a content coding that is not known, or a value that cannot be sealed, with
 *   the answer released
 */
export function sealAnswer(parts: GatewayParts, carriage: Carriage, response: ClientResponse): ClientResponse {
  const { fields } = response.head;
  const isStream = isEventStream(fields);
  // What is neither is no message to any client.
  if (!isStream && !isJson(fields)) return response;
  const plain = withoutCoding(response);
  const whole = plain.body.takeBuffered();
  if (whole !== undefined) {
    const isPlain = !inspectBytes(whole, mayCarry, carriage.carries);
    if (isPlain) return new OtherAnswer(plain, { body: new BytesBody(whole) });
  }
  const exchanging = new Sealing(parts, carriage);
  const splicer = isStream ? new EventSplicer(exchanging) : new JsonSplicer(exchanging);
  if (whole !== undefined) {
    return new OtherAnswer(plain, { body: new BytesBody(sealWhole(plain, whole, splicer)), bodyLength: CHUNKED });
  }
  const charge = parts.account.open();
  const body = new SealedBody(plain.body, splicer, charge);
  return new OtherAnswer(plain, { body, bodyLength: CHUNKED, onRelease: () => charge.release() });
}

/** @throws SignetError `upstream_invalid`, with the answer released */
function sealWhole(plain: ClientResponse, whole: Bytes, splicer: Splicer): Uint8Array {
  const parts: Uint8Array[] = [];
  try {
    inspectBytes(whole, takeWhole, { splicer, into: parts });
    return parts[0]!;
  } catch (error) {
    plain.release();
    throw error;
  }
}

class Sealing implements Exchanging {
  readonly carries: Carries;
  readonly #parts: GatewayParts;
  readonly #carriage: Carriage;

  constructor(parts: GatewayParts, carriage: Carriage) {
    this.carries = carriage.carries;
    this.#parts = parts;
    this.#carriage = carriage;
  }

  exchange(member: ExchangedKind, token: Uint8Array): string | undefined {
    return this.#carriage.seal(member, token);
  }

  instead(id: Uint8Array): Uint8Array {
    this.#parts.log.warn("an answer could not be sealed", {
      found: "a state, a task's id or a cursor that is no text, or longer than can be sealed",
      remedy: "Have the MCP server give shorter ones; or let it keep them as they are (--seal-state off).",
    });
    return replaceSpan(UNSEALABLE, findMember(UNSEALABLE, "id")!, id);
  }
}

/** One that comes in pieces. */
class SealedBody implements BodyReader {
  readonly length = CHUNKED;
  readonly #plain: BodyReader;
  readonly #splicer: Splicer;
  /** What is held of a message under way. */
  readonly #charge: Charge;
  #ended = false;

  constructor(plain: BodyReader, splicer: Splicer, charge: Charge) {
    this.#plain = plain;
    this.#splicer = splicer;
    this.#charge = charge;
  }

  get done(): boolean {
    return this.#ended;
  }

  /** Was asked for before. */
  takeBuffered(): Bytes | undefined {
    return this.#ended ? NOTHING : undefined;
  }

  async read(): Promise<Bytes | null> {
    while (!this.#ended) {
      const piece = await this.#plain.read();
      if (piece === null) {
        this.#ended = true;
        const rest = this.#splicer.end();
        this.#charge.release();
        return rest.length === 0 ? null : rest;
      }
      if (inspectBytes(piece, isWhole, this.#splicer)) return piece;
      const parts: Uint8Array[] = [];
      inspectBytes(piece, push, { splicer: this.#splicer, into: parts });
      if (!this.#charge.resize(this.#splicer.held)) {
        throw new HttpError("no_room", "reading an answer: found no room to hold a message until it is whole");
      }
      if (parts.length > 0) return parts[0]!;
    }
    return null;
  }

  readAll(maxBytes: number): Promise<Uint8Array> {
    return gatherBody(this, maxBytes);
  }
}

const NOTHING = new Uint8Array(0);

/** Of a body in pieces only events are told to be whole. */
function isWhole(piece: Uint8Array, splicer: Splicer): boolean {
  return splicer instanceof EventSplicer && splicer.isPlain(piece);
}

function takeWhole(whole: Uint8Array, { splicer, into }: { splicer: Splicer; into: Uint8Array[] }): void {
  into.push(splicer.whole(whole));
}

function push(whole: Uint8Array, { splicer, into }: { splicer: Splicer; into: Uint8Array[] }): void {
  const out = splicer.push(whole);
  if (out.length > 0) into.push(out);
}
