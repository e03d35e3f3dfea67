// A request under way and its response, as the pool's user holds them. RFC 9110 §9.2.2 (what may be sent twice).
import { tellLater } from "../call_of.ts";
import {
  type BodyReader,
  type Call,
  type CallListener,
  type ClientRequestHead,
  type ClientResponse,
  HttpError,
  type ResponseHead,
} from "../types.ts";
import { BytesBody } from "../wire/bodies/bytes_body.ts";
import { madeHead } from "../wire/heads/head.ts";
import type { Head } from "../wire/ready_head.ts";
import type { Bytes } from "../wire/streams/borrowed.ts";
import type { SentHeads } from "./sent_heads.ts";

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "TRACE"]);
/** RFC 9110 §8.6: with these a request without a body says so. */
const ANNOUNCES_NO_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

const ANSWERED: ClientRequestHead = { method: "", target: "", fields: [] };

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

/** In place of a head that is not there yet, or has been forgotten. */
const NO_HEAD: ResponseHead = madeHead(0, [], 0);
const NO_BODY: BodyReader = new BytesBody(new Uint8Array(0));

/** What has become of a call of which nothing has. */
const PENDING = Symbol("pending");
/** Its answer is there, and being judged. */
const JUDGED = Symbol("judged");

/** It has failed: with whatever it was, this is no answer. */
class Failure {
  readonly error: HttpError;

  constructor(error: HttpError) {
    this.error = error;
  }
}

/** What few calls have. */
class Seldom {
  waitUntilMs = Infinity;
  retries = 0;
  promise: PromiseWithResolvers<unknown> | undefined = undefined;
}

/**
 * A call, and what the server says to it: one object for both, whoever holds which. Kinds of calls differ in what they
 * make of it. 12 fields (112 bytes on JavaScriptCore) at most with those of `HttpCall`: the next belongs into
 * {@link Seldom}.
 */
export class PoolCall<Answer = unknown, Request extends ClientRequestHead = ClientRequestHead>
  implements Call<Answer>, ClientResponse {
  /** Gone, with its head and body, once there is an answer: streams live long. */
  request: ClientRequestHead;
  requestHead: Head;
  requestBody: Bytes | undefined;
  /** The response's, once there is one. */
  head: ResponseHead = NO_HEAD;
  body: BodyReader = NO_BODY;
  /** Where it was sent; undefined while it waits. */
  connection: CallCarrier | undefined = undefined;
  readonly #queue: CallQueue;
  #listener: CallListener<Answer> | undefined = undefined;
  #outcome: Answer | Promise<Answer> | Failure | typeof PENDING | typeof JUDGED = PENDING;
  #seldom: Seldom | undefined = undefined;

  /** To be handed to `Pool.carry`. @throws TypeError if the request cannot be sent as it is */
  constructor(queue: CallQueue, request: Request, body: Bytes | undefined) {
    this.#queue = queue;
    this.request = request;
    this.requestBody = body;
    const length = body?.length ?? (ANNOUNCES_NO_BODY.has(request.method) ? 0 : undefined);
    this.requestHead = queue.heads.format(request, length);
  }

  /** What the call is answered with: its response, which is the call itself. Must not throw; what it promises may be broken. */
  protected judge(_sent: Request, _body: Bytes | undefined): Answer | Promise<Answer> {
    return this as ClientResponse as Answer;
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  /** When it stops waiting for a connection, ms. */
  get waitUntilMs(): number {
    return this.#seldom?.waitUntilMs ?? Infinity;
  }

  set waitUntilMs(untilMs: number) {
    this.#ensureSeldom().waitUntilMs = untilMs;
  }

  /** How often it has been sent again. */
  get retries(): number {
    return this.#seldom?.retries ?? 0;
  }

  set retries(count: number) {
    this.#ensureSeldom().retries = count;
  }

  get settled(): boolean {
    return this.#outcome !== PENDING;
  }

  /** Made for whoever asks for it: a call that has a listener needs none. */
  get response(): Promise<Answer> {
    const seldom = this.#ensureSeldom();
    if (seldom.promise === undefined) {
      seldom.promise = Promise.withResolvers<unknown>();
      if (this.settled && this.#outcome !== JUDGED) this.#settle(seldom.promise);
    }
    return seldom.promise.promise as Promise<Answer>;
  }

  tell(listener: CallListener<Answer>): void {
    if (this.settled) tellLater(this.response, listener);
    else this.#listener = listener;
  }

  #settle({ resolve, reject, promise }: PromiseWithResolvers<unknown>): void {
    if (!(this.#outcome instanceof Failure)) return resolve(this.#outcome);
    // Whoever made the call may not be listening any more; that is no reason to end the process.
    promise.catch(() => {});
    reject(this.#outcome.error);
  }

  get idempotent(): boolean {
    return IDEMPOTENT.has(this.request.method);
  }

  /** @param writing whether nobody has said yet that the request has gone out: most often that is said in the next turn */
  resolve(head: ResponseHead, body: BodyReader, writing: boolean): void {
    const sent = this.request as Request;
    const sentBody = this.requestBody;
    this.#forgetRequest();
    this.head = head;
    this.body = body;
    this.#outcome = JUDGED;
    const answer = this.#outcome = this.judge(sent, sentBody);
    if (this.#seldom?.promise !== undefined) this.#settle(this.#seldom.promise);
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    if (!writing && !(answer instanceof Promise)) return listener.onAnswer(answer);
    tellLater(Promise.resolve(answer), listener);
  }

  /** Whoever made the call may keep it for long. */
  #forgetRequest(): void {
    this.request = ANSWERED;
    this.requestHead = "";
    this.requestBody = undefined;
  }

  fail(error: HttpError): void {
    if (this.settled) return;
    this.#outcome = new Failure(error);
    this.#forgetRequest();
    if (this.#seldom?.promise !== undefined) this.#settle(this.#seldom.promise);
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

  // ---- its response

  forgetHead(): void {
    this.head = NO_HEAD;
  }

  release(): void {
    const { connection } = this;
    this.connection = undefined;
    connection?.release(this);
  }
}
