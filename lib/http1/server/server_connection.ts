// One client connection: requests in, answers out, one after the other. RFC 9112 §9.
// A read is always posted while a request is handled: it is the next request's bytes and the disconnect watch in one.
import type { Socket } from "../../platform/sockets/socket.ts";
import type { Charge } from "../byte_account.ts";
import { HttpError, type RequestHead } from "../types.ts";
import type { BodyBounds, InboundBody } from "../wire/bodies/inbound_body.ts";
import { sendMessage } from "../wire/bodies/text_writing.ts";
import { Patience } from "../wire/deadline.ts";
import { fieldValue } from "../wire/fields/fields.ts";
import { allowanceOf } from "../wire/fields/fields_parse.ts";
import { parseRequestHead, varyRequest } from "../wire/heads/head.ts";
import { formatResponseHead } from "../wire/heads/head_format.ts";
import { HeadMemo } from "../wire/heads/head_memo.ts";
import { HeadFinder, headTooLong } from "../wire/heads/head_reader.ts";
import { originIn } from "../wire/heads/origin_text.ts";
import { decodeLatin1 } from "../wire/latin1.ts";
import { REQUEST_BUFFER } from "../wire/streams/buffers.ts";
import { ByteStream, type StreamOwner } from "../wire/streams/byte_stream.ts";
import { ClientProbe, CONTINUE } from "./client_probe.ts";
import type { SentAnswers } from "./sent_answers.ts";
import type { ClientAddress, OpenConnection, ServerContext } from "./server_context.ts";
import { type ExchangeHost, ServerExchange } from "./server_exchange.ts";

type Phase = "idle" | "head" | "gather" | "exchange" | "drain" | "linger" | "closed";

/** How much of an unread body is read and dropped to keep a connection. */
const DRAIN_BYTES = 64 * 1024;
/** RFC 9112 §9.6: how long, and how many bytes, a closed connection is read so that the client can read our answer. */
const LINGER_MS = 2000;
const LINGER_BYTES = 8 * 1024 * 1024;

export class Http1Connection implements ExchangeHost, OpenConnection, StreamOwner {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly inner: boolean;
  memo: unknown = undefined;
  readonly stream: ByteStream;
  readonly #context: ServerContext;
  readonly #finder: HeadFinder;
  /** While requests come: see `HeadMemo.fade`. */
  #memo: HeadMemo<RequestHead> | undefined;
  /** For the head of the request under way. */
  readonly #headCharge: Charge;
  #phase: Phase = "idle";
  /** Whether a request has been answered on it. */
  #served = false;
  #exchange: ServerExchange | undefined;
  /** Whether the connection ends with the response that has started last. */
  #endsWithExchange = false;
  #deadlineMs = Infinity;
  /** When the connection was opened, its last request ended or its next one began, whichever was last; ms. */
  #sinceMs = 0;
  #patience: Patience | undefined;
  #fresh = true;
  #dispatching = false;
  #continued = false;
  #budget = 0;
  #probe: ClientProbe | undefined;

  constructor(context: ServerContext, socket: Socket, client: ClientAddress) {
    this.remoteAddress = client.remoteAddress;
    this.remotePort = client.remotePort;
    this.secure = client.secure;
    this.inner = client.inner;
    this.#context = context;
    const { limits, headLimits } = context;
    this.#finder = new HeadFinder("request", limits.maxHeadBytes, headLimits.allowance?.headBytes);
    const { traffic, account } = context;
    this.#headCharge = account.open();
    this.stream = new ByteStream(socket, this, { traffic, account, restBytes: REQUEST_BUFFER, claim: "stranger" });
  }

  get sentAnswers(): SentAnswers {
    return this.#context.sentAnswers;
  }

  get trusted(): boolean {
    return this.stream.memory.claim === "caller";
  }

  set trusted(trusted: boolean) {
    if (!trusted || this.trusted) return;
    this.stream.memory.befriend();
    this.#headCharge.befriend();
  }

  start(): void {
    this.#sinceMs = this.#context.sweep.now();
    this.#deadlineMs = this.#after(this.#context.limits.headTimeoutMs);
    this.stream.post();
  }

  get idle(): boolean {
    return this.#phase === "idle";
  }

  get fresh(): boolean {
    return this.#phase === "idle" && !this.#served;
  }

  get waitingSinceMs(): number | undefined {
    if (this.#phase !== "exchange") return this.trusted && this.stream.output.writing ? undefined : this.#sinceMs;
    const { started, body } = this.#exchange!;
    // What has been run for a caller is not lost for being taken slowly: it has a place of its own in the limits.
    if (started && this.trusted) return undefined;
    return body.waiting || (started && this.stream.output.writing) ? this.#sinceMs : undefined;
  }

  get busy(): boolean {
    return this.#phase === "exchange" || this.stream.output.writing;
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
      case "gather":
        return this.#gather(this.#exchange!);
      case "exchange":
        return this.#onExchangeData(this.#exchange!);
      case "drain":
        return this.#drain(this.#exchange!);
      case "linger":
        return this.#discard();
    }
  }

  #onHeadData(): void {
    let text: string | undefined;
    try {
      let head = this.#finder.takeKnown(this.stream, this.#memo);
      if (head === undefined) {
        text = this.#finder.take(this.stream);
        if (text === undefined) return this.#awaitHead();
      }
      if (!this.#chargeHead(text?.length ?? this.#memo!.found)) {
        throw new HttpError("no_room", "reading a head: found no room for it in memory");
      }
      head ??= this.#understand(text!);
      const { bodies } = this.#context;
      const bounds = head.bodyLength > bodies.maxBytes ? this.#boundsBeyond(bodies, head) : bodies;
      this.#gather(new ServerExchange(this, head, bounds));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#refuse(error, text);
    }
  }

  /** Of a long body, by what its head is allowed. @throws HttpError `body_too_large` */
  #boundsBeyond({ side, maxBytes }: BodyBounds, { bodyLength, fields }: RequestHead): BodyBounds {
    const most = maxBytes + (allowanceOf(this.#context.headLimits, fields)?.bodyBytes ?? 0);
    if (bodyLength <= most) return { side, maxBytes: most };
    const found = `found a body announced of more than the ${most} bytes allowed`;
    throw new HttpError("body_too_large", `reading a request: ${found}`);
  }

  /** A stranger's is held to the stranger's share only where it is a long one, or nobody could prove who he is. */
  #chargeHead(bytes: number): boolean {
    const charge = this.#headCharge;
    if (this.trusted || bytes <= REQUEST_BUFFER) return charge.resize(bytes);
    while (!charge.resizeAsStranger(bytes)) if (!this.onNoRoom(bytes)) return false;
    return true;
  }

  onNoRoom(bytes: number): boolean {
    return this.#context.makeRoom(this, bytes);
  }

  get strange(): number {
    return this.stream.memory.strange + this.#headCharge.strange;
  }

  #understand(text: string): RequestHead {
    const { account, headLimits, limits: { maxHeadBytes } } = this.#context;
    const head = parseRequestHead(text, headLimits);
    if (text.length > maxHeadBytes && allowanceOf(headLimits, head.fields) === undefined) {
      throw headTooLong("request", maxHeadBytes, text.indexOf("\n"));
    }
    this.#memo ??= new HeadMemo(account, { changing: headLimits.changing, vary: varyRequest });
    this.#memo.keep(text, head);
    return head;
  }

  #awaitHead(): void {
    if (this.stream.ended) return this.#shut();
    if (this.#phase === "idle") {
      this.#phase = "head";
      if (!this.#fresh) {
        this.#sinceMs = this.#context.sweep.now();
        this.#deadlineMs = this.#sinceMs + this.#context.limits.headTimeoutMs;
      }
    }
    this.stream.post();
  }

  /** Hands a request over as soon as its body, if it is a small one, is there. */
  #gather(exchange: ServerExchange): void {
    const { bodyLength, expectsContinue } = exchange.head;
    const { gatherBytes, bodyTimeoutMs } = this.#context.limits;
    if (bodyLength <= this.stream.buffered || bodyLength > gatherBytes || expectsContinue) {
      return this.#dispatch(exchange);
    }
    if (this.stream.ended) return this.#shut();
    // For all of it, however it comes: it is a small one.
    if (this.#phase !== "gather") this.#deadlineMs = this.#after(bodyTimeoutMs);
    this.#phase = "gather";
    this.#exchange = exchange;
    this.stream.memory.expect(bodyLength);
    this.stream.post();
  }

  #dispatch(exchange: ServerExchange): void {
    const { stream } = this;
    this.#phase = "exchange";
    this.#fresh = false;
    this.#exchange = exchange;
    this.#deadlineMs = Infinity;
    this.#patience = undefined;
    this.#continued = false;
    // Nothing of a request without a body is needed once its head is text.
    if (exchange.body.done) stream.release();
    this.#context.onRequest();
    this.#dispatching = true;
    this.#handle(exchange);
    this.#dispatching = false;
    if (this.#phase !== "exchange") return;
    this.#watch(exchange);
    if (stream.ended) this.#probeClient(exchange);
  }

  #handle(exchange: ServerExchange): void {
    try {
      const handled = this.#context.handler(exchange);
      if (handled !== undefined) this.#awaitHandler(exchange, handled);
    } catch (cause) {
      this.onHandlerFailure(exchange, cause);
    }
  }

  #awaitHandler(exchange: ServerExchange, handled: Promise<void>): void {
    handled.catch((cause) => this.onHandlerFailure(exchange, cause));
  }

  /** A fault of our own: 500 if there is still room for an answer, else a cut one. */
  onHandlerFailure(exchange: ServerExchange, cause: unknown): void {
    this.#context.onHandlerFailure(cause);
    if (this.#exchange !== exchange || exchange.aborted) return;
    if (exchange.started) return this.cut(exchange);
    const error = cause instanceof HttpError
      ? cause
      : new HttpError("internal", "handling a request: the handler failed", { cause });
    try {
      const { remoteAddress } = this;
      const origin = fieldValue(exchange.head.fields, "origin");
      const { start, body } = this.#context.renderError(error, { remoteAddress, origin });
      exchange.respond(start, body);
    } catch (second) {
      this.#context.onHandlerFailure(second);
      this.cut(exchange);
    }
  }

  /**
   * Keeps a read posted, whatever has arrived and is not consumed yet, up to the bound. Where the body may have arrived
   * whole, it is the read that the connection is to rest with.
   */
  #watch({ body }: ServerExchange): void {
    if (this.stream.buffered < this.#context.limits.maxPipelinedBytes) this.stream.post(body.mayBeWhole);
  }

  #onExchangeData(exchange: ServerExchange): void {
    const { body } = exchange;
    if (body.waiting) {
      this.#patience?.end(this.#context.sweep.now());
      body.onData();
      this.#deadlineMs = body.waiting ? this.#bodyDeadline(body) : Infinity;
    }
    if (!body.waiting) this.#watch(exchange);
  }

  #bodyDeadline(body: InboundBody): number {
    this.#patience ??= new Patience();
    return this.#patience.begin(this.#context.sweep.now(), this.#context.limits.bodyTimeoutMs, body.received);
  }

  onBodyWanted(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#deadlineMs = this.#bodyDeadline(exchange.body);
    if (exchange === undefined || !exchange.head.expectsContinue || this.#continued || exchange.started) return;
    this.#continued = true;
    this.stream.output.write(CONTINUE);
  }

  onBodyDone(): void {
    if (this.#phase !== "exchange") return;
    this.#deadlineMs = Infinity;
    if (!this.#dispatching) this.#watch(this.#exchange!);
  }

  /**
   * Answers what cannot be understood, and ends the connection: where the next request starts is not known.
   * @param head as far as it was taken off the stream; what is still on it is looked at otherwise
   */
  #refuse(error: HttpError, head?: string): void {
    this.#context.onError(error.code);
    const { buffer, start: from, end } = this.stream;
    const { maxHeadBytes } = this.#context.limits;
    const origin = this.#phase === "gather"
      ? fieldValue(this.#exchange!.head.fields, "origin")
      : originIn(head ?? (from < end ? decodeLatin1(buffer, from, Math.min(end, from + maxHeadBytes)) : ""));
    const { start, body } = this.#context.renderError(error, { remoteAddress: this.remoteAddress, origin });
    sendMessage(
      this.stream.output,
      formatResponseHead(start, { bodyLength: body.length, close: true, minorVersion: 1 }),
      body.length,
      body,
    );
    this.#linger();
  }

  // ---- answers out

  settleClose(exchange: ServerExchange, isOpenEnded: boolean): boolean {
    return this.#endsWithExchange = isOpenEnded || this.#cannotGoOn(exchange);
  }

  #cannotGoOn({ head, body }: ServerExchange): boolean {
    const { stream } = this;
    if (!head.keepAlive || this.#context.draining || body.failed) return true;
    if (body.done) return stream.ended && stream.buffered === 0;
    // RFC 9110 §10.1.1: a client that was not told to continue may send its body or not; nobody can know.
    if (head.expectsContinue && !this.#continued && stream.buffered === 0) return true;
    // Behind what a half-closed client has sent of it the next request may lie; of one in chunks only reading tells.
    if (stream.ended) return stream.buffered === 0 || (body.left !== Infinity && body.left >= stream.buffered);
    return body.left !== Infinity && body.left - stream.buffered > DRAIN_BYTES;
  }

  onResponseSent(): void {
    const exchange = this.#exchange;
    if (this.#phase !== "exchange" || exchange === undefined) return;
    this.#probe?.stop();
    if (this.#endsWithExchange) return this.#linger();
    if (exchange.body.done) return this.#next();
    this.#phase = "drain";
    this.#budget = DRAIN_BYTES;
    this.#deadlineMs = this.#after(this.#context.limits.bodyTimeoutMs);
    exchange.body.detach();
    // It has had its answer: whoever goes now has missed nothing.
    exchange.watcher = undefined;
    this.stream.release();
    this.#drain(exchange);
  }

  /** Reads and drops the rest of a request body that nobody wanted. */
  #drain(exchange: ServerExchange): void {
    this.#budget -= exchange.body.discard();
    if (exchange.body.done) return this.#next();
    if (this.#budget < 0 || exchange.body.failed || this.stream.ended) return this.#linger();
    this.stream.post();
  }

  #next(): void {
    const { stream } = this;
    stream.release();
    this.#exchange = undefined;
    this.#headCharge.release();
    if (stream.buffered === 0 && (stream.ended || this.#context.draining)) return this.#linger();
    this.#served = true;
    this.#phase = "idle";
    this.#sinceMs = this.#context.sweep.now();
    this.#deadlineMs = this.#sinceMs + this.#context.limits.idleTimeoutMs;
    if (stream.buffered > 0) this.#onHeadData();
    else stream.post();
  }

  // ---- ends

  onEnd(): void {
    const exchange = this.#exchange;
    if (this.#phase !== "exchange" || exchange === undefined) return this.leave();
    const { body } = exchange;
    const incomplete = body.waiting || (body.left !== Infinity && body.left > this.stream.buffered);
    // TLS has no half-close that HTTP clients use: its end is a farewell.
    if (incomplete || exchange.streaming || this.secure) return this.#gone();
    this.#probeClient(exchange);
  }

  #probeClient(exchange: ServerExchange): void {
    this.#probe?.stop();
    this.#probe = new ClientProbe(this.stream.output, () => exchange.head.minorVersion === 1 && !exchange.started);
    this.#probe.begin();
  }

  onReadFailed(cause: unknown): void {
    if (this.secure && this.fresh) this.#context.onTlsFault(cause, this.remoteAddress);
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

  cut(exchange: ServerExchange): void {
    if (this.#exchange !== exchange || this.#phase === "closed") return;
    exchange.watcher = undefined;
    this.#gone();
  }

  close(): void {
    this.#gone();
  }

  leave(): void {
    if (!this.stream.output.writing) this.#gone();
    else if (this.#phase !== "linger") this.#linger();
  }

  /** RFC 9112 §9.6: the write side first, the rest when the client has closed too, so that no reset eats the answer. */
  #linger(): void {
    const { stream } = this;
    this.#phase = "linger";
    this.#exchange = undefined;
    this.#headCharge.release();
    this.#probe?.stop();
    this.#budget = LINGER_BYTES;
    this.#deadlineMs = this.#after(LINGER_MS);
    stream.release();
    stream.output.end().then(() => {
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
    this.#headCharge.release();
    this.#memo?.forget();
    this.#probe?.stop();
    this.stream.close();
    this.#context.onClosed(this);
  }

  onSweep(nowMs: number): void {
    if (this.#memo?.fade()) this.#memo = undefined;
    if (this.stream.starved) this.stream.post();
    if (this.stream.output.stalled(nowMs, this.#context.limits.writeTimeoutMs)) this.#gone();
    else if (nowMs >= this.#deadlineMs) this.#onDeadline();
  }

  #onDeadline(): void {
    this.#deadlineMs = Infinity;
    const error = new HttpError("request_timeout", "reading a request: found no end of it in time");
    if (this.#phase === "head" || this.#phase === "gather") return this.#refuse(error);
    if (this.#phase === "exchange") {
      this.#context.onError(error.code);
      return this.#exchange?.body.fail(error);
    }
    if (this.#phase === "drain") return this.#linger();
    if (!this.stream.output.writing) return this.#shut();
    // An answer that has not gone out has a time-out of its own.
    this.#deadlineMs = this.#after(this.#phase === "idle" ? this.#context.limits.idleTimeoutMs : LINGER_MS);
  }
}
