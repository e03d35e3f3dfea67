// Messages out of a server's answer: one JSON text, or a stream of events (docs/protocol.md 11), with or without a content
// coding (P6). Bounded by one message; what is held of it is charged; who takes a message slowly is waited for.
import { type JsonLine, messagesIn, readLine, readLongLine } from "../../bridge/peer/peer_line.ts";
import { SignetError } from "../../errors.ts";
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import { type BodyReader, CHUNKED, type ClientResponse, HttpError } from "../../http1/types.ts";
import { contentCoding } from "../../http1/wire/fields/content_coding.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { inspectBytes, ownBytes } from "../../http1/wire/streams/borrowed.ts";
import { isSendable } from "../../mcp/events/event_id.ts";
import { type SseEvent, SseParser } from "../../mcp/events/sse.ts";
import { TURN_BYTES } from "../../mcp/messages/read_message.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";
import { LongTask } from "../../platform/time/long_task.ts";
import { decoded } from "../http/decoded.ts";
import { tooLong } from "./http_peer_fault.ts";

/** How far a stream has come: what it takes to ask for the rest. */
export interface StreamPlace {
  /** Of the last event that was taken; undefined if none had one that can be sent back. */
  eventId: string | undefined;
  /** What the server has asked for, in ms. */
  retryMs: number | undefined;
}

export interface Reading {
  readonly maxBytes: number;
  readonly account: ByteAccount;
  /** Moved on with each event. */
  readonly place: StreamPlace;
  /** One message; undefined for what is no JSON. @returns a promise where the reader has to wait */
  readonly onMessage: (message: JsonLine | undefined) => Promise<void> | undefined;
}

const encoder = new TextEncoder();

/**
 * Reads to the end, and releases the response.
 * @throws SignetError `upstream_invalid` for a message over the bound; HttpError; DecodingError
 */
export async function readMessages(given: ClientResponse, reading: Reading): Promise<void> {
  let response = given;
  const charge = reading.account.open();
  try {
    response = decoded(given);
    if (isEventStream(response.head.fields)) await readEvents(response.body, reading, charge);
    else await readWhole(response.body, reading, charge);
  } finally {
    charge.release();
    response.release();
  }
}

/**
 * The one message of an answer that is a short JSON text and has arrived whole, which most are: read at once, and the
 * response released. @returns undefined where it takes more than that, and then nothing has been read
 */
export function readAtOnce(response: ClientResponse, maxBytes: number): JsonLine | undefined {
  const { head: { fields }, body } = response;
  const { length } = body;
  if (length === CHUNKED || length === 0 || length > Math.min(maxBytes, AT_ONCE_BYTES)) return undefined;
  if (contentCoding(fields) !== undefined || isEventStream(fields)) return undefined;
  const here = body.takeBuffered();
  if (here === undefined) return undefined;
  try {
    return readLine(ownBytes(here)) ?? NO_JSON;
  } finally {
    response.release();
  }
}

/** Of a message that is read at once: it is held for no longer than a turn. */
const AT_ONCE_BYTES = 16 * 1024;
/** Stands for what is no message of JSON-RPC. */
const NO_JSON: JsonLine = { text: new Uint8Array(0), value: undefined };

async function readWhole(body: BodyReader, reading: Reading, charge: Charge): Promise<void> {
  const here = body.takeBuffered();
  if (here !== undefined) {
    if (here.length > reading.maxBytes) throw tooLong(reading.maxBytes);
    hold(charge, here.length);
    return here.length > 0 ? await take(ownBytes(here), reading) : undefined;
  }
  const gathered = new GatheredBytes();
  while (!body.done) {
    const piece = await body.read();
    if (piece === null) break;
    const size = gathered.size + piece.length;
    if (size > reading.maxBytes) throw tooLong(reading.maxBytes);
    hold(charge, size);
    gathered.add(ownBytes(piece));
  }
  if (gathered.size > 0) await take(gathered.take(), reading);
}

async function readEvents(body: BodyReader, reading: Reading, charge: Charge): Promise<void> {
  const parser = new SseParser({ maxEventBytes: reading.maxBytes });
  const task = new LongTask();
  let inPiece = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    hold(charge, parser.pendingBytes + piece.length);
    inPiece += piece.length;
    for (const event of pushed(parser, piece, reading.maxBytes)) await takeEvent(event, reading);
    charge.force(parser.pendingBytes);
    // A stream that never pauses leaves others their turn.
    if (inPiece < TURN_BYTES) continue;
    inPiece = 0;
    await task.turn();
  }
}

function pushed(parser: SseParser, piece: Parameters<typeof inspectBytes>[0], maxBytes: number): SseEvent[] {
  try {
    return inspectBytes(piece, (bytes) => parser.push(bytes), undefined);
  } catch (error) {
    throw error instanceof SignetError ? tooLong(maxBytes) : error;
  }
}

async function takeEvent({ event, data, id, retry }: SseEvent, reading: Reading): Promise<void> {
  const { place } = reading;
  if (retry !== undefined) place.retryMs = retry;
  // Before the message is passed on: who hears it is behind it, wherever he goes on (A5).
  if (id !== undefined) place.eventId = isSendable(id) ? id : undefined;
  // An event of another name is nobody's, as for real clients (docs/protocol.md §1).
  if (event === "message" && data) await take(encoder.encode(data), reading);
}

/** Revision 2025-03-26 let a server send several messages as one: as many as a client may (M6). */
async function take(text: Uint8Array, { onMessage }: Reading): Promise<void> {
  const read = text.length > TURN_BYTES ? await readLongLine(text) : readLine(text);
  if (read === undefined) return await onMessage(read);
  for (const message of messagesIn(read)) await onMessage(message);
}

function hold(charge: Charge, bytes: number): void {
  if (!charge.resize(bytes)) throw new HttpError("no_room", `reading an answer: no room for ${bytes} bytes of it`);
}
