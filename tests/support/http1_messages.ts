// Whole messages out of whole byte strings with the engine's parsing functions and nothing else: no sockets, no time.
import { Buffer } from "node:buffer";
import { CHUNKED, HttpError, type RequestHead, type ResponseHead, UNTIL_CLOSE } from "../../lib/http1/types.ts";
import { ChunkedDecoder } from "../../lib/http1/wire/bodies/chunked.ts";
import { DEFAULT_HEAD_LIMITS } from "../../lib/http1/wire/fields/fields_parse.ts";
import type { Side } from "../../lib/http1/wire/grammar.ts";
import { parseRequestHead, parseResponseHead } from "../../lib/http1/wire/heads/head.ts";

/** A message and how many bytes it took. */
export interface Message<Head> {
  readonly head: Head;
  readonly body: Uint8Array;
  readonly consumed: number;
}

/** The bytes of a latin1 string. */
export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/**
 * The first request of `bytes`; undefined if it is not complete.
 * @throws HttpError as the engine
 */
export function readRequest(bytes: Uint8Array, maxBodyBytes = Infinity): Message<RequestHead> | undefined {
  return readMessage(bytes, "request", (text) => {
    const head = parseRequestHead(text, DEFAULT_HEAD_LIMITS);
    if (head.bodyLength > maxBodyBytes) throw new HttpError("body_too_large", "the body is announced too long");
    return head;
  });
}

/**
 * The first response of `bytes`, after which the connection ended; undefined if it is not complete.
 * @throws HttpError as the engine
 */
export function readResponse(bytes: Uint8Array, requestMethod: string): Message<ResponseHead> | undefined {
  return readMessage(bytes, "response", (text) => parseResponseHead(text, requestMethod, DEFAULT_HEAD_LIMITS));
}

function readMessage<Head extends { bodyLength: number }>(
  bytes: Uint8Array,
  side: Side,
  parse: (text: string) => Head,
): Message<Head> | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const start = end + 4;
  const head = parse(text.slice(0, start));
  if (head.bodyLength === UNTIL_CLOSE) return { head, body: bytes.slice(start), consumed: bytes.length };
  if (head.bodyLength !== CHUNKED) {
    const consumed = start + head.bodyLength;
    return consumed > bytes.length ? undefined : { head, body: bytes.slice(start, consumed), consumed };
  }
  const decoded = decodeChunked(bytes.subarray(start), side);
  return decoded.done ? { head, body: decoded.payload, consumed: start + decoded.consumed } : undefined;
}

/** What a decoder made of bytes that came in pieces. */
export interface Decoded {
  readonly payload: Uint8Array;
  readonly consumed: number;
  readonly done: boolean;
}

/**
 * Feeds `bytes` to a decoder in pieces that end at `cuts` (ascending) and at the end.
 * @throws HttpError as the engine
 */
export function decodeChunked(bytes: Uint8Array, side: Side, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder(side);
  const payload: Uint8Array[] = [];
  let position = 0;
  for (const end of [...cuts, bytes.length]) {
    while (position < end && !decoder.done) {
      position = decoder.next(bytes, position, end);
      payload.push(bytes.subarray(decoder.payloadStart, decoder.payloadEnd));
    }
  }
  return { payload: new Uint8Array(Buffer.concat(payload)), consumed: position, done: decoder.done };
}

/** The code of the HttpError that `action` throws; any other error is passed on. */
export function refusal(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof HttpError) return error.code;
    throw error;
  }
  return undefined;
}
