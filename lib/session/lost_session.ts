// The one outcome of a request that is no answer: its server does not know the session, and so has not run it (L4).
// Whoever answers with it vouches for that; whoever gets it may open the session again and send the request once more.
import type { Call, ClientResponse } from "../http1/types.ts";

export class LostSession {
  /** What the server said, if it said it in HTTP: an answer like any other, to be passed on or released. */
  readonly refusal: ClientResponse | undefined;

  constructor(refusal?: ClientResponse) {
    this.refusal = refusal;
  }

  release(): void {
    this.refusal?.release();
  }
}

/** What comes of a request: an answer to pass on, or word that the server does not know the session. */
export type SessionAnswer = ClientResponse | LostSession;

/** A request under way, as a call of `http1/` is; what it rejects with may be a SignetError, too. */
export type SessionCall = Call<SessionAnswer>;
