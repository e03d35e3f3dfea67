// A request to an HTTP server whose answer may have to be looked at before it is one: it can be cut at any time. One that
// may open a session is heard for a while all the same, up to its answer's head: whoever sent it ends what it has opened.
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Pool } from "../../http1/client/pool.ts";
import { PoolCall } from "../../http1/client/pool_call.ts";
import { type Call, type ClientRequestHead, type ClientResponse, HttpError } from "../../http1/types.ts";
import type { Bytes } from "../../http1/wire/streams/borrowed.ts";
import { OwnedTimer, type Timers } from "../../platform/time/timers.ts";
import type { SessionAnswer, SessionCall } from "../../session/lost_session.ts";

/** A request's head as it went out, and the session it went out in: one for all that differ in their bodies alone. */
export interface SentHead extends ClientRequestHead {
  readonly upstreamSessionId: UpstreamSessionId | undefined;
}

/** The whole request. */
export interface Sent extends SentHead {
  readonly body: Bytes | undefined;
}

/** Looks at what is no plain success. */
export type Examine = (sent: Sent, response: ClientResponse, call: HttpCall) => Promise<SessionAnswer>;

/** For how long the head of an answer to a call that is aborted is heard all the same, ms. */
export interface Hearing {
  readonly ms: number;
  readonly timers: Timers;
}

export interface HttpCallOptions {
  readonly examine: Examine;
  /** Undefined: not at all. */
  readonly hearing?: Hearing | undefined;
}

/** What few calls have. */
class Seldom {
  patience: OwnedTimer | undefined = undefined;
  /** What was sent in its place. */
  instead: Call<unknown> | undefined = undefined;
  cut: ((error: HttpError) => void) | undefined = undefined;
  aborted = false;
}

/** Two fields, no more: see `PoolCall`. */
export class HttpCall extends PoolCall<SessionAnswer, SentHead> implements SessionCall {
  readonly #options: HttpCallOptions;
  #seldom: Seldom | undefined = undefined;

  /** Sends it. @throws TypeError as the pool */
  constructor(pool: Pool, head: SentHead, body: Bytes | undefined, options: HttpCallOptions) {
    super(pool, head, body);
    this.#options = options;
    pool.carry(this);
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  protected override judge(head: SentHead, body: Bytes | undefined): SessionAnswer | Promise<SessionAnswer> {
    return this.head.status < 300 ? this : this.#options.examine({ ...head, body }, this, this);
  }

  override abort(): void {
    const { hearing } = this.#options;
    if (hearing === undefined) this.#abort();
    else if (this.#seldom?.patience === undefined) this.#abortOnceHeard(hearing);
  }

  #abortOnceHeard({ ms, timers }: Hearing): void {
    const patience = this.#ensureSeldom().patience = new OwnedTimer(timers);
    patience.set(ms, () => this.#abort());
    // With the answer's head it is known what was opened: of a body that may never end nobody wants anything.
    const end = () => {
      patience.close();
      this.#abort();
    };
    this.response.then(end, end);
  }

  #abort(): void {
    const seldom = this.#ensureSeldom();
    seldom.aborted = true;
    if (seldom.instead === undefined) super.abort();
    else seldom.instead.abort();
    seldom.cut?.(aborted());
  }

  /** Goes on with another request in place of the first. @throws HttpError */
  instead(call: Call): Promise<ClientResponse> {
    const seldom = this.#ensureSeldom();
    seldom.instead = call;
    if (seldom.aborted) call.abort();
    return call.response;
  }

  /** Waits for what others may wait for too. @throws HttpError `aborted` as soon as this call is */
  waitFor<T>(shared: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const seldom = this.#ensureSeldom();
      seldom.cut = reject;
      if (seldom.aborted) reject(aborted());
      shared.then(resolve, reject);
    });
  }
}

function aborted(): HttpError {
  return new HttpError("aborted", "looking at an answer: the request was cut");
}
