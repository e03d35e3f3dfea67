// One client of HTTP+SSE (2024-11-05): its stream, and the session that its messages open and use. Every message goes down
// the path of any other request, with its own credential; what comes of it goes out on the stream.
// Guarantees: only the stream's owner is heard; with the stream the session ends.
import { SignetError } from "../../errors.ts";
import type { BodyReader, FieldList, RequestHead, ResponseStart } from "../../http1/types.ts";
import { BytesBody } from "../../http1/wire/bodies/bytes_body.ts";
import { fieldValue } from "../../http1/wire/fields/fields.ts";
import type { SseEvent } from "../../mcp/events/sse.ts";
import { flatten } from "../../mcp/json/json_splice.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorWithId } from "../../mcp/messages/rpc_fault.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import { Pause, settlesWithin, SYSTEM_TIMERS, type Timers } from "../../platform/time/timers.ts";
import type { Caller } from "../../session/caller.ts";
import type { HeldBody } from "../in/body.ts";
import type { Inbound } from "../inbound.ts";
import type { WatchedStream } from "../out/keep_alive.ts";
import type { GatewayParts, Handle } from "../parts.ts";
import { refusalFacts } from "../refusal_facts.ts";
import { toSignetError } from "../respond.ts";
import { InnerExchange } from "./inner_exchange.ts";
import { innerHead } from "./inner_head.ts";
import { idIn, isAnswerTo, isNotificationOf, messagesIn, requestIdIn, versionIn } from "./message_texts.ts";
import { Relistening } from "./relistening.ts";
import { Resumption } from "./resumption.ts";

/** What a message was answered with, where that was known soon. */
export interface Answered {
  readonly start: ResponseStart;
  readonly body: Uint8Array | undefined;
}

/** How long a message's refusal is waited for before it is called accepted, in ms: clients send them one by one. */
const SOON_MS = 50;

const EVENT = new TextEncoder().encode("event: message\ndata: ");
const END = new TextEncoder().encode("\n\n");
const LOST = { code: SERVER_ERROR, message: "Bad gateway: the answer was cut off, is too long, or is none" };
const NO_BYTES = new Uint8Array(0);

/** What is done with what comes of a request. */
interface Hearing {
  readonly onHead: (start: ResponseStart, whole: Uint8Array | undefined) => void;
  /** Hears what was said, before the client does. */
  readonly onSaid?: (text: Uint8Array) => void;
  /** Whether all is said that anybody waits for: the rest is left where it is. */
  readonly isDone?: () => boolean;
  readonly extra?: FieldList;
  readonly onEvent?: (event: SseEvent) => void;
}

export interface ChannelOptions {
  /** Of the request that opened the stream. */
  readonly inbound: Inbound;
  readonly caller: Caller;
  readonly stream: WatchedStream;
  readonly handle: Handle;
  /** The session is no more: a client of this transport knows no other way to begin again than with a new stream. */
  readonly onGone: () => void;
  readonly timers?: Timers;
}

export class LegacyChannel {
  readonly caller: Caller;
  readonly #options: ChannelOptions;
  readonly #timers: Timers;
  readonly #inner = new Set<InnerExchange>();
  /** Messages that were taken and are not answered yet. */
  readonly #taken = new Set<Promise<void>>();
  #parts: GatewayParts;
  /** Whose fields go with what no message brings: the last one's. */
  #last: Inbound;
  #sessionId: string | undefined;
  #version: string | undefined;
  #isListening = false;
  /** Until it is time to listen again, or to ask for the rest of an answer. */
  readonly #pauses = new Set<Pause>();
  #isClosed = false;

  constructor(parts: GatewayParts, options: ChannelOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#last = options.inbound;
    this.caller = options.caller;
  }

  /**
   * Takes a message. `body` is released when nothing needs it any more.
   * @returns its answer if that came soon, else undefined: it is on its way, and what comes of it goes to the stream
   */
  async take(parts: GatewayParts, inbound: Inbound, body: HeldBody): Promise<Answered | undefined> {
    this.#parts = parts;
    this.#last = inbound;
    const head = Promise.withResolvers<Answered>();
    const text = body.bytes;
    const isInitialized = isNotificationOf(text, "notifications/initialized");
    const onHead = (start: ResponseStart, whole: Uint8Array | undefined) => {
      this.#heard(start);
      if (isInitialized && start.status === 202) void this.#listen();
      head.resolve({ start, body: whole });
    };
    // Who sends messages one by one waits for none of their answers: a refusal has to come by the stream, too.
    const taken = this.#ask(text, onHead).finally(() => {
      body.release();
      this.#taken.delete(taken);
    });
    this.#taken.add(taken);
    return await settlesWithin(head.promise, SOON_MS, this.#timers) ? await head.promise : undefined;
  }

  /** Sends a message. A client of this transport has no other way to learn that there is no answer to its request (B9). */
  async #ask(text: Uint8Array, onHead: (start: ResponseStart, whole: Uint8Array | undefined) => void): Promise<void> {
    const id = requestIdIn(text);
    let isOpen = id !== undefined;
    const resumption = new Resumption();
    let generation: number | undefined;
    const hearing = {
      onSaid: (said: Uint8Array) => void (isOpen &&= !isAnswerTo(id!, said)),
      onEvent: (event: SseEvent) => resumption.hear(event),
    };
    let inner = await this.#run("POST", new BytesBody(text), {
      ...hearing,
      onHead: (head, whole) => {
        // Taken: a server that answers so may say the rest on the session's own stream.
        if (head.status === 202) isOpen = false;
        onHead(head, whole);
        generation = this.#generation();
      },
    });
    // A server's session that was made anew meanwhile knows of no answer.
    const isDone = () => this.#isClosed || !isOpen || this.#generation() !== generation;
    while (!isDone() && inner.status === 200 && !inner.aborted) {
      const next = resumption.next();
      if (next === undefined) break;
      await this.#wait(next.afterMs);
      if (!isDone()) inner = await this.#runGet(next.lastEventId, { ...hearing, onHead: () => {}, isDone });
    }
    if (!isOpen) return;
    // What was refused, broke off or could not be read has been told of.
    if (inner.status < 300 && !inner.isCut && !inner.aborted) this.#tellFault(noAnswer());
    await this.#say(errorWithId(id!, LOST));
  }

  /** Settles when all that was taken so far is answered. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#taken);
  }

  /** Cuts what is under way: nothing is said any more. */
  close(): void {
    this.#isClosed = true;
    for (const pause of this.#pauses) pause.close();
    for (const inner of this.#inner) inner.abort();
  }

  /** Behind `close`: ends the session. Settles when the server was told. */
  async endSession(): Promise<void> {
    if (this.#sessionId !== undefined) await this.#run("DELETE", new BytesBody(NO_BYTES), { onHead: () => {} });
  }

  #heard({ status, fields }: ResponseStart): void {
    if (status === 404 && this.#sessionId !== undefined) this.#options.onGone();
    if (status >= 300) return;
    this.#sessionId = fieldValue(fields, SESSION_ID_FIELD) ?? this.#sessionId;
  }

  /** The server's own stream, for as long as the client's is open. */
  async #listen(): Promise<void> {
    if (this.#isListening || this.#sessionId === undefined) return;
    this.#isListening = true;
    const relistening = new Relistening();
    const hearing = {
      onHead: ({ status }: ResponseStart) => relistening.answered(status, this.#generation()),
      onEvent: (event: SseEvent) => relistening.hear(event),
    };
    while (!this.#isClosed) {
      await this.#runGet(relistening.placeIn(this.#generation()), hearing);
      const afterMs = relistening.next();
      if (afterMs === undefined) break;
      await this.#wait(afterMs);
    }
    this.#isListening = false;
  }

  #runGet(lastEventId: string | undefined, hearing: Hearing): Promise<InnerExchange> {
    const extra = lastEventId === undefined ? [] : ["last-event-id", lastEventId];
    return this.#run("GET", new BytesBody(NO_BYTES), { ...hearing, extra });
  }

  /** Ends with the channel. */
  async #wait(ms: number): Promise<void> {
    if (this.#isClosed) return;
    const pause = new Pause(this.#timers);
    this.#pauses.add(pause);
    await pause.wait(ms);
    this.#pauses.delete(pause);
  }

  /** How often the server's session was made anew; undefined where another replica has it. */
  #generation(): number | undefined {
    const { registry, now } = this.#parts;
    return this.#sessionId === undefined ? undefined : registry.get(this.#sessionId, now())?.generation;
  }

  async #run(
    method: "GET" | "POST" | "DELETE",
    body: BodyReader,
    { onHead, onSaid = () => {}, isDone = () => false, extra = [], onEvent = () => {} }: Hearing,
  ): Promise<InnerExchange> {
    const inner: InnerExchange = new InnerExchange({
      head: this.#headOf(method, body.length, extra),
      body,
      connection: this.#last.exchange.connection,
      account: this.#parts.account.shareOf(this.caller.principalKey),
      listener: {
        onHead: (start, whole) => {
          onHead(start, whole);
          if (isDone()) inner.abort();
        },
        onFault: (cause) => this.#tellFault(cause),
        onMessage: async (text, event) => {
          if (event !== undefined) onEvent(event);
          for (const message of messagesIn(text)) {
            // A refusal is about a message or about nothing that the client has asked for.
            if (message.length === 0 || (inner.status >= 300 && idIn(message) === undefined)) continue;
            onSaid(message);
            await this.#say(message);
          }
          if (isDone()) inner.abort();
        },
      },
    });
    this.#inner.add(inner);
    try {
      await this.#options.handle(this.#parts, inner);
    } catch (cause) {
      inner.fail(cause);
    } finally {
      this.#inner.delete(inner);
      inner.release();
    }
    return inner;
  }

  /** The client sees an answer that does not come: the log is the only place where it shows why. */
  #tellFault(cause: unknown): void {
    const error = toSignetError(cause);
    const parts = this.#parts;
    parts.errors.note(error, refusalFacts({ parts, inbound: this.#last, error }));
  }

  /** One event: a message is one line there. */
  async #say(text: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    this.#version ??= versionIn(text);
    await this.#options.stream.write(joinBytes([EVENT, flatten(text.slice()), END]));
  }

  #headOf(method: string, bodyLength: number, extra: FieldList): RequestHead {
    const { path } = this.#parts.options;
    const stands = { path, sessionId: this.#sessionId, version: this.#version };
    return innerHead(this.#last.head, { ...stands, method, bodyLength, extra });
  }
}

function noAnswer(): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { attempted: "find a call's answer", found: "none in what came", wanted: "JSON or events with one" },
    remedy: "See what the MCP server, or what stands before it, answers there.",
  });
}

/** What a stream that is not the caller's is answered with. @throws SignetError */
export function assertOwner(channel: LegacyChannel | undefined, caller: Caller): LegacyChannel {
  if (channel === undefined) throw new SignetError("session_not_found", { facts: { outcome: "no_stream" } });
  if (channel.caller.owner !== caller.owner) throw new SignetError("owner_mismatch");
  return channel;
}
