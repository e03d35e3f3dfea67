// One request to an HTTP server, from its POST to its response: as JSON, on the stream of the POST, or on what resumes it.
// Guarantees: exactly one of a reply and a fault, once, unless nobody waits any more; nothing is sent a second time but
// what the server has proven not to have run (L4); the POST of one call is nobody else's.
import type { Message } from "../../bridge/peer/peer.ts";
import {
  answerIn,
  isRpc,
  type JsonLine,
  messagesIn,
  NO_ANSWER,
  ownIdOf,
  readLine,
} from "../../bridge/peer/peer_line.ts";
import type { ByteAccount, Charge } from "../../http1/byte_account.ts";
import { type ClientResponse, type Fields, HttpError } from "../../http1/types.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { retryAfterMs } from "../../mcp/events/stream_retry.ts";
import { rewritten } from "../../mcp/json/json_text.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { OwnedTimer, Pause, type Timers } from "../../platform/time/timers.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../../session/lost_session.ts";
import { hear } from "../http/hear.ts";
import { readAtOnce, readMessages, type StreamPlace } from "./http_peer_answer.ts";
import { asRefusal, badAnswer, noAnswer, refusedWith, withoutSession } from "./http_peer_fault.ts";
import type { HttpPeerLimits } from "./http_peer_parts.ts";
import type { PeerSession } from "./peer_session.ts";

/** A POST that has been answered, and the session it was answered in. */
export interface Opened {
  readonly session: PeerSession;
  readonly response: ClientResponse;
}

/** Sends, unless nobody wants it any more, and keeps what was sent at hand to be cut. @throws HttpError `aborted` */
export type Track = (send: () => SessionCall) => Promise<SessionAnswer>;

/** Who waits for the response. */
export interface Waiter {
  readonly onReply: (reply: Message) => Promise<void> | undefined;
  readonly onFault: (error: unknown) => void;
}

export interface PeerCallOptions {
  readonly ownId: number;
  readonly waiter: Waiter;
  readonly limits: HttpPeerLimits;
  readonly account: ByteAccount;
  readonly timers: Timers;
  /** What is held while it is on its way; let go of when the POST is answered. */
  readonly charge: Charge;
  /** With which of the client's fields it was made. */
  readonly fields: Fields;
  readonly host: PeerCallHost;
}

/** What a call shares with all others of its server. */
export interface PeerCallHost {
  /** Asks for what comes behind an event. */
  resume(lastEventId: string, by: { readonly session: PeerSession; readonly fields: Fields }): SessionCall;
  /** A request or notification of the server's on the stream of the call `about`. */
  hear(message: Message, about: number): Promise<void> | undefined;
  discard(found: string): void;
  /**
   * The server's own stream, where some answer what they have only accepted: settles when nothing of `session` will come
   * on it any more; undefined if there is none.
   */
  elsewhere(session: PeerSession): Promise<void> | undefined;
}

/** After its response a stream is read for so long, in ms: whatever else was on its way, and the end of it. */
const LINGER_MS = 1000;

const encoder = new TextEncoder();

export class PeerCall {
  readonly #options: PeerCallOptions;
  readonly #place: StreamPlace = { eventId: undefined, retryMs: undefined };
  readonly #pause: Pause;
  #waiter: Waiter | undefined;
  #under: SessionCall | undefined;
  readonly #lingering: OwnedTimer;
  /** While the answer is to come on the server's own stream. */
  #awaited: PromiseWithResolvers<void> | undefined;
  /** What came there before the POST was answered. */
  #early: Message | undefined;
  #isPosted = false;
  #isStream = false;
  #session: PeerSession | undefined;
  #aborted = false;

  constructor(options: PeerCallOptions) {
    this.#options = options;
    this.#waiter = options.waiter;
    this.#pause = new Pause(options.timers);
    this.#lingering = new OwnedTimer(options.timers);
  }

  /** For whoever makes the POST of this call. */
  readonly track: Track = (send) => {
    if (this.#aborted) return Promise.reject(givenUp());
    this.#under = send();
    return this.#under.response;
  };

  /**
   * Settles when nothing of it is left. Never rejects.
   * @param opening the POST, made by `track`: nothing here holds its text, which is let go of with its answer (M6)
   */
  async run(opening: Promise<Opened>): Promise<void> {
    try {
      const { session, response } = await opening;
      this.#isPosted = true;
      this.#session = session;
      await this.#follow(session, response);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#options.charge.release();
      this.#lingering.close();
    }
  }

  /** Nobody waits any more. */
  forget(): void {
    this.#waiter = undefined;
  }

  /** Ends it, whatever it is doing: who waits hears of it. */
  abort(): void {
    this.#aborted = true;
    this.#under?.abort();
    this.#pause.close();
    this.#awaited?.resolve();
  }

  /** An answer with its id on the server's own stream: another's, unless it has been sent there. */
  takeElsewhere(value: JsonObject, line: Uint8Array): Promise<void> | undefined {
    const { charge, host } = this.#options;
    if (this.#awaited !== undefined && this.#waiter !== undefined) {
      const wait = this.#settle(value, line);
      this.#awaited.resolve();
      return wait;
    }
    // It may have overtaken the 202 that sends it there.
    const mayBeEarly = !this.#isPosted && this.#early === undefined && charge.resize(charge.bytes + line.length);
    if (!mayBeEarly) return void host.discard("an answer on a stream that carries none");
    this.#early = { value, line };
  }

  async #follow(session: PeerSession, response: ClientResponse): Promise<void> {
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined) this.#options.charge.release();
    if (response.head.status >= 300) return await this.#takeRefusal(session, response);
    if (response.head.status === 202 && early !== undefined && this.#waiter !== undefined) {
      response.release();
      return await this.#settle(early.value, early.line);
    }
    if (response.head.status === 202) return await this.#waitElsewhere(session, response);
    await (this.#readAtOnce(response) ?? this.#read(response));
    for (let inVain = 0; this.#waiter !== undefined && !this.#aborted;) {
      const { eventId } = this.#place;
      if (eventId === undefined || inVain > this.#options.limits.maxResumptions) throw noAnswer();
      await this.#resume(session, { eventId, inVain });
      inVain = this.#place.eventId === eventId ? inVain + 1 : 0;
    }
    if (this.#waiter !== undefined) throw givenUp();
  }

  /** docs/protocol.md 10: no answer of a server that has sessions, but some give it. */
  async #waitElsewhere(session: PeerSession, response: ClientResponse): Promise<void> {
    response.release();
    const over = this.#options.host.elsewhere(session);
    if (over === undefined) throw noAnswer();
    const awaited = this.#awaited = Promise.withResolvers<void>();
    void over.then(awaited.resolve);
    if (!this.#aborted) await awaited.promise;
    if (this.#waiter !== undefined) throw this.#aborted ? givenUp() : noAnswer();
  }

  /** @throws SignetError, HttpError where there will be no rest */
  async #resume(session: PeerSession, { eventId, inVain }: { eventId: string; inVain: number }): Promise<void> {
    const { limits: { retryMs, maxRetryMs }, host, fields } = this.#options;
    const wantedMs = this.#place.retryMs ?? retryMs;
    await this.#pause.wait(retryAfterMs({ wantedMs, mostMs: maxRetryMs }, inVain));
    if (this.#aborted || this.#waiter === undefined) return;
    try {
      const answer = await this.track(() => host.resume(eventId, { session, fields }));
      if (answer instanceof LostSession || answer.head.status >= 300 || !isEventStream(answer.head.fields)) {
        answer.release();
        throw noAnswer();
      }
      await this.#read(answer);
    } catch (error) {
      // It may be about to come back: that is what the attempts are for.
      if (!(error instanceof HttpError) || this.#aborted) throw error;
    }
  }

  /** @returns whether it could be, and what is to be waited for before anything else */
  #readAtOnce(response: ClientResponse): Promise<void> | true | undefined {
    const read = readAtOnce(response, this.#options.limits.maxMessageBytes);
    if (read === undefined) return undefined;
    if (!Array.isArray(read.value)) return this.#take(read.value === undefined ? undefined : read) ?? true;
    return this.#takeEach(read);
  }

  async #takeEach(read: JsonLine): Promise<void> {
    for (const one of messagesIn(read)) await this.#take(one);
  }

  async #read(response: ClientResponse): Promise<void> {
    this.#isStream = isEventStream(response.head.fields);
    const { limits: { maxMessageBytes: maxBytes }, account } = this.#options;
    const onMessage = (read: JsonLine | undefined) => this.#take(read);
    try {
      await readMessages(response, { maxBytes, account, place: this.#place, onMessage });
    } catch (error) {
      if (this.#waiter === undefined) return;
      const goesOn = error instanceof HttpError && error.code !== "no_room" && !this.#aborted;
      if (!goesOn || this.#place.eventId === undefined) throw error;
    }
  }

  /** A refusal in HTTP: it may hold the response all the same. */
  async #takeRefusal({ id }: PeerSession, response: ClientResponse): Promise<void> {
    const { status } = response.head;
    const { refusal, response: heard } = await hear(response, this.#options.timers);
    heard.release();
    const { text, cut } = refusal;
    const isAnswer = status !== 401 && status !== 403 && text !== undefined && !cut &&
      (id === undefined || !text.includes(id));
    const read = isAnswer ? readLine(encoder.encode(text)) : undefined;
    if (read === undefined || !isRpc(read.value) || !this.#isMine(read.value) || !isJsonObject(read.value.error)) {
      throw refusedWith(response.head);
    }
    await this.#settle(read.value, read.text);
  }

  #take(read: JsonLine | undefined): Promise<void> | undefined {
    const { host, ownId } = this.#options;
    if (read === undefined) return void host.discard("what is not JSON");
    const { value, text } = read;
    if (!isRpc(value)) return void host.discard("JSON that is no message of JSON-RPC 2.0");
    if (typeof value.method === "string") return host.hear({ value, line: text }, ownId);
    if (this.#waiter === undefined) return void host.discard("an answer that nobody waits for");
    if (this.#isMine(value)) return this.#settle(value, text);
    // A transport that could not tell whose it is: there is one request in a POST.
    if (value.id === null || value.id === undefined) return this.#settleNameless(value, text);
    return void host.discard("an answer to another request");
  }

  #isMine({ id }: JsonObject): boolean {
    return ownIdOf(id) === this.#options.ownId;
  }

  #settleNameless(value: JsonObject, text: Uint8Array): Promise<void> | undefined {
    const { host, ownId } = this.#options;
    if (!isJsonObject(value.error)) return void host.discard("a result without an id");
    const named = rewritten(text, { start: 0, end: text.length }, { without: ["id"], added: [`"id":${ownId}`] });
    return this.#settle({ ...value, id: ownId }, named);
  }

  #settle(value: JsonObject, line: Uint8Array): Promise<void> | undefined {
    const waiter = this.#waiter;
    const answer = answerIn(value, line);
    if (answer === undefined) {
      return this.#fail(badAnswer(NO_ANSWER, "the MCP server's answer is neither a result nor an error"));
    }
    this.#waiter = undefined;
    // Of an answer that has ended nothing comes any more.
    if (this.#isStream) this.#lingering.set(LINGER_MS, () => this.abort());
    return waiter?.onReply(withoutSession(answer, this.#session?.id));
  }

  #fail(error: unknown): undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.onFault(asRefusal(error));
  }
}

function givenUp(): HttpError {
  return new HttpError("aborted", "waiting for an answer: given up", { unsent: true });
}
