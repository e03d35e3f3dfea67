// One client connection: requests in, answers out, one after the other. RFC 9112 §9.
// A read is always posted while a request is handled: it is the next request's bytes and the disconnect watch in one.
import type { Sweep, Timed } from "./deadline.ts";
import type { BodyHost } from "./connection_body.ts";
import { ByteStream, type Socket, type StreamOwner, type Traffic } from "./connection.ts";
import { HeadFinder } from "./connection_head.ts";
import { HeadMemo } from "./connection_memo.ts";
import { asciiBytes, sendMessage } from "./connection_text.ts";
import { formatResponseHead, type HeadLimits, parseRequestHead } from "./head.ts";
import { ServerExchange } from "./server_exchange.ts";
import {
  type Exchange,
  HttpError,
  type HttpErrorCode,
  type RequestHead,
  type ResponseStart,
  type ServerConnection,
} from "./types.ts";

/** Bounds of what one client can take up. */
export interface ServerLimits {
  /** Longest request head in bytes; beyond it 431, or 414 if not even the request line ends there. */
  readonly maxHeadBytes: number;
  /** Longest request body in bytes; beyond it 413. */
  readonly maxBodyBytes: number;
  /** For a whole head, from its first byte on (from the connection on for the first), ms; then 408. */
  readonly headTimeoutMs: number;
  /** For the next bytes of a body that is being read, ms; then 408. */
  readonly bodyTimeoutMs: number;
  /** Between two requests, ms; then the connection is closed. */
  readonly idleTimeoutMs: number;
  /** For the client to take the next bytes of a response, ms; then the connection is cut. */
  readonly writeTimeoutMs: number;
  /** Connections at a time; a further one takes the place of the one idle longest, or is answered 503. */
  readonly maxConnections: number;
  /** Bytes read ahead while a request is being handled: of its body, if nobody reads that, and of further requests. */
  readonly maxPipelinedBytes: number;
}

/** What all connections of a server share. */
export interface ServerContext {
  readonly handler: (exchange: Exchange) => void | Promise<void>;
  readonly renderError: (error: HttpError) => { readonly start: ResponseStart; readonly body: Uint8Array };
  readonly limits: ServerLimits;
  readonly headLimits: HeadLimits;
  readonly traffic: Traffic;
  readonly sweep: Sweep;
  readonly draining: boolean;
  onRequest(): void;
  onError(code: HttpErrorCode): void;
  onHandlerFailure(cause: unknown): void;
  onClosed(connection: Http1Connection): void;
}

/** Where a connection comes from. */
export interface Peer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
}

type Phase = "idle" | "head" | "exchange" | "drain" | "linger" | "closed";

/** How much of an unread body is read and dropped to keep a connection. */
const DRAIN_BYTES = 64 * 1024;
/** RFC 9112 §9.6: how long, and how many bytes, a closed connection is read so that the client can read our answer. */
const LINGER_MS = 2000;
const LINGER_BYTES = 8 * 1024 * 1024;
const CONTINUE = asciiBytes("HTTP/1.1 100 Continue\r\n\r\n");
/** First and longest pause between two looks at a client that has sent its last byte, ms. */
const PROBE_FIRST_MS = 1;
const PROBE_LONGEST_MS = 1000;

export class Http1Connection implements ServerConnection, StreamOwner, BodyHost, Timed {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  memo: unknown = undefined;
  readonly stream: ByteStream;
  readonly #context: ServerContext;
  readonly #finder: HeadFinder;
  readonly #memo = new HeadMemo<RequestHead>();
  #phase: Phase = "idle";
  #exchange: ServerExchange | undefined;
  #deadlineMs = Infinity;
  #fresh = true;
  #dispatching = false;
  #continued = false;
  #budget = 0;
  #probe: ReturnType<typeof setTimeout> | undefined;

  constructor(context: ServerContext, socket: Socket, peer: Peer) {
    this.remoteAddress = peer.remoteAddress;
    this.remotePort = peer.remotePort;
    this.secure = peer.secure;
    this.#context = context;
    this.#finder = new HeadFinder("request", context.limits.maxHeadBytes);
    this.stream = new ByteStream(socket, this, context.traffic);
  }

  start(): void {
    this.#deadlineMs = this.#after(this.#context.limits.headTimeoutMs);
    this.stream.post();
  }

  /** When a connection without a request will be closed, ms; undefined while it has one. */
  get idleUntilMs(): number | undefined {
    return this.#phase === "idle" ? this.#deadlineMs : undefined;
  }

  /** Whether a request is being handled. */
  get busy(): boolean {
    return this.#phase === "exchange";
  }

  #after(ms: number): number {
    return this.#context.sweep.now() + ms;
  }

  // ---- requests in

  onData(): void {
    switch (this.#phase) {
      case "idle":
      case "head":
        return this.#onHeadData();
      case "exchange":
        return this.#onExchangeData(this.#exchange!);
      case "drain":
        return this.#drain(this.#exchange!);
      case "linger":
        return this.#discard();
    }
  }

  #onHeadData(): void {
    try {
      const text = this.#finder.take(this.stream);
      if (text === undefined) return this.#awaitHead();
      const head = this.#understand(text);
      const { maxBodyBytes } = this.#context.limits;
      if (head.bodyLength > maxBodyBytes) {
        throw new HttpError("body_too_large", `a body of more than the ${maxBodyBytes} bytes allowed is announced`);
      }
      this.#dispatch(new ServerExchange(this, head, maxBodyBytes));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#refuse(error);
    }
  }

  #understand(text: string): RequestHead {
    const known = this.#memo.find(text);
    if (known !== undefined) return known;
    const head = parseRequestHead(text, this.#context.headLimits);
    this.#memo.keep(text, head);
    return head;
  }

  #awaitHead(): void {
    if (this.stream.ended) return this.#shut();
    if (this.#phase === "idle") {
      this.#phase = "head";
      if (!this.#fresh) this.#deadlineMs = this.#after(this.#context.limits.headTimeoutMs);
    }
    this.stream.post();
  }

  #dispatch(exchange: ServerExchange): void {
    const { stream } = this;
    this.#phase = "exchange";
    this.#fresh = false;
    this.#exchange = exchange;
    this.#deadlineMs = Infinity;
    this.#continued = false;
    // Nothing of a request without a body is needed once its head is text.
    if (exchange.body.done) stream.release();
    this.#context.onRequest();
    this.#dispatching = true;
    this.#handle(exchange);
    this.#dispatching = false;
    if (this.#phase === "exchange") this.#watch();
  }

  #handle(exchange: ServerExchange): void {
    try {
      const handled = this.#context.handler(exchange);
      if (handled !== undefined) handled.catch((cause) => this.#onHandlerFailure(exchange, cause));
    } catch (cause) {
      this.#onHandlerFailure(exchange, cause);
    }
  }

  /** A fault of our own: 500 if there is still room for an answer, else a cut one. */
  #onHandlerFailure(exchange: ServerExchange, cause: unknown): void {
    this.#context.onHandlerFailure(cause);
    if (this.#exchange !== exchange || exchange.aborted) return;
    if (exchange.started) return this.cut(exchange);
    const error = cause instanceof HttpError ? cause : new HttpError("internal", "the handler failed", { cause });
    try {
      const { start, body } = this.#context.renderError(error);
      exchange.respond(start, body);
    } catch (second) {
      this.#context.onHandlerFailure(second);
      this.cut(exchange);
    }
  }

  /** Keeps a read posted, whatever has arrived and is not consumed yet, up to the bound. */
  #watch(): void {
    if (this.stream.buffered < this.#context.limits.maxPipelinedBytes) this.stream.post();
  }

  #onExchangeData(exchange: ServerExchange): void {
    const { body } = exchange;
    if (body.waiting) {
      body.onData();
      this.#deadlineMs = body.waiting ? this.#after(this.#context.limits.bodyTimeoutMs) : Infinity;
    }
    if (!body.waiting) this.#watch();
  }

  onBodyWanted(): void {
    this.#deadlineMs = this.#after(this.#context.limits.bodyTimeoutMs);
    const exchange = this.#exchange;
    if (exchange === undefined || !exchange.head.expectsContinue || this.#continued || exchange.started) return;
    this.#continued = true;
    this.stream.write(CONTINUE);
  }

  onBodyDone(): void {
    if (this.#phase !== "exchange") return;
    this.#deadlineMs = Infinity;
    if (!this.#dispatching) this.#watch();
  }

  /** Answers what cannot be understood, and ends the connection: where the next request starts is not known. */
  #refuse(error: HttpError): void {
    this.#context.onError(error.code);
    const { start, body } = this.#context.renderError(error);
    sendMessage(
      this.stream,
      formatResponseHead(start, { bodyLength: body.length, close: true, minorVersion: 1 }),
      body,
    );
    this.#linger();
  }

  // ---- answers out

  /** Whether the connection cannot go on after `exchange`. */
  closesAfter(exchange: ServerExchange): boolean {
    const { head, body } = exchange;
    const { stream } = this;
    if (!head.keepAlive || this.#context.draining || body.failed) return true;
    if (body.done) return stream.ended && stream.buffered === 0;
    // RFC 9110 §10.1.1: a client that was not told to continue may send its body or not; nobody can know.
    if (head.expectsContinue && !this.#continued && stream.buffered === 0) return true;
    return stream.ended || (body.left !== Infinity && body.left - stream.buffered > DRAIN_BYTES);
  }

  /** The socket took the last byte of the response. */
  readonly onResponseSent = (): void => {
    const exchange = this.#exchange;
    if (this.#phase !== "exchange" || exchange === undefined) return;
    this.#stopProbe();
    if (exchange.close) return this.#linger();
    if (exchange.body.done) return this.#next(exchange);
    this.#phase = "drain";
    this.#budget = DRAIN_BYTES;
    this.#deadlineMs = this.#after(this.#context.limits.bodyTimeoutMs);
    exchange.body.detach();
    this.stream.abandon();
    this.#drain(exchange);
  };

  /** Reads and drops the rest of a request body that nobody wanted. */
  #drain(exchange: ServerExchange): void {
    this.#budget -= exchange.body.discard();
    if (exchange.body.done) return this.#next(exchange);
    if (this.#budget < 0 || exchange.body.failed || this.stream.ended) return this.#linger();
    this.stream.post();
  }

  #next(exchange: ServerExchange): void {
    const { stream } = this;
    if (exchange.body.piecemeal) stream.abandon();
    else stream.release();
    this.#exchange = undefined;
    if (stream.buffered === 0 && (stream.ended || this.#context.draining)) return this.#linger();
    this.#phase = "idle";
    this.#deadlineMs = this.#after(this.#context.limits.idleTimeoutMs);
    if (stream.buffered > 0) this.#onHeadData();
    else stream.post();
  }

  // ---- ends

  onEnd(): void {
    const exchange = this.#exchange;
    if (this.#phase === "linger") return this.#shut();
    if (this.#phase !== "exchange" || exchange === undefined) return this.#gone();
    const { body } = exchange;
    const incomplete = body.waiting || (body.left !== Infinity && body.left > this.stream.buffered);
    // TLS has no half-close that HTTP clients use: its end is a farewell.
    if (incomplete || exchange.streaming || this.secure) return this.#gone();
    this.#probeClient(exchange);
  }

  /**
   * A client that closed and one that only has no more to send look alike, until something is sent: a closed one answers
   * with a reset. What is sent is an interim 100, which every client must be ready to drop (RFC 9110 §15.2.1) and which
   * even those drop that take any other 1xx for final. One is enough: the reset then fails a write of no bytes.
   */
  #probeClient(exchange: ServerExchange): void {
    if (exchange.head.minorVersion === 1 && !exchange.started) this.stream.write(CONTINUE);
    this.#probeIn(PROBE_FIRST_MS);
  }

  #probeIn(ms: number): void {
    this.#probe = setTimeout(() => {
      this.stream.ping();
      this.#probeIn(Math.min(ms * 2, PROBE_LONGEST_MS));
    }, ms);
  }

  #stopProbe(): void {
    if (this.#probe === undefined) return;
    clearTimeout(this.#probe);
    this.#probe = undefined;
  }

  onReadFailed(_cause: unknown): void {
    this.#gone();
  }

  onWriteFailed(_cause: unknown): void {
    this.#gone();
  }

  #gone(): void {
    const exchange = this.#exchange;
    this.#shut();
    try {
      exchange?.lose();
    } catch (cause) {
      this.#context.onHandlerFailure(cause);
    }
  }

  /** Cuts the connection on our own behalf, a response unfinished. */
  cut(exchange: ServerExchange): void {
    if (this.#exchange !== exchange || this.#phase === "closed") return;
    exchange.onAbort = undefined;
    this.#gone();
  }

  /** Ends the connection as it stands: for a drain at its deadline. The user of a running exchange is told. */
  close(): void {
    this.#gone();
  }

  /** RFC 9112 §9.6: the write side first, the rest when the client has closed too, so that no reset eats the answer. */
  #linger(): void {
    const { stream } = this;
    this.#phase = "linger";
    this.#exchange = undefined;
    this.#stopProbe();
    this.#budget = LINGER_BYTES;
    this.#deadlineMs = this.#after(LINGER_MS);
    stream.abandon();
    stream.closeWrite().then(() => {
      if (stream.ended) this.#shut();
    });
    this.#discard();
  }

  #discard(): void {
    const { stream } = this;
    while (stream.buffered > 0) {
      this.#budget -= stream.end - stream.start;
      stream.start = stream.end;
      stream.release();
    }
    if (this.#budget < 0) this.#shut();
    else stream.post();
  }

  #shut(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#exchange = undefined;
    this.#stopProbe();
    this.stream.close();
    this.#context.onClosed(this);
  }

  onSweep(nowMs: number): void {
    this.#memo.fade();
    if (this.stream.stalled(nowMs, this.#context.limits.writeTimeoutMs)) this.#gone();
    else if (nowMs >= this.#deadlineMs) this.#onDeadline();
  }

  #onDeadline(): void {
    this.#deadlineMs = Infinity;
    const error = new HttpError("request_timeout", "the request did not arrive in time");
    if (this.#phase === "head") return this.#refuse(error);
    if (this.#phase === "exchange") {
      this.#context.onError(error.code);
      return this.#exchange?.body.fail(error);
    }
    if (this.#phase === "drain") return this.#linger();
    this.#shut();
  }
}
