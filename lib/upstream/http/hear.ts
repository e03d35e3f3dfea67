// Reads as much of a refusal as it takes to tell what it means, in bounded time, and loses nothing of it.
import type { ClientResponse } from "../../http1/types.ts";
import { contentCoding } from "../../http1/wire/fields/content_coding.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { type Refusal, REFUSAL_BYTES } from "../../mcp/lost_session.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "../../platform/runtime/builtin.ts";
import { Patience, settlesWithin, type Timers } from "../../platform/time/timers.ts";
import { type ReadAhead, resumed } from "./resumed_body.ts";

/** What a transport has to say comes with the head, or right behind it. */
const PATIENCE_MS = 1000;

const decoder = new TextDecoder();

type Decoder = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** What was heard, and the whole answer to be passed on or released. */
export interface Heard {
  readonly refusal: Refusal;
  readonly response: ClientResponse;
}

/** @throws HttpError as the body; the answer is then released */
export async function hear(response: ClientResponse, timers: Timers): Promise<Heard> {
  const { status, fields } = response.head;
  const contentType = fieldValue(fields, "content-type");
  const about = { status, contentType };
  // A stream came from behind the transport, and may stay open: nobody waits for it here.
  if (isEventStream(fields)) {
    return { refusal: { ...about, text: undefined, cut: true }, response };
  }
  const ahead = await readAhead(response, timers);
  const whole = ahead.prefix.length <= REFUSAL_BYTES && ahead.pending === undefined;
  const plain = whole ? decode(ahead.prefix, contentCoding(fields)) : cutText(ahead.prefix, fields);
  return { refusal: { ...about, ...plain }, response: resumed(response, ahead) };
}

async function readAhead(response: ClientResponse, timers: Timers): Promise<ReadAhead> {
  const gathered = new GatheredBytes();
  const patience = new Patience(PATIENCE_MS, timers);
  try {
    while (gathered.size <= REFUSAL_BYTES && !response.body.done) {
      const pending = response.body.read();
      if (!await settlesWithin(pending, patience.leftMs, timers)) {
        return { prefix: gathered.take(), pending };
      }
      const piece = await pending;
      if (piece === null) break;
      gathered.add(ownBytes(piece));
    }
  } catch (error) {
    response.release();
    throw error;
  }
  return { prefix: gathered.take() };
}

function cutText(bytes: Uint8Array, fields: readonly string[]): { text: string | undefined; cut: boolean } {
  const isCoded = contentCoding(fields) !== undefined;
  return { text: isCoded ? undefined : decoder.decode(bytes.subarray(0, REFUSAL_BYTES)), cut: true };
}

/** The text without its content coding (RFC 9110 §8.4.1); undefined if that cannot be told. */
function decode(bytes: Uint8Array, coding: string | undefined): { text: string | undefined; cut: boolean } {
  if (coding === undefined) return { text: decoder.decode(bytes), cut: false };
  if (!Object.hasOwn(DECODERS, coding)) return { text: undefined, cut: false };
  try {
    const plain = DECODERS[coding]!(bytes, { maxOutputLength: REFUSAL_BYTES + 1 });
    return { text: decoder.decode(plain), cut: plain.length > REFUSAL_BYTES };
  } catch {
    return { text: undefined, cut: true };
  }
}
