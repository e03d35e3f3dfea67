// A request under way and its response, as the pool's user holds them. RFC 9110 §9.2.2 (what may be sent twice).
import { tellLater } from "../call_of.ts";
import {
  type BodyReader,
  type Call,
  type CallListener,
  type ClientRequest,
  type ClientResponse,
  HttpError,
  type ResponseHead,
} from "../types.ts";
import type { Head } from "../wire/ready_head.ts";
import type { SentHeads } from "./sent_heads.ts";

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "TRACE"]);
/** RFC 9110 §8.6: with these a request without a body says so. */
const ANNOUNCES_NO_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

const ANSWERED: ClientRequest = { method: "", target: "", fields: [] };

/** The connection a call is on. Neither does anything once the connection is another call's. */
export interface CallCarrier {
  /** Ends the exchange: back to the pool, or closed. */
  release(call: PoolCall): void;
  /** Closes the connection; the call fails with `error`. */
  abort(call: PoolCall, error: HttpError): void;
}

/** What a call needs of its pool. */
export interface CallQueue {
  readonly heads: SentHeads;
  /** Takes a call out that waits for a connection. */
  withdraw(call: PoolCall): void;
}

/** Whoever is asked what a call is answered with. */
export interface Judge<Answer = unknown> {
  /** Makes it of the response. Must not throw; what it promises may be broken. */
  judge(response: ClientResponse): Answer | Promise<Answer>;
}

export class PoolCall implements Call<unknown> {
  /** Gone, with its head, once there is an answer: streams live long. */
  request: ClientRequest;
  head: Head;
  /** Where it was sent; undefined while it waits. */
  connection: CallCarrier | undefined = undefined;
  /** When it stops waiting for a connection, ms. */
  waitUntilMs = Infinity;
  retries = 0;
  settled = false;
  readonly #queue: CallQueue;
  #judge: Judge | undefined;
  #listener: CallListener<unknown> | undefined;
  /** Made for whoever asks for it: a call that has a listener needs none. */
  #promise: PromiseWithResolvers<unknown> | undefined;
  #answer: unknown;
  #failure: HttpError | undefined;

  /** @param judge default: the response is the answer @throws TypeError if the request cannot be sent as it is */
  constructor(queue: CallQueue, request: ClientRequest, judge?: Judge) {
    this.#queue = queue;
    this.#judge = judge;
    this.request = request;
    const length = request.body?.length ?? (ANNOUNCES_NO_BODY.has(request.method) ? 0 : undefined);
    this.head = queue.heads.format(request, length);
  }

  get response(): Promise<unknown> {
    if (this.#promise === undefined) {
      this.#promise = Promise.withResolvers<unknown>();
      if (this.settled) this.#settle(this.#promise);
    }
    return this.#promise.promise;
  }

  tell(listener: CallListener<unknown>): void {
    if (this.settled) tellLater(this.response, listener);
    else this.#listener = listener;
  }

  #settle({ resolve, reject, promise }: PromiseWithResolvers<unknown>): void {
    if (this.#failure === undefined) return resolve(this.#answer);
    // Whoever made the call may not be listening any more; that is no reason to end the process.
    promise.catch(() => {});
    reject(this.#failure);
  }

  get idempotent(): boolean {
    return IDEMPOTENT.has(this.request.method);
  }

  /** @param writing whether nobody has said yet that the request has gone out: most often that is said in the next turn */
  resolve(head: ResponseHead, body: BodyReader, writing: boolean): void {
    this.settled = true;
    this.request = ANSWERED;
    this.head = "";
    const response = new PoolResponse(this, head, body);
    const judge = this.#judge;
    this.#judge = undefined;
    const answer = this.#answer = judge === undefined ? response : judge.judge(response);
    if (this.#promise !== undefined) this.#settle(this.#promise);
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    if (!writing && !(answer instanceof Promise)) return listener.onAnswer(answer);
    tellLater(Promise.resolve(answer), listener);
  }

  fail(error: HttpError): void {
    if (this.settled) return;
    this.settled = true;
    // Whoever made the call may keep it for long: nothing of the request stays with it.
    this.request = ANSWERED;
    this.head = "";
    this.#failure = error;
    if (this.#promise !== undefined) this.#settle(this.#promise);
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    // Whoever has aborted it is in the middle of something.
    queueMicrotask(() => listener.onFailure(error));
  }

  abort(): void {
    const { connection } = this;
    if (connection !== undefined) {
      connection.abort(this, new HttpError("aborted", "sending a request: the call was aborted"));
    } else if (!this.settled) {
      this.#queue.withdraw(this);
      this.fail(new HttpError("aborted", "waiting for a connection: the call was aborted", { unsent: true }));
    }
  }
}

/** In place of a head that has been forgotten. */
const FORGOTTEN: ResponseHead = { status: 0, reason: "", minorVersion: 1, fields: [], bodyLength: 0, keepAlive: false };

class PoolResponse implements ClientResponse {
  head: ResponseHead;
  readonly body: BodyReader;
  readonly #call: PoolCall;

  constructor(call: PoolCall, head: ResponseHead, body: BodyReader) {
    this.#call = call;
    this.head = head;
    this.body = body;
  }

  forgetHead(): void {
    this.head = FORGOTTEN;
  }

  release(): void {
    const { connection } = this.#call;
    this.#call.connection = undefined;
    connection?.release(this.#call);
  }
}
