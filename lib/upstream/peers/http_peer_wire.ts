// What goes to an HTTP server: one message a POST, GET for a stream, DELETE for a session's end, each with the fields that
// Streamable HTTP asks for, and with those of a client that this server may see (MCP 2025-11-25, Transports).
import { callOf } from "../../http1/call_of.ts";
import { type FieldList, type Fields, HttpError } from "../../http1/types.ts";
import { NOTHING_TO_END } from "../../mcp/lost_session.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../../session/lost_session.ts";
import { peerFields } from "../peer_fields.ts";
import { sessionNamed } from "../session_named.ts";
import type { UpstreamRequest } from "../upstream.ts";
import type { HttpPeerParts } from "./http_peer_parts.ts";
import type { PeerSession } from "./peer_session.ts";

/** In which session, and with which of the client's fields. */
export interface Sender {
  readonly session: PeerSession;
  readonly fields: Fields;
}

/** Failures of the server: one that takes long over an answer is no reason to keep other requests from it (A6). */
const OF_THE_SERVER: ReadonlySet<string> = new Set(["connect_failed", "connect_timeout"]);

export class PeerWire {
  readonly #parts: HttpPeerParts;

  constructor(parts: HttpPeerParts) {
    this.#parts = parts;
  }

  /** Those of a client's fields that go to this server; a copy. */
  fieldsOf(fields: Fields): FieldList {
    return peerFields(this.#parts.fieldsOf(fields));
  }

  post(text: Uint8Array, by: Sender): SessionCall {
    const about = ["content-type", "application/json", "accept", "application/json, text/event-stream"];
    return this.#send({ method: "POST", body: text }, about, by);
  }

  /** A stream: the server's own, or what came behind an event. */
  get(lastEventId: string | undefined, by: Sender): SessionCall {
    const resumes = lastEventId === undefined ? [] : ["last-event-id", lastEventId];
    return this.#send({ method: "GET", body: undefined }, ["accept", "text/event-stream", ...resumes], by);
  }

  /**
   * Tells the server that a session ends, in bounded time.
   * @returns why it could not be told; undefined if there is none any more
   */
  async endSession(session: PeerSession, fields: Fields): Promise<string | undefined> {
    const { timers, limits } = this.#parts;
    const call = this.#send({ method: "DELETE", body: undefined }, [], { session, fields });
    const stop = timers.after(limits.endTimeoutMs, () => call.abort());
    try {
      return endedBy(await call.response);
    } catch (error) {
      return error instanceof HttpError && error.code === "aborted" ? "no answer" : "not reached";
    } finally {
      stop();
    }
  }

  #send(what: Pick<UpstreamRequest, "method" | "body">, about: Fields, { session, fields }: Sender): SessionCall {
    const { upstream, caller, session: tag, breaker } = this.#parts;
    const version = session.version === "" ? [] : ["mcp-protocol-version", session.version];
    try {
      breaker.assertClosed();
      const call = upstream.send({
        ...what,
        query: "",
        fields: [...about, "accept-encoding", "identity", ...version, ...fields],
        upstreamSessionId: session.id,
        caller,
        session: sessionNamed(tag),
      });
      void call.response.then(this.#reached, this.#missed);
      return call;
    } catch (error) {
      return callOf(Promise.reject(error));
    }
  }

  readonly #reached = (): void => this.#parts.breaker.succeed();

  readonly #missed = (error: unknown): void => {
    if (error instanceof HttpError && OF_THE_SERVER.has(error.code)) this.#parts.breaker.fail(error);
  };
}

/** Whether a session has ended, by the answer to DELETE; else why not. The answer is released. */
function endedBy(answer: SessionAnswer): string | undefined {
  answer.release();
  if (answer instanceof LostSession) return undefined;
  const { status } = answer.head;
  return (status >= 200 && status < 300) || NOTHING_TO_END.has(status) ? undefined : `status ${status}`;
}
