// One request on a client connection and its answer. RFC 9110 §6.4.1, §9.3.2, §15 (which responses have a body);
// RFC 9112 §6.3 (framing), §9.6 (when the connection ends).
import {
  type BodyWriter,
  CHUNKED,
  type Exchange,
  type ExchangeWatcher,
  HttpError,
  type RequestHead,
  type ResponseStart,
  type ServerConnection,
  UNTIL_CLOSE,
} from "../types.ts";
import { type BodyBounds, type BodyHost, InboundBody } from "../wire/bodies/inbound_body.ts";
import { OutboundBody } from "../wire/bodies/outbound_body.ts";
import { sendMessage } from "../wire/bodies/text_writing.ts";
import type { Head } from "../wire/ready_head.ts";
import type { Bytes } from "../wire/streams/borrowed.ts";
import { DONE } from "../wire/streams/done.ts";
import type { SentAnswers } from "./sent_answers.ts";

const EMPTY = new Uint8Array(0);

/** The connection an exchange takes place on. */
export interface ExchangeHost extends ServerConnection, BodyHost {
  readonly sentAnswers: SentAnswers;
  /**
   * Settles, when the response of `exchange` starts, whether the connection ends with it.
   * @param isOpenEnded whether only the connection's end will end the response
   */
  settleClose(exchange: ServerExchange, isOpenEnded: boolean): boolean;
  /** Cuts the connection on our own behalf, a response unfinished. */
  cut(exchange: ServerExchange): void;
  /** See {@link Exchange.fail}. */
  onHandlerFailure(exchange: ServerExchange, cause: unknown): void;
  /** The socket took the last byte of the response. */
  onResponseSent(): void;
}

/** Each request has one: up to eight fields take 80 bytes on JavaScriptCore, nine 112. */
export class ServerExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: InboundBody;
  readonly connection: ExchangeHost;
  watcher: ExchangeWatcher | undefined = undefined;
  aborted = false;
  status = 0;
  bodySent = 0;
  /** Whether a response without a length is being written: the client stays to the end or has gone. */
  streaming = false;

  constructor(connection: ExchangeHost, head: RequestHead, bounds: BodyBounds) {
    this.connection = connection;
    this.head = head;
    this.body = new InboundBody(connection, head.bodyLength, bounds);
  }

  get started(): boolean {
    return this.status !== 0;
  }

  respond(start: ResponseStart, body: Bytes = EMPTY): Promise<void> {
    const bodiless = isBodiless(start.status);
    const head = this.#start(start, bodiless ? undefined : body.length);
    if (head === undefined) return DONE;
    const sent = bodiless || this.head.method === "HEAD" ? EMPTY : body;
    this.bodySent = sent.length;
    const { stream } = this.connection;
    const written = sendMessage(stream.output, head, body.length, sent);
    // What the client has sent meanwhile is looked at later: the handler may not have returned yet.
    if (written !== DONE || stream.buffered > 0) return this.tellWhen(written);
    this.connection.onResponseSent();
    return DONE;
  }

  begin(start: ResponseStart, length: number, first: Bytes = EMPTY): Promise<BodyWriter> {
    const bodiless = isBodiless(start.status);
    const framed = length >= 0 ? length : this.head.minorVersion === 0 ? UNTIL_CLOSE : CHUNKED;
    const head = this.#start(start, bodiless ? undefined : framed);
    if (head === undefined) return Promise.resolve(GONE);
    const { stream } = this.connection;
    if (bodiless || this.head.method === "HEAD") {
      const writer = new DiscardingWriter(this);
      return sendMessage(stream.output, head, framed, EMPTY).then(() => writer);
    }
    this.streaming = framed < 0;
    this.bodySent = first.length;
    const outbound = new OutboundBody(stream.output, framed);
    const writer = new ExchangeWriter(this, outbound);
    return outbound.start(head, first).then(() => writer);
  }

  /** Tells the connection that its response has been sent, in a later turn. */
  tellWhen(sent: Promise<void>): Promise<void> {
    return sent.then(() => this.connection.onResponseSent());
  }

  /** The head; undefined if there is nobody to send it to. @throws TypeError if it cannot be sent */
  #start(start: ResponseStart, bodyLength: number | undefined): Head | undefined {
    if (this.started) throw new TypeError("responding: a response to this request has been started");
    if (this.aborted) return undefined;
    if (start.status < 200) throw new TypeError(`responding: found status ${start.status}, want a final one`);
    const close = this.connection.settleClose(this, bodyLength === UNTIL_CLOSE);
    const { minorVersion } = this.head;
    const head = this.connection.sentAnswers.format(start, bodyLength, close, minorVersion);
    this.status = start.status;
    return head;
  }

  fail(cause: unknown): void {
    this.connection.onHandlerFailure(this, cause);
  }

  /** The client is gone, or the connection is cut. */
  lose(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.body.fail(new HttpError("client_gone", "reading a body: the client went away"));
    const { watcher } = this;
    this.watcher = undefined;
    watcher?.onClientGone();
  }
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

class ExchangeWriter implements BodyWriter {
  readonly #exchange: ServerExchange;
  readonly #outbound: OutboundBody;
  #ended = false;

  constructor(exchange: ServerExchange, outbound: OutboundBody) {
    this.#exchange = exchange;
    this.#outbound = outbound;
  }

  write(bytes: Bytes): Promise<void> {
    if (this.#exchange.aborted) return DONE;
    if (this.#ended) throw new TypeError("writing a response: it has ended");
    this.#exchange.bodySent += bytes.length;
    return this.#outbound.write(bytes);
  }

  get takesChunks(): boolean {
    return this.#outbound.chunked;
  }

  passChunks(chunks: Bytes, payload: number): Promise<void> {
    if (this.#exchange.aborted) return DONE;
    if (this.#ended) throw new TypeError("writing a response: it has ended");
    this.#exchange.bodySent += payload;
    return this.#outbound.passChunks(chunks);
  }

  end(last: Bytes = EMPTY): Promise<void> {
    if (this.#exchange.aborted || this.#ended) return DONE;
    this.#ended = true;
    this.#exchange.bodySent += last.length;
    const sent = this.#outbound.end(last);
    if (!this.#outbound.complete) {
      this.#exchange.connection.cut(this.#exchange);
      throw new RangeError("ending a response: found it shorter than announced, so the connection is cut");
    }
    return this.#exchange.tellWhen(sent);
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exchange.connection.cut(this.#exchange);
  }
}

/** For answers without a body (HEAD, 204, 304): the head was all there is. */
class DiscardingWriter implements BodyWriter {
  readonly #exchange: ServerExchange;
  #ended = false;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
  }

  write(_bytes: Bytes): Promise<void> {
    return DONE;
  }

  end(_last?: Bytes): Promise<void> {
    if (this.#exchange.aborted || this.#ended) return DONE;
    this.#ended = true;
    return this.#exchange.tellWhen(DONE);
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exchange.connection.cut(this.#exchange);
  }
}

/** For a client that went away before there was an answer. */
const GONE: BodyWriter = { write: () => DONE, end: () => DONE, abort: () => {} };
