// One connection to a server of the transport before Streamable HTTP (HTTP+SSE, MCP 2024-11-05): a stream that names where
// messages go, and then brings all that the server says. It is the session: with the stream everything ends.
// Guarantees: messages go to the server's own origin and nowhere else; what is held of the stream is bounded and charged.
import { SignetError } from "../../errors.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import { type ClientResponse, type Fields, HttpError } from "../../http1/types.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { inspectBytes } from "../../http1/wire/streams/borrowed.ts";
import { type SseEvent, SseParser } from "../../mcp/events/sse.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import type { CallerKeys } from "../../session/caller.ts";
import { LostSession, type SessionCall } from "../../session/lost_session.ts";
import { asRefusal, badAnswer, refusedWith } from "../peers/http_peer_fault.ts";
import { sessionNamed } from "../session_named.ts";
import type { Upstream } from "../upstream.ts";

export interface SseChannelLimits {
  /** Of one message of the server, in bytes. */
  readonly maxMessageBytes: number;
  /** For the server to name where messages go, in ms. */
  readonly openTimeoutMs: number;
  /** For the server to take a message, in ms. */
  readonly sendTimeoutMs: number;
  /** Messages on their way at once. */
  readonly maxSending: number;
}

export interface SseChannelOptions {
  /** Whose URL is that of the stream. */
  readonly upstream: Pick<Upstream, "send" | "url">;
  readonly caller: CallerKeys;
  /** Names the session in the log: a short hash. */
  readonly session: string | undefined;
  readonly limits: SseChannelLimits;
  readonly account: ByteAccount;
  readonly timers: Timers;
}

/** Who is told what comes; of `onEnd` once. */
export interface SseChannelHooks {
  /** The data of a message. @returns a promise where the reader of the stream should wait */
  readonly onData: (data: string) => Promise<void> | undefined;
  /** @param fault in words for the log; undefined if the server ended the stream in order, or it was closed here */
  readonly onEnd: (fault: string | undefined) => void;
}

/** Of an answer to a message no more is read to keep the connection. */
const MAX_IDLE_BYTES = 16 * 1024;
const MAX_TARGET_LENGTH = 4096;

export class SseChannel {
  readonly #options: SseChannelOptions;
  readonly #call: SessionCall;
  readonly #sending = new Set<SessionCall>();
  #target = "";
  #closed = false;

  private constructor(options: SseChannelOptions, call: SessionCall) {
    this.#options = options;
    this.#call = call;
  }

  /** @throws SignetError `upstream_*` if it is no such stream, or names no place for messages in time */
  static async open(options: SseChannelOptions, fields: Fields, hooks: SseChannelHooks): Promise<SseChannel> {
    const { upstream, caller, session, timers, limits } = options;
    const call = upstream.send({
      ...{ method: "GET", query: "", body: undefined, upstreamSessionId: undefined, caller },
      session: sessionNamed(session),
      fields: ["accept", "text/event-stream", "accept-encoding", "identity", ...fields],
    });
    const channel = new SseChannel(options, call);
    const named = Promise.withResolvers<void>();
    named.promise.catch(() => {});
    const opening = call.response.then((answer) => channel.#follow(answer, named, hooks)).catch((error) => {
      named.reject(asRefusal(error));
    });
    if (await settlesWithin(Promise.race([named.promise, opening]), limits.openTimeoutMs, timers)) {
      await named.promise;
      return channel;
    }
    channel.close();
    throw new SignetError("upstream_timeout", {
      facts: { attempted: "open the event stream", afterMs: limits.openTimeoutMs },
      remedy: "See whether the URL is that of the server's event stream, usually /sse.",
    });
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Whether another message can be sent. */
  get hasRoom(): boolean {
    return !this.#closed && this.#sending.size < this.#options.limits.maxSending;
  }

  /** Sends a message. @throws SignetError if the server does not take it */
  async post(line: Uint8Array, fields: Fields): Promise<void> {
    const { upstream, caller, session, timers, limits } = this.#options;
    const about = ["content-type", "application/json", "accept", "application/json, text/event-stream"];
    const call = upstream.send({
      ...{ method: "POST", query: "", target: this.#target, upstreamSessionId: undefined, caller },
      session: sessionNamed(session),
      body: line,
      fields: [...about, "accept-encoding", "identity", ...fields],
    });
    this.#sending.add(call);
    const stop = timers.after(limits.sendTimeoutMs, () => call.abort());
    try {
      const answer = await call.response;
      try {
        if (answer instanceof LostSession) throw badAnswer("a lost session");
        if (answer.head.status >= 300) throw refusedWith(answer.head);
        if (!isEventStream(answer.head.fields)) await answer.body.readAll(MAX_IDLE_BYTES).catch(() => {});
      } finally {
        answer.release();
      }
    } catch (error) {
      throw asRefusal(error);
    } finally {
      stop();
      this.#sending.delete(call);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#call.abort();
    for (const call of this.#sending) call.abort();
  }

  async #follow(
    answer: ClientResponse | LostSession,
    named: PromiseWithResolvers<void>,
    hooks: SseChannelHooks,
  ): Promise<void> {
    let fault: string | undefined;
    try {
      if (answer instanceof LostSession) throw badAnswer("a lost session");
      const { status, fields } = answer.head;
      if (status !== 200) throw refusedWith(answer.head);
      if (!isEventStream(fields)) throw notAStream();
      await this.#read(answer, named, hooks);
      named.reject(badAnswer("the end of the event stream before it named an endpoint"));
    } catch (error) {
      fault = faultOf(error);
      named.reject(asRefusal(error));
    } finally {
      answer.release();
      const wasClosed = this.#closed;
      this.close();
      hooks.onEnd(wasClosed ? undefined : fault);
    }
  }

  async #read(answer: ClientResponse, named: PromiseWithResolvers<void>, hooks: SseChannelHooks): Promise<void> {
    const { limits, account } = this.#options;
    const parser = new SseParser({ maxEventBytes: limits.maxMessageBytes });
    const charge = account.open();
    try {
      while (!this.#closed) {
        const piece = await answer.body.read();
        if (piece === null) return;
        const events = inspectBytes(piece, (bytes) => parser.push(bytes), undefined);
        if (!charge.resize(parser.pendingBytes)) {
          throw new HttpError("no_room", "reading the event stream: no room for it");
        }
        for (const event of events) await this.#take(event, named, hooks);
      }
    } finally {
      charge.release();
    }
  }

  #take({ event, data }: SseEvent, named: PromiseWithResolvers<void>, hooks: SseChannelHooks) {
    if (data === undefined) return;
    if (event === "endpoint") {
      // Named once: one that moves in mid-session would lead messages astray.
      if (this.#target !== "") return;
      this.#target = targetIn(data, this.#options.upstream.url);
      return named.resolve();
    }
    if (event === "message" && this.#target !== "") return hooks.onData(data);
  }
}

/** Where messages go, of the server's own origin. @throws SignetError `upstream_invalid` */
function targetIn(endpoint: string, url: string): string {
  const base = new URL(url.replace(/^sse\+/, ""));
  const isUnix = base.protocol === "http+unix:";
  const origin = isUnix ? "http://localhost" : base.origin;
  const found = URL.canParse(endpoint, `${origin}${base.pathname}`)
    ? new URL(endpoint, `${origin}${base.pathname}`)
    : undefined;
  const isOwn = found !== undefined && (found.origin === origin) && found.username === "" && found.password === "";
  const target = isOwn ? found.pathname + found.search : "";
  if (target !== "" && target.length <= MAX_TARGET_LENGTH) return target;
  throw new SignetError("upstream_invalid", {
    publicMessage: "Bad gateway: the MCP server names an endpoint that is not its own",
    facts: { found: found === undefined ? "no URL" : isOwn ? "a URL that is too long" : "another origin" },
    remedy: "If the server knows itself by another address, let it name its endpoint by path alone.",
  });
}

function notAStream(): SignetError {
  return new SignetError("upstream_not_mcp", {
    facts: { wanted: "text/event-stream" },
    remedy: "Name the URL of the server's event stream, usually /sse; a Streamable HTTP server stands without sse+.",
  });
}

function faultOf(error: unknown): string {
  if (error instanceof SignetError) return String(error.detail.facts?.found ?? error.code);
  return error instanceof HttpError ? error.code : "an error of Signet's own";
}
