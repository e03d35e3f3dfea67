// One request on its way: what can cut it, and who cut it. The client can leave, the session can end, Signet can drain;
// whoever comes first closes the upstream's connection, and the rest finds out from here why.
import type { SessionAnswer, SessionCall } from "../../session/lost_session.ts";
import { type Exchange, HttpError } from "../../http1/types.ts";
import type { Caller } from "../../session/caller.ts";
import type { Active, EndReason } from "../../session/session.ts";

export class InFlight implements Active {
  readonly kind: "call" | "stream";
  /** Set when the session ended, or Signet drains, under the request. */
  endReason: EndReason | undefined = undefined;
  clientGone = false;
  /** When the caller's credential ends, in ms since the epoch; looked at for listening streams. */
  readonly provenUntilMs: number;
  #call: SessionCall | undefined = undefined;
  #stopWaiting: (() => void) | undefined = undefined;

  constructor(exchange: Exchange, { principal }: Caller) {
    this.provenUntilMs = principal.credentialExpiresAtMs ?? principal.expiresAtMs;
    this.kind = exchange.head.method === "GET" ? "stream" : "call";
    exchange.onAbort = () => {
      this.clientGone = true;
      this.#cut();
    };
    this.clientGone = exchange.aborted;
  }

  /** Whether there is nobody left to forward for. */
  get cut(): boolean {
    return this.clientGone || this.endReason !== undefined;
  }

  /** What comes of `call`, which from now on is the one that is cut. */
  answerOf(call: SessionCall): Promise<SessionAnswer> {
    this.#call = call;
    if (this.cut) call.abort();
    return call.response;
  }

  abort(reason: EndReason): void {
    this.endReason ??= reason;
    this.#cut();
  }

  /**
   * Waits for what others may wait for too, which goes on without this request when it is cut: then its place is free at
   * once, however long that takes (M1). @throws HttpError `aborted`; whatever `shared` rejects with
   */
  waitFor<T>(shared: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => reject(new HttpError("aborted", "the request was cut while it waited"));
      if (this.cut) this.#stopWaiting();
      shared.then(resolve, reject);
    });
  }

  #cut(): void {
    this.#call?.abort();
    this.#stopWaiting?.();
  }
}
