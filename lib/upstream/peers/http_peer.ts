// An MCP server over Streamable HTTP as a partner in JSON-RPC: each request a POST of its own, so that a slow one holds up
// no other. It stays the same over all sessions that the server is greeted for (L4): who runs a call keeps its id.
import { idIn } from "../../bridge/peer/message_ids.ts";
import type { Asker, Carrier, Message, Peer } from "../../bridge/peer/peer.ts";
import { ownIdOf } from "../../bridge/peer/peer_line.ts";
import type { PeerEvents } from "../../bridge/peer/peer_source.ts";
import type { SignetError } from "../../errors.ts";
import { type FieldList, type Fields, HttpError } from "../../http1/types.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { replaceSpanByNumber } from "../../mcp/json/json_splice.ts";
import { findMember, type Span } from "../../mcp/json/json_text.ts";
import { errorResponse, type RpcId } from "../../mcp/messages/json_rpc.ts";
import { settlesWithin } from "../../platform/time/timers.ts";
import { LostSession, type SessionCall } from "../../session/lost_session.ts";
import { Discarded } from "../discarded.ts";
import { type Opened, PeerCall, type PeerCallHost, type Track, type Waiter } from "./http_peer_call.ts";
import { asRefusal, lostAgain } from "./http_peer_fault.ts";
import type { HttpPeerParts } from "./http_peer_parts.ts";
import type { PeerWire, Sender } from "./http_peer_wire.ts";
import type { PeerSession } from "./peer_session.ts";

/** Who knows the session at the server. */
export interface SessionKeeper {
  /** The one to send in; greets the server if there is none. @throws SignetError */
  current(fields: Fields): PeerSession | Promise<PeerSession>;
  /** The one there is, or will be in a moment; undefined if nobody has asked for one. */
  readonly known: PeerSession | Promise<PeerSession> | undefined;
  /** The one in place of `lost`, which the server has proven not to know. @throws SignetError */
  renew(lost: PeerSession, fields: Fields): Promise<PeerSession>;
  /** Whether the server has been told that the handshake is complete, before anybody could ask for anything. */
  readonly isConfirmed: boolean;
  /** `notifications/initialized` is on its way. */
  confirming(sending: Promise<unknown>): void;
  /** As `PeerCallOptions.elsewhere`. */
  listenedTo(session: PeerSession): Promise<void> | undefined;
}

export interface HttpPeerOptions {
  readonly parts: HttpPeerParts;
  readonly wire: PeerWire;
  readonly sessions: SessionKeeper;
  readonly events: Pick<PeerEvents, "onMessage">;
}

/** A request with what it takes to send it. */
export interface Asking {
  /** Where its id stands. */
  readonly id: Span;
  readonly waiter: Waiter;
  /** Of the client: a copy of its own. */
  readonly fields: Fields;
  readonly open: (body: Uint8Array, track: Track) => Promise<Opened>;
  /** What others wait for is not held up by how many they are. */
  readonly isAwaited?: true;
}

/** What has been sent of late is waited for so long, in ms, before the POST of a call that nobody waits for is cut. */
const LAST_WORDS_MS = 1000;
/** Of an answer to a notification no more is read to keep the connection. */
const MAX_IDLE_BYTES = 16 * 1024;

const decoder = new TextDecoder();

export class HttpPeer implements Peer, PeerCallHost {
  readonly #options: HttpPeerOptions;
  readonly #calls = new Map<number, PeerCall>();
  /** All that have not ended, those that nobody waits for included. */
  readonly #running = new Map<Promise<void>, PeerCall>();
  /** With what cuts them. */
  readonly #sending = new Map<Promise<void>, () => void>();
  /** Of the request that was made last: for what is done where none is at hand. */
  #fields: FieldList = [];
  #lastId = 0;
  readonly #discarded: Discarded;
  #stopped = false;

  constructor(options: HttpPeerOptions) {
    this.#options = options;
    this.#discarded = new Discarded(options.parts.log);
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  /** Requests under way. */
  get pending(): number {
    return this.#running.size;
  }

  /** Settles when what is under way at this moment has ended. */
  get settled(): Promise<unknown> {
    return Promise.all([...this.#running.keys(), ...this.#sending.keys()]);
  }

  /** What this server is told of the fields of a request: of its own, and of no other. */
  fieldsFor({ fields }: Carrier): FieldList {
    const own = this.#options.wire.fieldsOf(fields);
    if (own.length > 0) this.#fields = own;
    return own;
  }

  /** For what is no request: where nothing is at hand, what came with the last request of the same session. */
  lastFields(carrier?: Carrier): FieldList {
    const own = carrier === undefined ? [] : this.fieldsFor(carrier);
    return own.length > 0 ? own : this.#fields;
  }

  ask(text: Uint8Array, id: Span, asker: Asker, carrier: Carrier): number | undefined {
    const fields = this.fieldsFor(carrier);
    const waiter: Waiter = {
      onReply: asker.onReply,
      onFault: (error) => {
        const refusal = asRefusal(error);
        asker.onLost({ reason: this.#explain(refusal), refusal });
      },
    };
    return this.call(text, { id, waiter, fields, open: (body, track) => this.#open(body, fields, track) });
  }

  /** As `ask`, by a way of its own. @returns undefined if there are too many, or no room */
  call(text: Uint8Array, asking: Asking): number | undefined {
    const { limits, account, timers } = this.#options.parts;
    const { id, waiter, fields, open, isAwaited = false } = asking;
    if (this.#stopped || (this.#running.size >= limits.maxCalls && !isAwaited)) return undefined;
    const charge = account.tryCharge(text.length);
    if (charge === undefined) return undefined;
    const ownId = ++this.#lastId;
    const body = replaceSpanByNumber(text, id, ownId);
    const call = new PeerCall({ ownId, limits, account, timers, charge, waiter, fields, host: this });
    this.#calls.set(ownId, call);
    // No closure made here may hold the text: those of the call live as long as it does.
    const running: Promise<void> = call.run(open(body, call.track)).then(() => {
      this.#running.delete(running);
      this.#calls.delete(ownId);
    });
    this.#running.set(running, call);
    return ownId;
  }

  resume(lastEventId: string, by: Sender): SessionCall {
    return this.#options.wire.get(lastEventId, by);
  }

  elsewhere(session: PeerSession): Promise<void> | undefined {
    return this.#options.sessions.listenedTo(session);
  }

  async #open(body: Uint8Array, fields: Fields, track: Track): Promise<Opened> {
    const { sessions, wire } = this.#options;
    const current = sessions.current(fields);
    let session = current instanceof Promise ? await current : current;
    for (let isRepeated = false;; isRepeated = true) {
      const answer = await track(() => wire.post(body, { session, fields }));
      if (!(answer instanceof LostSession)) return { session, response: answer };
      answer.release();
      if (isRepeated) throw lostAgain();
      session = await sessions.renew(session, fields);
    }
  }

  send(text: Uint8Array, carrier: Carrier): boolean {
    const { parts: { limits, account }, sessions } = this.#options;
    const fields = this.lastFields(carrier);
    const session = sessions.known;
    if (this.#stopped || this.#sending.size >= limits.maxSending) return false;
    // What nobody answers is about a session that there is no more: the next one begins without it.
    if (session === undefined) return true;
    const isConfirmation = isInitialized(text);
    if (isConfirmation && sessions.isConfirmed) return true;
    const charge = account.tryCharge(text.length);
    if (charge === undefined) return false;
    const sending = this.post(text.slice(), session, fields).finally(() => charge.release());
    if (isConfirmation) sessions.confirming(sending);
    return true;
  }

  /** Sends what has no response. @returns whether the server has taken it. Never rejects. */
  async post(text: Uint8Array, to: PeerSession | Promise<PeerSession>, fields: Fields): Promise<boolean> {
    const { parts: { limits, timers, log }, wire } = this.#options;
    let call: SessionCall | undefined;
    let isCut = false;
    const done = Promise.withResolvers<void>();
    const cut = () => {
      isCut = true;
      call?.abort();
    };
    this.#sending.set(done.promise, cut);
    const stop = timers.after(limits.sendTimeoutMs, cut);
    try {
      const session = await to;
      if (isCut) return false;
      call = wire.post(text, { session, fields });
      const answer = await call.response;
      if (!(answer instanceof LostSession) && !isEventStream(answer.head.fields)) {
        await answer.body.readAll(MAX_IDLE_BYTES).catch(() => {});
      }
      answer.release();
      if (answer instanceof LostSession) return false;
      if (answer.head.status < 300) return true;
      log.debug("MCP server refused a message", { ...this.#facts, status: answer.head.status });
    } catch (error) {
      log.debug("MCP server did not take a message", { ...this.#facts, found: asRefusal(error).message });
    } finally {
      stop();
      this.#sending.delete(done.promise);
      done.resolve();
    }
    return false;
  }

  refuse(id: RpcId, code: number, message: string): void {
    this.send(errorResponse(id, code, message), { fields: [] });
  }

  /** What has been sent of late, a cancellation it may be, is let through before the POST ends. */
  forget(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    call.forget();
    const lastWords = Promise.all(this.#sending.keys());
    void settlesWithin(lastWords, LAST_WORDS_MS, this.#options.parts.timers).then(() => call.abort());
  }

  /** Why a call has come to nothing: the operator's words are for the log. @returns the client's */
  #explain({ message, code, detail: { facts, remedy, cause } }: SignetError): string {
    const isOurWish = cause instanceof HttpError && cause.code === "aborted";
    if (isOurWish) return message;
    const about = { ...this.#facts, ...facts, code, reason: message, remedy };
    const found = cause instanceof Error ? { cause: cause.message } : {};
    this.#options.parts.log.warn("MCP server did not answer a call", { ...about, ...found });
    return message;
  }

  /** A request or notification of the server's. */
  hear(message: Message, about?: number): Promise<void> | undefined {
    if (message.value.id !== undefined && idIn(message) === undefined) {
      return this.discard("a request whose id is neither text nor an integer");
    }
    if (this.#stopped) return undefined;
    return this.#options.events.onMessage(message, this, about);
  }

  /** An answer on the server's own stream. */
  hearAnswer({ value, line }: Message): Promise<void> | undefined {
    const id = ownIdOf(value.id);
    const call = id === undefined ? undefined : this.#calls.get(id);
    return call === undefined ? this.discard("an answer that nobody waits for") : call.takeElsewhere(value, line);
  }

  discard(found: string): undefined {
    return this.#discarded.add(found, this.#facts);
  }

  get #facts(): Readonly<Record<string, string | undefined>> {
    const { upstream, session } = this.#options.parts;
    return { upstream: upstream.name, session };
  }

  /** Ends all that is under way; who waits hears of it. Settles when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const call of this.#running.values()) call.abort();
    for (const cut of this.#sending.values()) cut();
    await Promise.all([...this.#running.keys(), ...this.#sending.keys()]);
  }
}

function isInitialized(text: Uint8Array): boolean {
  const method = text.length > 4096 ? undefined : findMember(text, "method");
  return method !== undefined &&
    decoder.decode(text.subarray(method.start, method.end)) === '"notifications/initialized"';
}
