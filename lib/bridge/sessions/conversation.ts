// One session with a peer, as Streamable HTTP shows it: POSTs answered as JSON or events, GETs that listen or
// resume, everything the server says on exactly one stream (docs/behaviour.md B6, N1, N3; MCP 2025-11-25, Transports).
// Whatever fails inside, nobody waits in vain (B9).
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { callOf } from "../../http1/call_of.ts";
import { type Call, type ClientResponse, HttpError } from "../../http1/types.ts";
import { allowsPrimingEvents } from "../../mcp/eras/revisions.ts";
import { type RpcRequest } from "../../mcp/messages/json_rpc.ts";
import { SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { EventLog, type Lost } from "../answers/event_log.ts";
import { EventStream } from "../answers/event_stream.ts";
import { bareAnswer, errorAnswer, eventAnswer } from "../answers/http_answer.ts";
import { Outbox } from "../answers/outbox.ts";
import { refusalIfOverdrawn } from "../answers/overdrawn.ts";
import type { PostAnswer } from "../answers/post_answer.ts";
import { type BridgeParts, outboxOptions, randomName } from "../limits.ts";
import type { Carrier, Peer } from "../peer/peer.ts";
import type { OpenPeers, Parting, PeerSource, Stopping } from "../peer/peer_source.ts";
import { Remembered } from "../peer/remembered.ts";
import { Listeners } from "./listeners.ts";
import { lostCall } from "./lost_call.ts";
import { OpenCalls, placed } from "./open_calls.ts";
import { type Piece, piecesOf, type Post, refusalOf, tooMany } from "./post.ts";
import { PostAnswers } from "./post_answers.ts";
import { Questions } from "./questions.ts";
import { ServerVoice } from "./server_voice.ts";

export interface ConversationOptions {
  readonly parts: BridgeParts;
  /** Its own; where its peers have a state that leads back to them, that is its id instead, once it is opened. */
  readonly id: UpstreamSessionId;
  /** Names the session in log lines and event ids; outlives restarts. Letters and digits, no secret. */
  readonly session: string;
  /** Whether it replaces one that was lost: what a server told its client before is then out of date (L4). */
  readonly revival: boolean;
  readonly open: OpenPeers;
  /** Called if it has to end by itself: there is no peer for it any more. */
  readonly onDoomed: () => void;
}

export interface ConversationSizes {
  readonly calls: number;
  readonly questions: number;
  readonly subscriptions: number;
  readonly events: number;
  readonly eventBytes: number;
}

/** Where messages go, how much room they take while they wait, and whose request brought them. */
interface Sending {
  readonly peer: Peer | Promise<Peer>;
  readonly bytes: number;
  readonly carrier: Carrier;
}

export class Conversation {
  id: UpstreamSessionId;
  readonly peers: PeerSource;
  readonly #options: ConversationOptions;
  readonly #events: EventLog;
  readonly #listeners: Listeners;
  readonly #questions: Questions;
  readonly #voice: ServerVoice;
  readonly #remembered: Remembered;
  readonly #calls: OpenCalls;
  readonly #answers: PostAnswers;
  /** Bytes of POSTs that wait for a peer to be started. */
  readonly #waiting: Charge;
  #listsOutdated: boolean;
  #usedAtMs: number;
  #ended = false;

  constructor(options: ConversationOptions) {
    const { parts, session, open, onDoomed } = options;
    this.id = options.id;
    this.#options = options;
    this.#listsOutdated = options.revival;
    this.#usedAtMs = parts.timers.now();
    const run = randomName(parts, 8);
    const { maxLoggedEvents: maxEvents, maxLoggedBytes: maxBytes } = parts.limits;
    this.#events = new EventLog({
      tag: session,
      run,
      maxEvents,
      maxBytes,
      account: parts.account,
      place: () => (this.peers as PeerSource | undefined)?.place,
    });
    this.#listeners = new Listeners(this.#events);
    this.#questions = new Questions(run);
    this.#waiting = parts.account.open();
    this.#remembered = new Remembered(parts.limits);
    this.#calls = new OpenCalls(this.#remembered);
    this.#answers = new PostAnswers({ parts, events: this.#events, calls: this.#calls, onDone: () => this.#use() });
    this.#voice = new ServerVoice({
      posts: this.#answers.open,
      listeners: this.#listeners,
      calls: this.#calls,
      questions: this.#questions,
    });
    this.peers = open({
      onMessage: (message, peer, about) => this.#voice.hear(message, peer, about),
      onLost: (peer) => this.#voice.withdrawAll(peer),
      onReplaced: (capabilities) => this.#voice.reportLists(capabilities),
      retell: () => this.#remembered.retell(),
      unusedSinceMs: () => this.#isUsed ? undefined : this.#usedAtMs,
      onDoomed,
    });
  }

  /** A call, or somebody who listens (L7). */
  get #isUsed(): boolean {
    return this.#answers.open.size > 0 || this.#waiting.bytes > 0 || this.#listeners.attended;
  }

  #use(): void {
    this.#usedAtMs = this.#options.parts.timers.now();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** For metrics: everything here that grows. */
  sizes(): ConversationSizes {
    const { size: events, bytes: eventBytes } = this.#events;
    const { subscriptions } = this.#remembered;
    return { calls: this.#calls.size, questions: this.#questions.size, subscriptions, events, eventBytes };
  }

  /** A POST that is no initialize. */
  post(post: Post): Call {
    if (this.#ended) return callOf(Promise.reject(endedError()));
    this.#use();
    const pieces = piecesOf(post);
    const requests = pieces.filter(({ message }) => message.kind === "request");
    const refusal = refusalOf(post, requests, {
      protocolVersion: this.peers.protocolVersion,
      calls: this.#calls,
      parts: this.#options.parts,
    });
    if (refusal !== undefined) return callOf(Promise.resolve(refusal));
    const peer = this.peers.peerFor(post);
    if (peer instanceof Promise && !this.#mayWait(post)) {
      peer.catch(() => {});
      const id = requests.length === 0 ? null : (requests[0]!.message as RpcRequest).id;
      return callOf(Promise.resolve(tooMany(id)));
    }
    const bytes = post.text.length;
    if (requests.length === 0) return callOf(this.#accept(pieces, { peer, bytes, carrier: post }));
    const answer = this.#answers.begin({
      ...{ accepts: post.accepts, expected: requests.length, primes: this.#primes },
      isBatch: post.parsed.kind === "batch",
    });
    this.#start(pieces, { answer, peer, bytes, carrier: { fields: post.fields, noted: post.noted } });
    return { response: answer.response, abort: () => answer.abandon() };
  }

  /** A GET. @param lastEventId `Last-Event-ID`, if the client resumes */
  listen(lastEventId: string | undefined, carrier: Carrier): ClientResponse {
    this.#use();
    const refusal = refusalIfOverdrawn(this.#options.parts.account, null);
    if (refusal !== undefined) return refusal;
    const { stallMs, ...options } = outboxOptions(this.#options.parts);
    const outbox = new Outbox({ ...options, stallMs: Math.min(stallMs, LISTENER_STALL_MS) });
    const place = lastEventId === undefined ? NOTHING : this.#events.placeOf(lastEventId);
    if (place === undefined) {
      return errorAnswer("invalid_request", {
        id: null,
        code: SERVER_ERROR,
        message: "Bad request: unknown Last-Event-ID",
      });
    }
    let stream: EventStream | undefined;
    if ("lost" in place) {
      stream = this.#listeners.open(outbox, { prime: this.#primes });
      const lost = place.call === undefined ? undefined : lostCall(place.call);
      if (lost !== undefined && !this.#calls.hasId(lost.id)) void stream.send(lost.answer);
    } else if ((stream = this.#answers.streamAt(place.stream)) !== undefined) stream.attach(outbox, place);
    else if ((stream = this.#listeners.resume(place, outbox)) === undefined) this.#replay(place, outbox);
    this.peers.listen(carrier, "lost" in place ? place.place : undefined);
    const onRelease = () => {
      this.#use();
      stream?.detach(outbox);
      outbox.fail(LISTENER_LEFT);
    };
    return eventAnswer(outbox, { onRelease });
  }

  /** Ends it: calls, streams, and peers. @param how, carrier as `PeerSource.stop` */
  end(how: Parting, carrier: Carrier): Stopping {
    this.#cut();
    const { told, gone } = this.peers.stop(how, carrier);
    return { told, gone: gone.then(() => this.#events.clear()) };
  }

  #cut(): void {
    this.#ended = true;
    this.#answers.close();
    for (const post of [...this.#answers.open]) this.#calls.giveUp(post, endedError());
    this.#listeners.end();
    this.#answers.endStreams();
  }

  get #primes(): boolean {
    return allowsPrimingEvents(this.peers.protocolVersion);
  }

  /** While a peer is being started, messages wait for it: one of any length, and besides it so many bytes (M6). */
  #mayWait({ text }: Post): boolean {
    const waiting = this.#waiting.bytes;
    const fits = waiting === 0 || waiting + text.length <= this.#options.parts.limits.maxWaitingBytes;
    return fits && this.#waiting.resize(waiting + text.length);
  }

  /** Notifications and answers: 202, whatever becomes of them (docs/protocol.md 10). */
  async #accept(pieces: readonly Piece[], on: Sending): Promise<ClientResponse> {
    const { bytes, carrier } = on;
    let { peer } = on;
    if (peer instanceof Promise) {
      peer = await peer.catch((error) => {
        throw this.#ended ? endedError() : error;
      }).finally(() => this.#waitNoMore(bytes));
    }
    for (const piece of pieces) this.#pass(piece, peer, carrier);
    return bareAnswer(202);
  }

  #waitNoMore(bytes: number): void {
    this.#waiting.resize(this.#waiting.bytes - bytes);
  }

  /** Takes the calls of a POST in, and sends them as soon as there is a peer. */
  #start(pieces: readonly Piece[], on: Sending & { readonly answer: PostAnswer }): void {
    const { answer, peer, bytes, carrier } = on;
    this.#answers.hurryOthers(answer);
    if (pieces.length === 1 && !(peer instanceof Promise)) {
      const [{ text, message }] = pieces as [Piece];
      const asked = placed(text, message as RpcRequest);
      return this.#calls.ask(this.#calls.open(asked, answer), asked, peer, carrier);
    }
    const steps = pieces.map((piece) => {
      const { text, message } = piece;
      if (message.kind !== "request") return (peer: Peer) => this.#pass(piece, peer, carrier);
      const asked = placed(text, message), call = this.#calls.open(asked, answer);
      return (peer: Peer) => this.#calls.ask(call, asked, peer, carrier);
    });
    if (!(peer instanceof Promise)) return steps.forEach((send) => send(peer));
    peer.then((peer) => steps.forEach((send) => send(peer)))
      .catch((error) => this.#calls.giveUp(answer, error))
      .finally(() => this.#waitNoMore(bytes));
  }

  /** A notification or an answer of the client's. */
  #pass({ text, message }: Piece, peer: Peer, carrier: Carrier): void {
    if (message.kind === "response") return this.#questions.answer(text, message.id, carrier);
    if (message.kind !== "notification") return;
    if (message.method === "notifications/cancelled") return this.#calls.cancel(text, message, carrier);
    peer.send(text, carrier);
    if (message.method !== "notifications/initialized") return;
    this.peers.confirm();
    if (this.#listsOutdated) this.#voice.reportLists(this.peers.capabilities);
    this.#listsOutdated = false;
  }

  /** What is left of a stream that has ended. */
  #replay(place: { stream: number; sequence: number }, outbox: Outbox): void {
    EventStream.ended(this.#events, place.stream).attach(outbox, place);
  }
}

function endedError(): SignetError {
  return new SignetError("session_not_found", { facts: { outcome: "ended" } });
}

/**
 * Who listens and reads nothing holds up the answers of the session's calls: not for as long as who waits for one, in
 * ms.
 */
const LISTENER_STALL_MS = 1000;
/** Made once: see `CLIENT_LEFT` of `post_answer.ts`. */
const LISTENER_LEFT = new HttpError("aborted", "reading an event stream: its client has left");
/** Where a client stands that resumes nothing. */
const NOTHING: Lost = { lost: true, place: undefined };
