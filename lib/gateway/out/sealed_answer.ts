// A server's answer to a stateless client, with what the client is to bring back sealed in it: as it comes, in JSON or in
// events, its head first. An answer that carries nothing costs a look (docs/protocol.md 33, 34).
import { type BodyReader, CHUNKED, type ClientResponse, HttpError } from "../../http1/types.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { type Bytes, inspectBytes, ownBytes } from "../../http1/wire/borrowed.ts";
import { isEventStream, isJson } from "../../http1/wire/media_type.ts";
import { SignetError } from "../../errors.ts";
import type { Exchanging } from "../../mcp/carried_message.ts";
import { EventSplicer, JsonSplicer, type Splicer } from "../../mcp/carried_splicer.ts";
import { GatheredBytes } from "../../mcp/gathered_bytes.ts";
import { joinBytes } from "../../mcp/join_bytes.ts";
import { errorResponse } from "../../mcp/json_rpc.ts";
import { findMember, replaceSpan } from "../../mcp/json_text.ts";
import { decoded, DecodingError } from "../../upstream/http/decoded.ts";
import type { GatewayParts } from "../parts.ts";
import type { Carriage } from "./carriage.ts";

/** Fields that are about the bytes as they came. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  ...["content-length", "content-md5", "content-digest", "digest", "repr-digest", "etag"],
]);

/** In place of an answer that cannot be sealed. */
const UNSEALABLE = errorResponse(null, -32603, "Internal error: the MCP server's answer is not valid");

/** @throws SignetError `upstream_invalid` for a content coding that is not known, with the answer released */
export function sealAnswer(parts: GatewayParts, carriage: Carriage, response: ClientResponse): ClientResponse {
  const { fields } = response.head;
  const isStream = isEventStream(fields);
  // What is neither is no message to any client.
  if (!isStream && !isJson(fields)) return response;
  const plain = withoutCoding(response);
  const exchanging = exchangingBy(parts, carriage);
  const splicer = isStream ? new EventSplicer(exchanging) : new JsonSplicer(exchanging);
  const body = new SealedBody(plain.body, splicer, parts.account.open());
  return {
    head: {
      ...plain.head,
      notes: undefined,
      fields: plain.head.fields.filter((_, at, all) => !OF_THE_BODY.has(all[at - at % 2]!)),
      bodyLength: CHUNKED,
    },
    body,
    release() {
      body.close();
      plain.release();
    },
  };
}

function exchangingBy(parts: GatewayParts, carriage: Carriage): Exchanging {
  return {
    carries: carriage.carries,
    exchange: (member, token) => carriage.seal(member, token),
    instead: (id) => {
      parts.log.warn("an answer could not be sealed", {
        found: "a state, a task's id or a cursor that is no text, or longer than can be sealed",
        remedy: "Have the MCP server give shorter ones; or let it keep them as they are (--seal-state off).",
      });
      return replaceSpan(UNSEALABLE, findMember(UNSEALABLE, "id")!, id);
    },
  };
}

/** It was asked for uncoded, but proxies in between do as they like (P6). */
function withoutCoding(response: ClientResponse): ClientResponse {
  try {
    return decoded(response);
  } catch (error) {
    response.release();
    if (!(error instanceof DecodingError)) throw error;
    throw undecodable(error);
  }
}

function undecodable(error: DecodingError): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { attempted: "read an answer", found: error.message, wanted: "no content coding, as was asked for" },
    remedy: "Have the MCP server, or what stands before it, not compress answers.",
    cause: error,
  });
}

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

  takeBuffered(): Bytes | undefined {
    if (this.#ended) return NOTHING;
    if (this.#splicer.held > 0) return undefined;
    const whole = this.#plain.takeBuffered();
    if (whole === undefined) return undefined;
    this.#ended = true;
    if (inspectBytes(whole, isPlain, this.#splicer)) return whole;
    const parts: Uint8Array[] = [];
    inspectBytes(whole, push, { splicer: this.#splicer, into: parts });
    parts.push(this.#splicer.end());
    return joinBytes(parts);
  }

  async read(): Promise<Bytes | null> {
    while (!this.#ended) {
      const piece = await this.#read();
      if (piece === null) {
        this.#ended = true;
        const rest = this.#splicer.end();
        this.#charge.release();
        return rest.length === 0 ? null : rest;
      }
      if (inspectBytes(piece, isWhole, this.#splicer)) return piece;
      const out = this.#splicer.push(ownBytes(piece));
      if (!this.#charge.resize(this.#splicer.held)) {
        throw new HttpError("no_room", "reading an answer: found no room to hold a message until it is whole");
      }
      if (out.length > 0) return out;
    }
    return null;
  }

  async #read(): Promise<Bytes | null> {
    try {
      return await this.#plain.read();
    } catch (error) {
      throw error instanceof DecodingError ? undecodable(error) : error;
    }
  }

  async readAll(maxBytes: number): Promise<Uint8Array> {
    const gathered = new GatheredBytes();
    for (let piece = await this.read(); piece !== null; piece = await this.read()) {
      if (gathered.size + piece.length > maxBytes) {
        throw new HttpError("body_too_large", `reading a body: found more than ${maxBytes} bytes, want at most that`);
      }
      gathered.add(ownBytes(piece));
    }
    return gathered.take();
  }

  close(): void {
    this.#charge.release();
  }
}

const NOTHING = new Uint8Array(0);

function isPlain(whole: Uint8Array, splicer: Splicer): boolean {
  return splicer.isPlain(whole);
}

/** Of a body in pieces only events are told to be whole. */
function isWhole(piece: Uint8Array, splicer: Splicer): boolean {
  return splicer instanceof EventSplicer && splicer.isPlain(piece);
}

function push(whole: Uint8Array, { splicer, into }: { splicer: Splicer; into: Uint8Array[] }): void {
  const out = splicer.push(whole);
  if (out.length > 0) into.push(out);
}
