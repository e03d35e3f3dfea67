// One connection to an upstream: a request out, its answer in, then the next. RFC 9112 §6.3, §9.3, §9.5.
// While idle a read stays posted, so that the upstream's close is noticed before the next request, not by it.
import type { Socket } from "../../platform/sockets/socket.ts";
import { HttpError, type ResponseHead } from "../types.ts";
import { type BodyBounds, type BodyHost, InboundBody } from "../wire/bodies/inbound_body.ts";
import { sendMessage } from "../wire/bodies/text_writing.ts";
import { parseResponseHead, varyResponse } from "../wire/heads/head.ts";
import { HeadMemo } from "../wire/heads/head_memo.ts";
import { HeadFinder } from "../wire/heads/head_reader.ts";
import { RESPONSE_BUFFER } from "../wire/streams/buffers.ts";
import { ByteStream, type StreamOwner } from "../wire/streams/byte_stream.ts";
import type { ClientContext, PooledConnection } from "./client_context.ts";
import type { CallCarrier, PoolCall } from "./pool_call.ts";

type Phase = "idle" | "head" | "body" | "closed";

const EMPTY = new Uint8Array(0);
/** Whoever reads one bounds it. */
const ANSWER: BodyBounds = { side: "response", maxBytes: Infinity };
/** More interim responses than this make no sense and would let an upstream hold a call for ever. */
const MAX_INTERIM = 16;
/** RFC 9112 §9.5: the upstream may close at the very moment we write; keeping away from its limit makes that rare. */
const KEEP_ALIVE_MARGIN_MS = 1000;

export class ClientConnection implements PooledConnection, CallCarrier, StreamOwner, BodyHost {
  readonly stream: ByteStream;
  readonly #context: ClientContext;
  readonly #finder: HeadFinder;
  /** While answers come: see `HeadMemo.fade`. */
  #memo: HeadMemo<ResponseHead> | undefined;
  #phase: Phase = "idle";
  #call: PoolCall | undefined;
  #body: InboundBody | undefined;
  #uses = 0;
  #deadlineMs = Infinity;
  #keepAlive = true;
  /** Whether the answer is taken in turns: while its last bytes are, what comes behind it is looked for. */
  #inTurns = false;
  #interim = 0;
  #answered = false;
  #writtenBefore = 0;
  /** Whether the first write of the call failed: no byte of it has left. */
  #unsent = false;
  #idleMs: number;
  #look: ReturnType<typeof setTimeout> | undefined;

  constructor(context: ClientContext, socket: Socket) {
    this.#context = context;
    this.#idleMs = context.limits.idleTimeoutMs;
    this.#finder = new HeadFinder("response", context.limits.maxHeadBytes);
    const { traffic, account } = context;
    this.stream = new ByteStream(socket, this, { traffic, account, restBytes: RESPONSE_BUFFER, claim: "answer" });
  }

  isUsable(nowMs: number): boolean {
    // What has come unasked would be taken for the next call's answer.
    return this.#phase === "idle" && !this.stream.ended && !this.stream.hasEarly &&
      (this.#uses === 0 || nowMs < this.#deadlineMs);
  }

  /** Offers a new connection to the pool. */
  rest(): void {
    this.#deadlineMs = this.#context.sweep.now() + Math.max(this.#idleMs, 0);
    this.#context.onIdle(this);
    if (this.#phase === "idle") this.stream.post();
  }

  // ---- the request out

  send(call: PoolCall, nowMs: number): void {
    const { stream } = this;
    this.#call = call;
    const { made } = call.request;
    if (made?.returns === true) made.carrier = this;
    this.#phase = "head";
    this.#context.lulls.asked();
    this.#uses++;
    this.#interim = 0;
    this.#answered = this.#unsent = this.#inTurns = false;
    this.#writtenBefore = stream.output.written;
    const { responseTimeoutMs } = this.#context.limits;
    this.#deadlineMs = responseTimeoutMs > 0 ? nowMs + responseTimeoutMs : Infinity;
    call.connection = this;
    if (this.#sendWhole(call)) stream.post();
  }

  /** @returns false if the body has been called back meanwhile, with the exchange it came in: the call has failed then */
  #sendWhole(call: PoolCall): boolean {
    try {
      const body = call.requestBody ?? EMPTY;
      sendMessage(this.stream.output, call.requestHead, body.length, body);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#fail(error);
      return false;
    }
    return true;
  }

  #arm(timeoutMs: number): void {
    this.#deadlineMs = timeoutMs > 0 ? this.#context.sweep.now() + timeoutMs : Infinity;
  }

  // ---- the answer in

  onData(): void {
    if (this.#phase === "head") this.#onHeadData();
    else if (this.#phase === "body") this.#onBodyData();
    // Nobody asked: whatever this is, the next answer cannot be told from it.
    else if (this.#phase === "idle") this.close();
  }

  #onHeadData(): void {
    const call = this.#call!;
    this.#answered = true;
    let head: ResponseHead | undefined;
    try {
      head = this.#takeFinalHead(call.request.method);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return this.#fail(error);
    }
    // Outside: whoever hears of it may have brought another call here by the time that he fails.
    if (head === undefined) this.stream.post();
    else this.#onHead(call, head);
  }

  /** @returns undefined if it has not arrived whole */
  #takeFinalHead(method: string): ResponseHead | undefined {
    for (;;) {
      const head = this.#takeHead(method);
      if (head === undefined || head.status >= 200) return head;
      if (++this.#interim > MAX_INTERIM) {
        throw new HttpError("upstream_invalid", `reading a response: found more than ${MAX_INTERIM} interim ones`);
      }
      if (this.stream.buffered === 0) return undefined;
    }
  }

  /** @returns undefined if it has not arrived whole */
  #takeHead(method: string): ResponseHead | undefined {
    // What answers HEAD has no body whatever it says: that is another meaning of the same bytes.
    const known = method === "HEAD" ? undefined : this.#finder.takeKnown(this.stream, this.#memo);
    if (known !== undefined) return known;
    const text = this.#finder.take(this.stream);
    if (text === undefined) return undefined;
    const { account, headLimits } = this.#context;
    const head = parseResponseHead(text, method, headLimits);
    if (method === "HEAD") return head;
    this.#memo ??= new HeadMemo(account, { changing: headLimits.changing, vary: varyResponse });
    this.#memo.keep(text, head);
    return head;
  }

  #onHead(call: PoolCall, head: ResponseHead): void {
    const { stream } = this;
    this.#phase = "body";
    this.#context.lulls.answered();
    this.#deadlineMs = Infinity;
    this.#keepAlive = head.keepAlive && this.#keepAliveTime(head);
    const body = this.#body = new InboundBody(this, head.bodyLength, ANSWER);
    if (body.done) stream.release();
    else if (body.left > stream.buffered) stream.post();
    call.resolve(head, body, stream.output.writing);
    if (this.#call !== call) return;
    this.#inTurns = true;
    if (body.done) stream.post(true);
  }

  /** @returns whether the upstream keeps the connection long enough to be of use */
  #keepAliveTime({ keepAliveSeconds }: ResponseHead): boolean {
    if (keepAliveSeconds === undefined) return true;
    this.#idleMs = Math.min(this.#context.limits.idleTimeoutMs, keepAliveSeconds * 1000 - KEEP_ALIVE_MARGIN_MS);
    return this.#idleMs > 0;
  }

  #onBodyData(): void {
    const body = this.#body!;
    if (!body.waiting) return;
    body.onData();
    if (body.waiting) this.#arm(this.#context.limits.bodyTimeoutMs);
    else this.#deadlineMs = Infinity;
  }

  onBodyWanted(): void {
    this.#arm(this.#context.limits.bodyTimeoutMs);
  }

  onBodyDone(): void {
    this.#deadlineMs = Infinity;
    // Whoever has it may be slow to pass it on: what the server does meanwhile has to be known by then.
    if (this.#inTurns) this.stream.post(true);
  }

  /** Ends the exchange of `call`: back to the pool if the next answer is sure to start where this one ended. */
  release(call: PoolCall): void {
    if (this.#call !== call || this.#phase !== "body") return;
    const { stream } = this;
    const body = this.#body!;
    if (!body.done && stream.buffered > 0) body.discard();
    // An answer that came early may leave half a request on the wire: what is sent next would be its other half.
    if (
      !body.done || stream.output.writing || !this.#keepAlive || stream.ended || this.#context.limits.idleTimeoutMs <= 0
    ) {
      return this.close();
    }
    stream.release();
    // Bytes beyond the answer: nobody asked for them.
    if (stream.buffered > 0) return this.close();
    body.detach();
    this.#call = undefined;
    this.#body = undefined;
    this.#phase = "idle";
    this.#deadlineMs = this.#context.sweep.now() + this.#idleMs;
    stream.post();
    this.#offerSoon();
  }

  /** To the next call, unless reading on has found the end already. */
  #offerSoon(): void {
    if (this.#phase !== "idle") return;
    // Nor may a further answer, of which nothing is seen yet, be another call's: what is here by now is read first.
    if (this.stream.full || this.stream.hasEarly) this.#offerLater();
    else this.#context.onIdle(this);
  }

  #offerLater(): void {
    this.#look = setTimeout(() => this.#offer(), 0);
  }

  #offer(): void {
    this.#look = undefined;
    if (this.#phase !== "idle") return;
    if (this.stream.hasEarly) this.#offerLater();
    else this.#context.onIdle(this);
  }

  // ---- ends

  onEnd(): void {
    if (this.#phase === "idle") this.close();
    else if (this.#phase === "head") this.#lose(undefined);
    else if (this.#phase === "body") {
      const body = this.#body!;
      if (body.done || body.onEnd() || !body.waiting) return;
      body.fail(
        new HttpError("upstream_closed", "reading an answer: the upstream closed the connection in the middle of it"),
      );
    }
  }

  onReadFailed(cause: unknown): void {
    if (this.#phase === "idle") this.close();
    else if (this.#phase === "head") this.#lose(cause);
    else if (this.#phase === "body") {
      const body = this.#body!;
      this.#keepAlive = false;
      if (body.left <= this.stream.buffered) return;
      body.fail(
        new HttpError("upstream_closed", "reading an answer: the connection broke in the middle of it", { cause }),
      );
    }
  }

  /** The answer may be on its way all the same (an early 413, say): reading decides what becomes of the call. */
  onWriteFailed(_cause: unknown): void {
    if (this.#phase === "idle") return this.close();
    this.#keepAlive = false;
    this.#unsent = this.#context.plain && this.stream.output.written === this.#writtenBefore;
    if (this.#unsent && this.#phase === "head") this.#lose(_cause);
  }

  /** The connection ended before a whole response head. */
  #lose(cause: unknown): void {
    const call = this.#call!;
    const how = { unsent: this.#unsent, reused: this.#uses > 1 };
    const untouched = !this.#answered;
    this.#call = undefined;
    this.close();
    if (untouched && this.#context.retry(call, how)) return;
    const message = untouched ? "the upstream closed the connection without an answer" : "the response head is cut off";
    call.fail(new HttpError("upstream_closed", message, { cause, unsent: how.unsent }));
  }

  #fail(error: HttpError): void {
    const call = this.#call;
    const body = this.#body;
    this.#call = undefined;
    this.close();
    body?.fail(error);
    call?.fail(error);
  }

  abort(call: PoolCall, error: HttpError): void {
    if (this.#call === call) this.#fail(error);
  }

  shut(error: HttpError): void {
    this.#fail(error);
  }

  close(): void {
    if (this.#phase === "closed") return;
    if (this.#phase === "head") this.#context.lulls.answered();
    this.#phase = "closed";
    this.#call = undefined;
    clearTimeout(this.#look);
    this.#memo?.forget();
    this.stream.close();
    this.#context.onClosed(this);
  }

  onSweep(nowMs: number): void {
    const { writeTimeoutMs } = this.#context.limits;
    if (this.#memo?.fade()) this.#memo = undefined;
    if (this.stream.starved) this.stream.post();
    if (writeTimeoutMs > 0 && this.stream.output.stalled(nowMs, writeTimeoutMs)) {
      this.#fail(new HttpError("upstream_timeout", "sending a request: the upstream does not take it"));
    } else if (nowMs >= this.#deadlineMs) this.#onDeadline();
  }

  #onDeadline(): void {
    if (this.#phase === "idle") return this.close();
    const what = this.#phase === "head" ? "no response head came in time" : "the response body paused for too long";
    this.#fail(new HttpError("upstream_timeout", what));
  }
}
