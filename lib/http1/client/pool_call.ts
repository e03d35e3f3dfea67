// A request under way and its response, as the pool's user holds them. RFC 9110 §9.2.2 (what may be sent twice).
import type { SentHeads } from "./sent_heads.ts";
import type { Head } from "../wire/ready_head.ts";
import {
  type BodyReader,
  type Call,
  type ClientRequest,
  type ClientResponse,
  HttpError,
  type ResponseHead,
} from "../types.ts";

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
  /** Takes a call out that waits for a connection. */
  withdraw(call: PoolCall): void;
}

/** Makes of a response what the call is answered with. Must not throw; what it promises may be broken. */
export type Judge = (response: ClientResponse) => unknown;

export interface CallOptions {
  readonly heads: SentHeads;
  /** Default: the response is the answer. */
  readonly judge?: Judge | undefined;
}

export class PoolCall implements Call<unknown> {
  readonly response: Promise<unknown>;
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
  #resolve: ((answer: unknown) => void) | undefined;
  #reject: ((error: HttpError) => void) | undefined;

  /** @throws TypeError if the request cannot be sent as it is */
  constructor(queue: CallQueue, request: ClientRequest, { heads, judge }: CallOptions) {
    this.#queue = queue;
    this.#judge = judge;
    this.request = request;
    const length = request.body?.length ?? (ANNOUNCES_NO_BODY.has(request.method) ? 0 : undefined);
    this.head = heads.format(request, length);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get idempotent(): boolean {
    return IDEMPOTENT.has(this.request.method);
  }

  resolve(head: ResponseHead, body: BodyReader): void {
    this.settled = true;
    this.request = ANSWERED;
    this.head = "";
    const response = new PoolResponse(this, head, body);
    this.#resolve!(this.#judge === undefined ? response : this.#judge(response));
    this.#resolve = this.#reject = this.#judge = undefined;
  }

  fail(error: HttpError): void {
    if (this.settled) return;
    this.settled = true;
    // Whoever made the call may keep it for long: nothing of the request stays with it.
    this.request = ANSWERED;
    this.head = "";
    // Whoever made the call may not be listening any more; that is no reason to end the process.
    this.response.catch(() => {});
    this.#reject!(error);
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

class PoolResponse implements ClientResponse {
  readonly head: ResponseHead;
  readonly body: BodyReader;
  readonly #call: PoolCall;

  constructor(call: PoolCall, head: ResponseHead, body: BodyReader) {
    this.#call = call;
    this.head = head;
    this.body = body;
  }

  release(): void {
    const { connection } = this.#call;
    this.#call.connection = undefined;
    connection?.release(this.#call);
  }
}
