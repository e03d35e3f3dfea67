// A request to an HTTP server whose answer may have to be looked at before it is one: it can be cut at any time.
import type { SessionAnswer, SessionCall } from "../../session/lost_session.ts";
import { type Call, type ClientResponse, HttpError } from "../../http1/types.ts";

/** Looks at what is no plain success. */
export type Examine = (response: ClientResponse, call: HttpCall) => Promise<SessionAnswer>;

export class HttpCall implements SessionCall {
  readonly response: Promise<SessionAnswer>;
  #under: Call;
  #cut: ((error: HttpError) => void) | undefined;
  #aborted = false;

  constructor(call: Call, examine: Examine) {
    this.#under = call;
    this.response = call.response.then((response) => response.head.status < 300 ? response : examine(response, this));
  }

  abort(): void {
    this.#aborted = true;
    this.#under.abort();
    this.#cut?.(aborted());
  }

  /** Goes on with another request in place of the first. @throws HttpError */
  instead(call: Call): Promise<ClientResponse> {
    this.#under = call;
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
