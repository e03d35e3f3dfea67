// A request to an HTTP server whose answer may have to be looked at before it is one: it can be cut at any time. One that
// may open a session is heard for a while all the same, up to its answer's head: whoever sent it ends what it has opened.
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Pool } from "../../http1/client/pool.ts";
import { PoolCall } from "../../http1/client/pool_call.ts";
import { type Call, type ClientRequest, type ClientResponse, HttpError } from "../../http1/types.ts";
import { OwnedTimer, type Timers } from "../../platform/time/timers.ts";
import type { SessionAnswer, SessionCall } from "../../session/lost_session.ts";

/** A request as it went out, and the session it went out in. */
export interface Sent extends ClientRequest {
  readonly upstreamSessionId: UpstreamSessionId | undefined;
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

export class HttpCall extends PoolCall<SessionAnswer, Sent> implements SessionCall {
  readonly #options: HttpCallOptions;
  #patience: OwnedTimer | undefined;
  /** What was sent in its place. */
  #instead: Call<unknown> | undefined;
  #cut: ((error: HttpError) => void) | undefined;
  #aborted = false;

  /** Sends it. @throws TypeError as the pool */
  constructor(pool: Pool, sent: Sent, options: HttpCallOptions) {
    super(pool, sent);
    this.#options = options;
    pool.carry(this);
  }

  protected override judge(sent: Sent): SessionAnswer | Promise<SessionAnswer> {
    return this.head.status < 300 ? this : this.#options.examine(sent, this, this);
  }

  override abort(): void {
    const { hearing } = this.#options;
    if (hearing === undefined) this.#abort();
    else if (this.#patience === undefined) this.#abortOnceHeard(hearing);
  }

  #abortOnceHeard({ ms, timers }: Hearing): void {
    const patience = this.#patience = new OwnedTimer(timers);
    patience.set(ms, () => this.#abort());
    // With the answer's head it is known what was opened: of a body that may never end nobody wants anything.
    const end = () => {
      patience.close();
      this.#abort();
    };
    this.response.then(end, end);
  }

  #abort(): void {
    this.#aborted = true;
    if (this.#instead === undefined) super.abort();
    else this.#instead.abort();
    this.#cut?.(aborted());
  }

  /** Goes on with another request in place of the first. @throws HttpError */
  instead(call: Call): Promise<ClientResponse> {
    this.#instead = call;
    if (this.#aborted) call.abort();
    return call.response;
  }

  /** Waits for what others may wait for too. @throws HttpError `aborted` as soon as this call is */
  waitFor<T>(shared: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#cut = reject;
      if (this.#aborted) reject(aborted());
      shared.then(resolve, reject);
    });
  }
}

function aborted(): HttpError {
  return new HttpError("aborted", "looking at an answer: the request was cut");
}
