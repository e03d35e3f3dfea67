// What an HTTP server says unasked: the stream that GET opens, asked for again from where it stood when it ends
// (MCP 2025-11-25, Transports, "Listening for Messages from the Server"). A server that has none is not asked twice.
import { isRpc, type JsonLine } from "../../bridge/peer/peer_line.ts";
import { type ClientResponse, type Fields, HttpError } from "../../http1/types.ts";
import { isEventStream } from "../../http1/wire/fields/media_type.ts";
import { isSendable } from "../../mcp/events/event_id.ts";
import { retryAfterMs } from "../../mcp/events/stream_retry.ts";
import { Pause } from "../../platform/time/timers.ts";
import { LostSession, type SessionCall } from "../../session/lost_session.ts";
import { isRefusalForGood } from "../refused_for_now.ts";
import type { HttpPeer, SessionKeeper } from "./http_peer.ts";
import { readMessages, type StreamPlace } from "./http_peer_answer.ts";
import { asRefusal } from "./http_peer_fault.ts";
import type { HttpPeerParts } from "./http_peer_parts.ts";
import type { PeerWire } from "./http_peer_wire.ts";
import type { PeerSession } from "./peer_session.ts";

export interface ListeningOptions {
  readonly parts: HttpPeerParts;
  readonly wire: PeerWire;
  readonly sessions: SessionKeeper;
  /** Who is told. */
  readonly peer: Pick<HttpPeer, "hear" | "hearAnswer" | "discard">;
}

/** What became of one stream. */
type Outcome = "none" | "ended" | "in vain";

/** A stream that lasted this long, in ms, was not in vain even if nothing came. */
const LASTING_MS = 10_000;

export class HttpPeerListening {
  readonly #options: ListeningOptions;
  readonly #pause: Pause;
  #place: StreamPlace = { eventId: undefined, retryMs: undefined };
  #fields: Fields | undefined;
  #running: Promise<void> | undefined;
  #under: SessionCall | undefined;
  /** Since the stream was there, until nothing of its session will come any more. */
  #open: { readonly session: PeerSession; readonly over: PromiseWithResolvers<void> } | undefined;
  #stopped = false;
  /** There have been so many. */
  #streams = 0;
  #isReading = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
    this.#pause = new Pause(options.parts.timers);
  }

  /** As `PeerSource.hearing`: whatever came between two streams may have been missed. */
  get hearing(): number | undefined {
    return this.#isReading ? this.#streams : undefined;
  }

  /** Of the last event that had an id. */
  get place(): string | undefined {
    return this.#place.eventId;
  }

  /** Settles when nothing of `session` will come any more; undefined if its stream has not been there. */
  over(session: PeerSession): Promise<void> | undefined {
    return this.#open?.session === session ? this.#open.over.promise : undefined;
  }

  /** @param fields of whoever listens; they take the place of those before. */
  listen(fields: Fields, place?: string): void {
    if (this.#stopped) return;
    this.#fields = fields;
    if (place !== undefined && this.#place.eventId === undefined && isSendable(place)) this.#place.eventId = place;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#close();
    });
  }

  /** Another session has taken the old one's place: what came there is over. */
  renewed(): void {
    this.#place = { eventId: undefined, retryMs: undefined };
    this.#close();
    this.#under?.abort();
    this.#pause.end();
    if (this.#fields !== undefined) this.listen(this.#fields);
  }

  /** Settles when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#under?.abort();
    this.#pause.close();
    await this.#running;
  }

  #close(): void {
    this.#open?.over.resolve();
    this.#open = undefined;
  }

  async #run(): Promise<void> {
    const { limits: { retryMs, maxRetryMs }, timers } = this.#options.parts;
    for (let inVain = 0; !this.#stopped;) {
      const place = this.#place;
      const sinceMs = timers.now();
      const outcome = await this.#listenOnce(place);
      if (outcome === "none") return;
      if (place !== this.#place) inVain = 0; // of another session
      else {
        inVain = outcome === "ended" || timers.now() - sinceMs >= LASTING_MS ? 0 : inVain + 1;
        const wantedMs = place.retryMs ?? retryMs;
        await this.#pause.wait(retryAfterMs({ wantedMs, mostMs: maxRetryMs }, Math.max(0, inVain - 1)));
      }
    }
  }

  async #listenOnce(place: StreamPlace): Promise<Outcome> {
    const { wire, sessions } = this.#options;
    let heard = 0;
    try {
      const fields = this.#fields!;
      const session = await sessions.current(fields);
      if (this.#stopped) return "none";
      if (place !== this.#place) return "ended";
      this.#under = wire.get(place.eventId, { session, fields });
      const answer = await this.#under.response;
      if (answer instanceof LostSession) {
        answer.release();
        await sessions.renew(session, fields);
        return "ended";
      }
      if (answer.head.status !== 200 || !isEventStream(answer.head.fields)) return this.#without(answer, place);
      if (this.#stopped || place !== this.#place) {
        answer.release();
        return "ended";
      }
      this.#open ??= { session, over: Promise.withResolvers<void>() };
      this.#streams++;
      this.#isReading = true;
      await this.#read(answer, place, () => heard++).finally(() => this.#isReading = false);
    } catch (error) {
      return this.#failed(error, place);
    }
    return heard > 0 ? "ended" : "in vain";
  }

  #failed(error: unknown, place: StreamPlace): Outcome {
    if (error instanceof HttpError) return "in vain";
    const { code } = asRefusal(error);
    // Of a server that is away for a while.
    if (code !== "upstream_invalid" && code !== "upstream_credential_missing") return "in vain";
    // What cannot be read would come again from where the stream stood; what is refused waits for another credential.
    place.eventId = undefined;
    return code === "upstream_invalid" && this.#open !== undefined ? "in vain" : "none";
  }

  #without(answer: ClientResponse, place: StreamPlace): Outcome {
    const { status } = answer.head;
    answer.release();
    const { log, upstream, session } = this.#options.parts;
    log.debug("MCP server has no stream to listen to", { upstream: upstream.name, session, status });
    if (place.eventId !== undefined && isRefusalForGood(status)) {
      // It knows no such place any more, and may have a stream that begins now.
      place.eventId = undefined;
      return "in vain";
    }
    // It has one, and holds the one before for open still: SDK servers let a session have one at a time.
    if (status === 409) return "in vain";
    return this.#open !== undefined && (status >= 500 || status === 429) ? "in vain" : "none";
  }

  #read(answer: ClientResponse, place: StreamPlace, onHeard: () => void): Promise<void> {
    const { parts: { limits, account } } = this.#options;
    return readMessages(answer, {
      maxBytes: limits.maxMessageBytes,
      account,
      place,
      onMessage: (read) => {
        onHeard();
        return place === this.#place ? this.#take(read) : undefined;
      },
    });
  }

  #take(read: JsonLine | undefined): Promise<void> | undefined {
    const { peer } = this.#options;
    if (read === undefined) return peer.discard("what is not JSON");
    const { value, text: line } = read;
    if (!isRpc(value)) return peer.discard("JSON that is no message of JSON-RPC 2.0");
    return typeof value.method === "string" ? peer.hear({ value, line }) : peer.hearAnswer({ value, line });
  }
}
