// One session with a peer, as Streamable HTTP shows it: POSTs answered as JSON or events, GETs that listen or
// resume, everything the server says on exactly one stream (BEHAVIOUR.md B6, N1, N3; MCP 2025-11-25, Transports).
import { SignetError } from "../errors.ts";
import type { Call, ClientResponse } from "../http1/types.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import {
  errorResponse,
  idKey,
  type Parsed,
  type RpcId,
  type RpcNotification,
  type RpcRequest,
} from "../mcp/json_rpc.ts";
import { allowsBatches, allowsPrimingEvents } from "../mcp/revisions.ts";
import { bareAnswer, errorAnswer, eventAnswer } from "./http_answer.ts";
import { type BridgeParts, outboxOptions, randomName } from "./limits.ts";
import { Calls, type OpenCall, progressTokenOf } from "./open_requests.ts";
import { EventLog } from "./event_log.ts";
import { EventStream } from "./event_stream.ts";
import { elementsOf, findMember, replaceSpan } from "../mcp/json_text.ts";
import { HeldAnswers } from "./held_answers.ts";
import { Listeners } from "./listeners.ts";
import { Outbox } from "./outbox.ts";
import type { OpenPeers, Peer, PeerSource } from "./peer.ts";
import type { Acceptance } from "./acceptance.ts";
import { PostAnswer } from "./post_answer.ts";
import { Questions } from "./questions.ts";
import { ServerVoice } from "./server_voice.ts";

export interface ConversationOptions {
  readonly parts: BridgeParts;
  readonly id: UpstreamSessionId;
  /** Names the session in log lines and event ids; outlives restarts. Letters and digits, no secret. */
  readonly session: string;
  /** Whether it replaces one that was lost: what a server told its client before is then out of date (L4). */
  readonly revival: boolean;
  readonly open: OpenPeers;
  /** Called if it has to end by itself: there is no peer for it any more. */
  readonly onDoomed: () => void;
}

/** A POST: its text, and the messages in it. */
export interface Post {
  readonly text: Uint8Array;
  readonly parsed: Parsed;
  readonly accepts: Acceptance;
}

type Single = Exclude<Parsed, { kind: "batch" }>;

/** One message with its text. */
interface Piece {
  readonly text: Uint8Array;
  readonly message: Single;
}

const encoder = new TextEncoder();

/** Code of errors made here: the server-defined range of JSON-RPC 2.0, as everywhere in Signet. */
const BRIDGE_ERROR = -32000;

export class Conversation {
  readonly id: UpstreamSessionId;
  readonly peers: PeerSource;
  readonly #options: ConversationOptions;
  readonly #events: EventLog;
  readonly #listeners: Listeners;
  readonly #questions: Questions;
  readonly #held: HeldAnswers;
  readonly #voice: ServerVoice;
  readonly #calls = new Calls();
  /** POSTs not yet answered, oldest first. */
  readonly #posts = new Set<PostAnswer>();
  /** Streams of POSTs that are not answered yet, for clients that resume them. */
  readonly #postStreams = new Map<number, EventStream>();
  #listsOutdated: boolean;
  #ended = false;

  constructor(options: ConversationOptions) {
    const { parts, session, open, onDoomed } = options;
    this.id = options.id;
    this.#options = options;
    this.#listsOutdated = options.revival;
    const run = randomName(parts, 8);
    const { maxLoggedEvents: maxEvents, maxLoggedBytes: maxBytes } = parts.limits;
    this.#events = new EventLog({ tag: session, run, maxEvents, maxBytes });
    this.#listeners = new Listeners(this.#events);
    this.#questions = new Questions(run);
    this.#held = new HeldAnswers(outboxOptions(parts));
    this.#voice = new ServerVoice({
      posts: this.#posts,
      listeners: this.#listeners,
      calls: this.#calls,
      questions: this.#questions,
    });
    this.peers = open({
      onMessage: (message, peer) => this.#voice.hear(message, peer),
      onLost: (peer) => this.#voice.withdrawAll(peer),
      onReplaced: (capabilities) => this.#voice.reportLists(capabilities),
      onDoomed,
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** For metrics: everything here that grows. */
  sizes(): { calls: number; questions: number; events: number; eventBytes: number } {
    const { size: events, bytes: eventBytes } = this.#events;
    return { calls: this.#calls.size, questions: this.#questions.size, events, eventBytes };
  }

  /** A POST that is no initialize. */
  post(post: Post): Call {
    const pieces = this.#piecesOf(post);
    const requests = pieces.filter(({ message }) => message.kind === "request");
    const refusal = this.#refusalOf(post, requests);
    if (refusal !== undefined) return { response: Promise.resolve(refusal), abort() {} };
    const { peer } = this.peers;
    if (requests.length === 0) return { response: this.#accept(pieces, peer), abort() {} };
    const answer = this.#newAnswer(post, requests.length);
    if (peer instanceof Promise) {
      peer.then((peer) => this.#dispatch(pieces, answer, peer)).catch((error) => answer.refuse(error));
    } else this.#dispatch(pieces, answer, peer);
    return { response: answer.response, abort: () => answer.abandon() };
  }

  /** A GET. @param lastEventId `Last-Event-ID`, if the client resumes */
  listen(lastEventId: string | undefined): ClientResponse {
    const outbox = this.#newOutbox();
    const place = lastEventId === undefined ? "lost" : this.#events.placeOf(lastEventId);
    if (place === undefined) {
      return errorAnswer(400, { id: null, code: BRIDGE_ERROR, message: "Bad request: unknown Last-Event-ID" });
    }
    let stream: EventStream | undefined;
    if (place === "lost") stream = this.#listeners.open(outbox, { prime: this.#primes });
    else if ((stream = this.#postStreams.get(place.stream)) !== undefined) stream.attach(outbox, place);
    else if ((stream = this.#listeners.resume(place, outbox)) === undefined) this.#replay(place, outbox);
    const onRelease = () => {
      stream?.detach(outbox);
      outbox.fail("aborted", "reading an event stream: its client has left");
    };
    return eventAnswer(outbox, { onRelease });
  }

  /** Ends it: calls, streams, and processes. Settles when nothing of it is left. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const post of this.#posts) post.refuse(endedError());
    this.#posts.clear();
    this.#listeners.end();
    for (const stream of this.#postStreams.values()) stream.end();
    await this.peers.stop();
  }

  get #primes(): boolean {
    return allowsPrimingEvents(this.peers.protocolVersion);
  }

  #piecesOf({ text, parsed }: Post): Piece[] {
    if (parsed.kind !== "batch") return [{ text, message: parsed }];
    const spans = elementsOf(text);
    return parsed.messages.map((message, i) => ({ text: text.subarray(spans[i]!.start, spans[i]!.end), message }));
  }

  #refusalOf(post: Post, requests: readonly Piece[]): ClientResponse | undefined {
    const refuse = (id: RpcId | null, message: string, status = 400) =>
      errorAnswer(status, { id, code: status === 400 ? -32600 : BRIDGE_ERROR, message });
    if (post.parsed.kind === "batch" && !allowsBatches(this.peers.protocolVersion)) {
      return refuse(null, "Invalid request: this protocol version has no JSON-RPC batches");
    }
    const seen = new Set<string>();
    for (const { message } of requests) {
      const { id } = message as RpcRequest;
      const key = idKey(id);
      if (seen.has(key) || this.#calls.has(id)) {
        return refuse(id, "Invalid request: a request with this id is in flight already");
      }
      seen.add(key);
    }
    if (requests.length > 0 && this.#calls.size + requests.length > this.#options.parts.limits.maxCalls) {
      return refuse((requests[0]!.message as RpcRequest).id, "Too many requests in flight", 503);
    }
    return undefined;
  }

  /** Notifications and answers: 202, whatever becomes of them (PROTOCOL.md 10). */
  async #accept(pieces: readonly Piece[], peer: Peer | Promise<Peer>): Promise<ClientResponse> {
    if (peer instanceof Promise) {
      peer = await peer.catch((error) => {
        throw this.#ended ? endedError() : error;
      });
    }
    for (const { text, message } of pieces) this.#pass(text, message, peer);
    return bareAnswer(202);
  }

  #dispatch(pieces: readonly Piece[], answer: PostAnswer, peer: Peer): void {
    for (const { text, message } of pieces) {
      if (message.kind === "request") this.#ask(text, message, { answer, peer });
      else this.#pass(text, message, peer);
    }
  }

  #ask(text: Uint8Array, request: RpcRequest, on: { answer: PostAnswer; peer: Peer }): void {
    const { answer, peer } = on;
    const span = findMember(text, "id")!;
    const clientId = text.slice(span.start, span.end);
    const call: OpenCall = { id: request.id, answer, peer, token: progressTokenOf(request), ownId: 0 };
    // Both may have waited for the same restart.
    if (this.#calls.has(request.id)) return this.#fail(call, "A request with this id is in flight already");
    const ownId = peer.ask(text, span, {
      onReply: ({ line, value }) => {
        if (value.error === undefined) this.#noteEffect(text, request);
        return this.#answer(call, replaceSpan(line, findMember(line, "id")!, clientId));
      },
      onLost: ({ reason }) => this.#fail(call, reason),
    });
    if (ownId === undefined) return this.#fail(call, "The MCP server does not take more requests now");
    call.ownId = ownId;
    this.#calls.add(call);
  }

  /** What a later process of this session has to be told too. */
  #noteEffect(text: Uint8Array, { method, params }: RpcRequest): void {
    if (method === "logging/setLevel") this.peers.remember(method, text);
    const uri = params?.uri;
    if (method === "resources/subscribe") this.peers.remember(`subscription ${uri}`, text);
    if (method === "resources/unsubscribe") this.peers.remember(`subscription ${uri}`, undefined);
  }

  #answer(call: OpenCall, response: Uint8Array): Promise<void> | undefined {
    this.#calls.remove(call);
    return call.answer.answer(response);
  }

  #fail(call: OpenCall, message: string): void {
    void this.#answer(call, errorResponse(call.id, BRIDGE_ERROR, message));
  }

  /** A notification or an answer of the client's. */
  #pass(text: Uint8Array, message: Single, peer: Peer): void {
    if (message.kind === "response") return this.#questions.answer(message.id, text);
    if (message.kind !== "notification") return;
    if (message.method === "notifications/cancelled") return this.#cancel(text, message);
    peer.send(text);
    if (message.method !== "notifications/initialized") return;
    this.peers.confirm();
    if (this.#listsOutdated) this.#voice.reportLists(this.peers.capabilities);
    this.#listsOutdated = false;
  }

  /**
   * Tells the process that runs the call, by the id it has there (C2). The answer is closed here: a server that obeys
   * sends none (MCP 2025-11-25, Cancellation).
   */
  #cancel(text: Uint8Array, { params }: RpcNotification): void {
    const call = this.#calls.get(params?.requestId);
    if (call === undefined) return;
    const span = findMember(text, "requestId", findMember(text, "params"))!;
    call.peer.send(replaceSpan(text, span, encoder.encode(String(call.ownId))));
    call.peer.forget(call.ownId);
    this.#fail(call, "Cancelled by the client");
  }

  #newAnswer({ parsed, accepts }: Post, expected: number): PostAnswer {
    const { limits, timers } = this.#options.parts;
    let stream: EventStream | undefined;
    const answer: PostAnswer = new PostAnswer({
      accepts,
      expected,
      batch: parsed.kind === "batch",
      primes: this.#primes,
      streamAfterMs: limits.streamAfterMs,
      timers,
      newStream: () => {
        stream = new EventStream(this.#events);
        this.#postStreams.set(stream.number, stream);
        return stream;
      },
      newOutbox: () => this.#newOutbox(),
      held: this.#held,
      onDone: () => {
        this.#posts.delete(answer);
        if (stream !== undefined) this.#postStreams.delete(stream.number);
      },
    });
    this.#posts.add(answer);
    return answer;
  }

  #newOutbox(): Outbox {
    return new Outbox(outboxOptions(this.#options.parts));
  }

  /** What is left of a stream that has ended. */
  #replay(place: { stream: number; sequence: number }, outbox: Outbox): void {
    EventStream.ended(this.#events, place.stream).attach(outbox, place);
  }
}

function endedError(): SignetError {
  return new SignetError("session_not_found", { facts: { outcome: "ended" } });
}
