// The upstream's answer on its way to the client: whole in one write where it is small and here, else piece by piece
// as it comes, with the client's pace as the upstream's. Nothing is buffered, nothing changed but what rules hide (N2, G4,
// docs/protocol.md 15).
import {
  type BodySink,
  type BodyWriter,
  CHUNKED,
  type ClientResponse,
  type Fields,
  type PipeListener,
  type ResponseStart,
  UNTIL_CLOSE,
} from "../../http1/types.ts";
import { pipeBody } from "../../http1/wire/bodies/body_pipe.ts";
import { contentCoding } from "../../http1/wire/fields/content_coding.ts";
import { combinedValue, fieldValue } from "../../http1/wire/fields/fields.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import { DONE } from "../../http1/wire/streams/done.ts";
import type { OutcomeReader } from "../../mcp/answer_outcome.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { HOP_FIELD } from "../../replica/hop_proof.ts";
import { noteAnswerBody, outcomeReader, tellOfStream } from "../observed.ts";
import type { GatewayParts } from "../parts.ts";
import { tellRefusalBehind } from "../refuse.ts";
import type { InFlight } from "./in_flight.ts";
import type { WatchedStream } from "./keep_alive.ts";
import { lawfulAnswer } from "./lawful_answer.ts";

const NONE: Fields = [];

/** An answer that has begun to arrive, and the request it is for. */
export interface Arriving {
  readonly inFlight: InFlight;
  readonly response: ClientResponse;
  /** Fields that the answer gets besides its own. */
  readonly extra?: Fields;
  /**
   * What a stream of events ends with that broke off, or was cut, before its client left: a client that is left without
   * an answer waits for its own time-out (B9). Undefined where streams are resumed, or simply end.
   */
  readonly lastWords?: (error: unknown) => Uint8Array;
}

/** Tells a replica that passes requests on here until when it can (R7). */
function leavingFields({ lifecycle: { closesAtMs }, now }: GatewayParts): Fields {
  return closesAtMs === Infinity ? NONE : [HOP_FIELD, `leaving ${Math.max(0, Math.round(closesAtMs - now()))}`];
}

/** Who is told once how an answer has been passed on, perhaps before the call that began it returns. */
export interface RelayListener {
  /** @param error why it broke off, if nobody had cut it */
  onRelayed(error: unknown): void;
}

/** As {@link relayTo}, for whoever waits for the end. @throws what `onRelayed` would be told */
export function relay(parts: GatewayParts, arriving: Arriving): Promise<void> {
  return new Promise((resolve, reject) => {
    relayTo(parts, arriving, { onRelayed: (error) => error === undefined ? resolve() : reject(error) });
  });
}

/**
 * Passes an answer on and releases it. A body that breaks off upstream breaks off downstream too, so that nobody takes
 * half an answer for a whole one; an event stream whose session ends, or that Signet drains, ends properly.
 */
export function relayTo(parts: GatewayParts, arriving: Arriving, listener: RelayListener): void {
  let sent: Promise<void> | undefined;
  try {
    sent = begin(parts, arriving, listener);
  } catch (error) {
    return listener.onRelayed(error);
  }
  if (sent === DONE) listener.onRelayed(undefined);
  else if (sent !== undefined) tellOf(sent, listener);
}

/** Tells `listener` what comes of it. */
export function tellOf(relayed: Promise<void>, listener: RelayListener): void {
  relayed.then(() => listener.onRelayed(undefined), (error) => listener.onRelayed(error));
}

/** @returns when a whole answer is on its way; undefined where `listener` is told of one in pieces */
function begin(parts: GatewayParts, arriving: Arriving, listener: RelayListener): Promise<void> | undefined {
  const { inFlight, extra = NONE, lastWords } = arriving;
  const { inbound } = inFlight;
  let { response } = arriving;
  let isWhole = true;
  try {
    if (response.head.status >= 400) tellRefusalBehind(parts, inbound, response);
    let whole: Bytes | undefined;
    if (parts.law.policy === undefined) whole = response.body.takeBuffered();
    else ({ response, whole } = lawfulAnswer(parts, inbound, response));
    const passed = parts.fields.toClient(inbound, response.head);
    const challenge = challengeOf(parts, response);
    const leaving = inbound.hop === undefined ? NONE : leavingFields(parts);
    const isAll = extra.length === 0 && challenge.length === 0 && leaving.length === 0;
    const start = isAll ? passed : withFields(passed, [...extra, ...challenge, ...leaving]);
    // On its way to the client as it returns: its connection is free for the next call, whatever the client's pace.
    if (whole !== undefined) {
      if (inbound.record !== undefined) noteAnswerBody(inbound, response.head.fields, whole);
      return inbound.exchange.respond(start, whole);
    }
    isWhole = false;
    new Relaying(parts, { inFlight, response, lastWords, listener }).begin(start);
    return undefined;
  } finally {
    if (isWhole) response.release();
  }
}

interface Passing {
  readonly inFlight: InFlight;
  readonly response: ClientResponse;
  readonly lastWords: Arriving["lastWords"];
  readonly listener: RelayListener;
}

/**
 * An answer that comes in pieces, for as long as it lasts: one object, where an async function that waited for the end
 * would take a kilobyte. Says how it ended in the only way HTTP/1.1 can.
 */
class Relaying implements PipeListener {
  readonly #parts: GatewayParts;
  readonly #inFlight: InFlight;
  readonly #response: ClientResponse;
  readonly #lastWords: Arriving["lastWords"];
  readonly #listener: RelayListener;
  readonly #isEvents: boolean;
  #isPlain = false;
  #writer: BodyWriter | undefined;
  #watched: WatchedStream | undefined;
  #outcome: OutcomeReader | undefined;

  constructor(parts: GatewayParts, { inFlight, response, lastWords, listener }: Passing) {
    this.#parts = parts;
    this.#inFlight = inFlight;
    this.#response = response;
    this.#lastWords = lastWords;
    this.#listener = listener;
    this.#isEvents = isEventStream(response.head.fields);
  }

  begin(start: ResponseStart): void {
    this.#begin(start).catch((error) => this.#end(error));
  }

  async #begin(start: ResponseStart): Promise<void> {
    const response = this.#response;
    const { inbound, kind } = this.#inFlight;
    const isEvents = this.#isEvents;
    // Where one event ends is to be seen in plain text only, and a comment would break any other.
    this.#isPlain = isEvents && contentCoding(start.fields) === undefined;
    const length = isEvents ? CHUNKED : lengthOf(response);
    const writer = this.#writer = await inbound.exchange.begin(isEvents ? unheld(start) : start, length);
    if (isEvents && kind === "stream") tellOfStream(this.#parts, inbound);
    if (this.#isPlain) this.#watched = this.#parts.keepAlive.watch(writer);
    this.#outcome = outcomeReader(inbound, response, this.#inFlight);
    response.forgetHead?.();
    pipeBody(response.body, seenBy(this.#outcome, this.#watched ?? writer), this);
  }

  // Later: whoever brings the last piece, or a failure, is in the middle of something.

  onPiped(): void {
    DONE.then(() => this.#complete()).then(() => this.#end(undefined), (error) => this.#end(error));
  }

  onPipeFailed(error: unknown): void {
    DONE.then(() => this.#breakOff(error)).then(() => this.#end(undefined), (error) => this.#end(error));
  }

  async #complete(): Promise<void> {
    try {
      this.#outcome?.end();
      await this.#writer!.end();
    } catch (error) {
      await this.#breakOff(error);
    }
  }

  /** @throws `error`, unless somebody has cut it */
  async #breakOff(error: unknown): Promise<void> {
    const writer = this.#writer!;
    const { clientGone, endReason } = this.#inFlight;
    const words = this.#isPlain && !clientGone ? this.#lastWords?.(error) : undefined;
    if (words !== undefined) await endWith(writer, words);
    else if (this.#isEvents && endReason !== undefined) await writer.end();
    else writer.abort();
    if (!this.#inFlight.cut) throw error;
  }

  #end(error: unknown): void {
    if (this.#watched !== undefined) this.#parts.keepAlive.unwatch(this.#watched);
    this.#response.release();
    this.#listener.onRelayed(error);
  }
}

function withFields({ status, reason, fields }: ResponseStart, more: Fields): ResponseStart {
  return { status, reason, fields: [...fields, ...more] };
}

/** Asks proxies in front not to hold events back (docs/protocol.md 32). */
function unheld(start: ResponseStart): ResponseStart {
  const isSaid = fieldValue(start.fields, "x-accel-buffering") !== undefined;
  return isSaid ? start : withFields(start, ["x-accel-buffering", "no"]);
}

/** Where pieces go that `outcome`, if anybody, has to see: without framing, then. */
function seenBy(outcome: OutcomeReader | undefined, sink: BodySink): BodySink {
  if (outcome === undefined) return sink;
  return {
    write(bytes: Bytes) {
      outcome.add(bytes);
      return sink.write(bytes);
    },
  };
}

/**
 * In place of the upstream's own challenge, which would lead a client to somebody else's metadata (docs/protocol.md
 * 22).
 */
function challengeOf(parts: GatewayParts, { head }: ClientResponse): Fields {
  if (head.status !== 401 && head.status !== 403) return NONE;
  const challenge = parts.authentication.challengeFor(head.status, combinedValue(head.fields, "www-authenticate"));
  return challenge === undefined ? NONE : ["www-authenticate", challenge];
}

/** The length to announce: what the upstream announced, or chunks where its body just ends. */
function lengthOf(response: ClientResponse): number {
  return response.head.bodyLength === UNTIL_CLOSE ? CHUNKED : response.head.bodyLength;
}

/** A client that reads is told within this time, in ms. One that does not may be why the stream was cut. */
const LAST_WORDS_MS = 1000;

async function endWith(writer: BodyWriter, words: Uint8Array): Promise<void> {
  if (!await settlesWithin(writer.end(words), LAST_WORDS_MS, SYSTEM_TIMERS)) writer.abort();
}
