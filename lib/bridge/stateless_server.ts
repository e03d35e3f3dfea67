// One principal's stateless requests (MCP 2026-07-28) to a peer of its own. A server that speaks the revision gets them
// as they are, but for ids and progress tokens, which would clash between clients; for one of the sessions' era they
// are translated where both sides can, and refused clearly where not (docs/protocol.md 28–31, 38).
import { ERROR_KINDS, type ErrorCode, SignetError } from "../errors.ts";
import type { Charge } from "../http1/byte_account.ts";
import type { Call, ClientResponse } from "../http1/types.ts";
import { idText, isJsonObject, type JsonObject, type RpcId, type RpcRequest } from "../mcp/json_rpc.ts";
import { isHeardAt, type LogLevel, wantedLevelOf } from "../mcp/log_levels.ts";
import { metaOf } from "../mcp/modern.ts";
import { errorAnswer } from "./http_answer.ts";
import { errorWithId, progressTokenOf } from "./open_calls.ts";
import { PassingStream } from "./event_stream.ts";
import { HeldAnswers } from "./held_answers.ts";
import { findMember, replaceSpan, type Span } from "../mcp/json_text.ts";
import { SameDelay } from "../platform/timers.ts";
import type { StatelessLife } from "./stateless_life.ts";
import {
  discoverResult,
  encodeJson,
  endOfSubscription,
  errorForModern,
  type Filter,
  filterAccepts,
  honoredFilter,
  isCommonMethod,
  META_LOG_LEVEL,
  META_SUBSCRIPTION_ID,
  requestForLegacy,
  resultForModern,
  stamped,
  statusOfAnswer,
} from "../mcp/between_eras.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import type { ParkedPlace } from "./parking.ts";
import { type Carrier, type Loss, type Message, NO_CARRIER, ownCarrier, type Peer } from "./peer.ts";
import { KeptAnswers } from "./kept_answers.ts";
import type { LostParks } from "./lost_parks.ts";
import { canAnswer, mayAsk, type Parked, parkedIn, ParkedQuestions } from "./parked_questions.ts";
import { RepeatableTools } from "./repeatable_tools.ts";
import { rpcFaultOf } from "./rpc_fault.ts";
import type { BridgeLimits, RerunOutcome } from "./limits.ts";
import type { Acceptance } from "./acceptance.ts";
import { refusalIfOverdrawn } from "./overdrawn.ts";
import { PostAnswer } from "./post_answer.ts";
import {
  type Addresses,
  addressesIn,
  askToOpen,
  FinishedAddresses,
  notOpened,
  opensAddresses,
  reopenedIn,
  withoutAnswers,
} from "./url_questions.ts";

export interface StatelessPost extends Carrier {
  readonly text: Uint8Array;
  readonly request: RpcRequest;
  readonly accepts: Acceptance;
}

export interface StatelessServerOptions {
  readonly life: StatelessLife;
  readonly outbox: OutboxOptions;
  readonly limits: BridgeLimits;
  /** A place for a call that waits for its client; undefined where there is none. */
  readonly takePlace: () => ParkedPlace | undefined;
  /** This replica's address, for what is to come back to it. */
  readonly home: string | undefined;
  /** What is known of calls whose wait has come to nothing, of all callers. */
  readonly lost: LostParks;
  readonly onLostCall: ((outcome: RerunOutcome) => void) | undefined;
  /** Hexadecimal digits that nobody can guess. */
  readonly newName: () => string;
  /** The last request in hand has ended. */
  readonly onIdle: () => void;
}

/** One request in hand. Of its text nothing is kept once it is on its way. */
interface Exchange {
  readonly method: string;
  readonly answer: PostAnswer;
  /** The client's id and progress token as it wrote them. */
  readonly id: Uint8Array;
  readonly token: Uint8Array | undefined;
  /** What it wants to hear of that is logged; undefined: nothing. */
  readonly logLevel: LogLevel | undefined;
  /** What runs it; undefined while it waits, or if it is answered from here. */
  running: Run | undefined;
  /** What it is told of, if it is a subscription answered from here. */
  filter: Filter | undefined;
  /** Whether it is a subscription that its client knows to have begun. */
  acknowledged: boolean;
  /** What it takes to make the call once more, whose client says that what had to be opened is. */
  reopened: Reopening | undefined;
}

interface Reopening {
  readonly addresses: Addresses;
  readonly post: Translated;
  readonly charge: Charge;
  /** While its server is given time. */
  stopWaiting: (() => void) | undefined;
}

/** A call at its peer. */
interface Run {
  readonly peer: Peer;
  readonly ownId: number;
  readonly method: string;
  /** The request that it answers; undefined while its client has been asked, and has not come back. */
  exchange: Exchange | undefined;
  /** What the peer wants to know of the client. */
  questions: ParkedQuestions | undefined;
  /** For as long as it may have to wait for its client. */
  place: ParkedPlace | undefined;
  /** Ends the gathering of questions. */
  cancelGathering: (() => void) | undefined;
  /** The peer's answer, which came while nobody waited for it. */
  kept: Message | undefined;
  /** What its client has said already, where it is a call made again. */
  readonly answers: KeptAnswers | undefined;
}

/** A request in the words of the sessions' era. */
type Translated = Carrier & { readonly text: Uint8Array };

const METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602;
/** So often a server is told that nobody comes back for a call. */
const MAX_TRIES = 100;
/** Of errors made here: see `rpcCodeFor`. */
const { status: GONE } = ERROR_KINDS.upstream_unreachable, { status: BUSY } = ERROR_KINDS.request_limit;

export class StatelessServer {
  readonly #options: StatelessServerOptions;
  readonly #held: HeldAnswers;
  readonly #exchanges = new Set<Exchange>();
  /** By the id the process knows them by, which is their progress token too. */
  readonly #running = new Map<number, Run>();
  /** Those whose client has been asked, by the name that its answer leads back with. */
  readonly #parked = new Map<string, Run>();
  /** Those that nobody comes back for, and whose server does not take it now to hear of that. */
  readonly #givingUp = new Set<Run>();
  /** Bytes of requests that wait for a peer to be started. */
  readonly #waiting: Charge;
  readonly #patience: SameDelay;
  readonly #gathering: SameDelay;
  readonly #finished: FinishedAddresses;
  readonly #repeatable: RepeatableTools;
  /** Resources that subscriptions want to know of, and their URIs together, in UTF-16 units. */
  #watched = 0;
  #watchedLength = 0;

  constructor(options: StatelessServerOptions) {
    this.#options = options;
    this.#held = new HeldAnswers(options.outbox);
    this.#waiting = options.outbox.account.open();
    this.#patience = new SameDelay(options.outbox.timers, options.limits.streamAfterMs);
    this.#gathering = new SameDelay(options.outbox.timers, options.limits.gatherMs);
    this.#finished = new FinishedAddresses(options.outbox.timers);
    this.#repeatable = new RepeatableTools(options.outbox.timers);
    options.life.onMessage = (message, peer, about) => this.#hear(message, peer, about);
    options.life.onLost = () => {
      this.#repeatable.forget();
      this.#keepTelling();
    };
    options.life.onReplaced = () => this.#repeatable.forget();
  }

  /** Requests in hand, and calls that wait for their clients. */
  get size(): number {
    return this.#exchanges.size + this.#parked.size + this.#givingUp.size;
  }

  post(post: StatelessPost): Call {
    const refusal = this.#refusalOf(post);
    if (refusal !== undefined) return { response: Promise.resolve(refusal), abort() {} };
    const exchange = this.#begin(post);
    void this.#run(exchange, post);
    const { answer } = exchange;
    return { response: answer.response, abort: () => answer.abandon() };
  }

  /** Tells every open subscription that it ends, and gives up the rest. */
  end(): void {
    this.#endSubscriptions(({ acknowledged }) => acknowledged);
    for (const exchange of [...this.#exchanges]) this.#fail(exchange, GONE, "The MCP server was stopped");
    for (const run of [...this.#parked.values()]) this.#unpark(run);
    for (const run of [...this.#givingUp]) this.#drop(run);
    this.#patience.close();
    this.#gathering.close();
  }

  #endSubscriptions(which: (exchange: Exchange) => boolean): void {
    for (const exchange of [...this.#exchanges]) {
      if (which(exchange)) {
        void this.#respond(exchange, endOfSubscription(resultText(exchange.id, ENDED), exchange.id));
      }
    }
  }

  /** Subscriptions answered from here need a peer that tells: another one takes the lost one's place, or they end (B9). */
  #keepTelling(): void {
    if ([...this.#exchanges].every(({ filter }) => filter === undefined)) return;
    const end = () => this.#endSubscriptions(({ filter }) => filter !== undefined);
    this.#options.life.peer(NO_CARRIER).catch(end);
  }

  #refusalOf({ text, request }: StatelessPost): ClientResponse | undefined {
    const { limits: { maxCalls, maxWaitingBytes }, outbox: { account } } = this.#options;
    // A client whose probe fails with 5xx gives up (docs/protocol.md 38).
    const refusal = request.method === "server/discover" ? undefined : refusalIfOverdrawn(account, request.id);
    if (refusal !== undefined) return refusal;
    const waiting = this.#waiting.bytes;
    const fits = waiting === 0 || waiting + text.length <= maxWaitingBytes;
    if (fits && this.#exchanges.size < maxCalls && this.#waiting.resize(waiting + text.length)) return undefined;
    return errorAnswer("request_limit", {
      id: request.id,
      code: BUSY,
      message: "Too many calls at once for this caller",
    });
  }

  #begin(post: StatelessPost): Exchange {
    const { text, request, accepts } = post;
    const { outbox, onIdle } = this.#options;
    const span = findMember(text, "id")!;
    const token = progressTokenOf(request) === undefined ? undefined : tokenSpan(text);
    const forget = () => {
      this.#exchanges.delete(exchange);
      if (exchange.running !== undefined) this.#end(exchange.running);
      this.#closeReopening(exchange);
      if (exchange.filter !== undefined) this.#watch(exchange.filter, -1);
      if (this.size === 0) onIdle();
    };
    const exchange: Exchange = {
      method: request.method,
      id: text.slice(span.start, span.end),
      token: token === undefined ? undefined : text.slice(token.start, token.end),
      logLevel: wantedLevelOf(metaOf(request.params)?.[META_LOG_LEVEL]),
      answer: new PostAnswer({
        accepts,
        expected: 1,
        batch: false,
        primes: false,
        patience: this.#patience,
        newStream: () => new PassingStream(),
        newOutbox: () => new Outbox(outbox),
        held: this.#held,
        onDone: forget,
        onAbandoned: () => {
          this.#cancel(exchange);
          forget();
        },
      }),
      running: undefined,
      filter: undefined,
      acknowledged: false,
      reopened: undefined,
    };
    this.#exchanges.add(exchange);
    return exchange;
  }

  /** The peer that takes the request; it knows what the client wants to hear of that is logged. @throws SignetError */
  async #readyPeer({ logLevel }: Exchange, post: StatelessPost): Promise<Peer> {
    const { life } = this.#options;
    const peer = await life.peer(post);
    if (logLevel !== undefined && life.era === "legacy") await life.wantLevel(logLevel, post);
    return peer;
  }

  async #run(exchange: Exchange, post: StatelessPost): Promise<void> {
    const { life } = this.#options;
    const bytes = post.text.length;
    try {
      const peer = await this.#readyPeer(exchange, post).finally(() =>
        this.#waiting.resize(this.#waiting.bytes - bytes)
      );
      if (!this.#exchanges.has(exchange)) return; // the client has left meanwhile
      if (life.era === "modern") this.#ask(exchange, peer, post);
      else this.#translate(exchange, peer, post);
    } catch (error) {
      if (error instanceof SignetError && exchange.answer.challenge(error)) return;
      const { code, message } = rpcFaultOf(error, true);
      // A client whose probe fails with 5xx gives up instead of opening a session (docs/protocol.md 38).
      if (exchange.method !== "server/discover") exchange.answer.refuse(error) || this.#fail(exchange, code, message);
      else {this.#fail(
          exchange,
          METHOD_NOT_FOUND,
          "Method not found: the MCP server cannot be asked now",
          "method_not_found",
        );}
    }
  }

  #translate(exchange: Exchange, peer: Peer, { text, request, fields, noted }: StatelessPost): void {
    if (request.method === "server/discover") {
      void this.#respond(exchange, resultText(exchange.id, discoverResult(this.#options.life.identity)));
    } else if (request.method === "subscriptions/listen") {
      this.#options.life.listen({ fields });
      this.#subscribe(exchange, request);
    } else if (isCommonMethod(request.method)) {
      const translated = { text: requestForLegacy(text, request), fields, noted };
      const isAgain = mayAsk(request.method) &&
        (this.#reopen(exchange, peer, translated) || this.#resume(exchange, peer, translated));
      if (isAgain) return;
      this.#ask(exchange, peer, translated);
    } else {
      const message = `Method not found: the MCP server speaks an earlier revision, which has no ${request.method} ` +
        "for clients without a session";
      this.#fail(exchange, METHOD_NOT_FOUND, message, "method_not_found");
    }
  }

  /** @param answers what its client has said already, which end with the call */
  #ask(exchange: Exchange, peer: Peer, { text, fields, noted }: Translated, answers?: KeptAnswers): void {
    const ownId = peer.nextId;
    const { method } = exchange;
    const run: Run = {
      peer,
      ownId,
      method,
      exchange,
      questions: undefined,
      place: undefined,
      cancelGathering: undefined,
      kept: undefined,
      answers,
    };
    const asked = exchange.token === undefined ? text : withToken(text, ownId);
    const sent = peer.ask(asked, findMember(asked, "id")!, {
      onReply: (reply) => this.#replied(run, reply),
      onLost: (loss) => this.#lost(run, loss),
    }, { fields, noted });
    if (sent === undefined) {
      answers?.release();
      return this.#fail(exchange, BUSY, "The MCP server does not take more requests now", "request_limit");
    }
    exchange.running = run;
    this.#running.set(ownId, run);
  }

  #replied(run: Run, reply: Message): Promise<void> | undefined {
    if (run.exchange !== undefined) {
      this.#end(run);
      return this.#answer(run.exchange, reply);
    }
    this.#running.delete(run.ownId);
    const isWaiting = !this.#givingUp.has(run);
    // What finds no room to be kept is as good as lost.
    if (isWaiting && run.place?.hold(reply.line.length) === true) {
      run.kept = { line: reply.line.slice(), value: reply.value };
    } else this.#drop(run);
    return undefined;
  }

  #lost(run: Run, { reason, refusal }: Loss): void {
    if (run.exchange === undefined) {
      if (run.questions !== undefined && this.#parked.has(run.questions.id)) this.#options.lost.note(run.questions.id);
      // Whoever runs it again may be another server.
      this.#repeatable.forget();
      return this.#drop(run);
    }
    this.#end(run);
    if (!run.exchange.answer.challenge(refusal)) this.#fail(run.exchange, GONE, reason);
  }

  /** It does not run any more, and waits for nobody. */
  #end(run: Run): void {
    this.#running.delete(run.ownId);
    this.#givingUp.delete(run);
    run.cancelGathering?.();
    run.place?.leave();
    run.answers?.release();
  }

  /** A request of the peer's: its client is asked by the answer to the call that it is about. */
  #question(message: Message, peer: Peer, about: number | undefined): void {
    const id = message.value.id as RpcId;
    if (message.value.method === "ping") return void peer.send(pong(id), NO_CARRIER);
    const run = this.#runAsking(about);
    const { life } = this.#options;
    if (run === undefined || life.era === "modern" || !canAnswer(message, life.capabilities)) {
      return peer.refuse(id, METHOD_NOT_FOUND, "this client cannot be asked");
    }
    const known = this.#isSurelyOf(run, about) ? run.answers?.answerTo(message) : undefined;
    if (known !== undefined && peer.send(answerTo(id, known), NO_CARRIER)) return;
    if (!this.#put(run, message)) return peer.refuse(id, -32603, "too many questions wait for the client");
    if (run.exchange === undefined) return; // asked when it comes back
    run.cancelGathering ??= this.#gathering.after(() => this.#park(run));
  }

  /** @returns false where there is no room for one more */
  #put(run: Run, message: Message): boolean {
    run.place ??= this.#options.takePlace();
    if (run.place === undefined) return false;
    const questions = run.questions ??= new ParkedQuestions(this.#options.newName(), run.peer);
    if (questions.add(message)) {
      if (run.place.hold(questions.bytes)) return true;
      questions.withdraw(message.value.id as RpcId);
    }
    if (questions.size === 0 && run.exchange !== undefined) this.#freePlace(run);
    return false;
  }

  /** It waits for its client no more, for now. */
  #freePlace(run: Run): void {
    run.place?.leave();
    run.place = undefined;
  }

  /**
   * Stdio does not say which call a question is about: the oldest that may ask, as good as any of its owner's, but for
   * those whose client is away already and may not come back.
   */
  #runAsking(about: number | undefined): Run | undefined {
    if (about !== undefined) {
      const run = this.#running.get(about);
      return run !== undefined && mayAsk(run.method) ? run : undefined;
    }
    const asking = [...this.#running.values()].filter(({ method }) => mayAsk(method));
    return asking.find(({ exchange }) => exchange !== undefined) ?? asking[0];
  }

  /** What was answered once is said only to the call that was answered: another one may ask the same, and mean another thing. */
  #isSurelyOf({ ownId }: Run, about: number | undefined): boolean {
    if (about !== undefined) return true;
    return [...this.#running.values()].every((run) => run.ownId === ownId || !mayAsk(run.method));
  }

  /** Answers the request with what is to be asked; the call waits from then on. */
  #park(run: Run): void {
    const { exchange, questions, place } = run;
    run.cancelGathering?.();
    run.cancelGathering = undefined;
    if (exchange === undefined || questions === undefined || place === undefined) return;
    if (questions.size === 0) return this.#freePlace(run);
    run.exchange = exchange.running = undefined;
    this.#parked.set(questions.id, run);
    place.wait(() => this.#unpark(run));
    const { home, lost: { process } } = this.#options;
    const text = `{"jsonrpc":"2.0","id":0,"result":{${questions.ask({ process, home })}}}`;
    const line = encoder.encode(text);
    void this.#respond(exchange, replaceSpan(line, findMember(line, "id")!, exchange.id));
  }

  /** A request that is made again with its answers. @returns false if it is one that brings none */
  #resume(exchange: Exchange, peer: Peer, post: Translated): boolean {
    const { text } = post;
    const parked = parkedIn(text);
    if (parked === undefined) return false;
    const run = parked === null ? undefined : this.#parked.get(parked.id);
    const { questions } = run ?? {};
    if (
      run === undefined || questions === undefined || run.method !== exchange.method ||
      questions.round !== parked?.round
    ) {
      if (run === undefined && parked !== null) void this.#makeAgain(exchange, peer, { post, parked });
      else void this.#respond(exchange, unknownState(exchange.id));
      return true;
    }
    run.place?.stopWaiting();
    this.#parked.delete(questions.id);
    run.exchange = exchange;
    exchange.running = run;
    if (run.kept !== undefined) {
      this.#end(run);
      void this.#answer(exchange, run.kept);
      return true;
    }
    questions.answer(text);
    run.place?.hold(questions.bytes);
    this.#park(run);
    return true;
  }

  /** A call that is lost is made again where its tool may be run again, once; any other is over (R8). */
  async #makeAgain(
    exchange: Exchange,
    peer: Peer,
    { post, parked }: { readonly post: Translated; readonly parked: Parked },
  ): Promise<void> {
    const { lost, onLostCall, life, outbox: { account } } = this.#options;
    if (!lost.take(parked)) return void this.#respond(exchange, unknownState(exchange.id));
    const charge = account.tryCharge(2 * post.text.length);
    if (charge === undefined) {
      lost.giveBack(parked);
      return this.#fail(exchange, BUSY, "The MCP server does not take more requests now", "request_limit");
    }
    const answers = new KeptAnswers(post.text, parked.marks, charge);
    const again = { text: withoutAnswers(post.text), ...ownCarrier(post) };
    const mayRun = exchange.method === "tools/call" &&
      await this.#repeatable.has(toolIn(post.text), { peer, carrier: again });
    const next = mayRun && this.#exchanges.has(exchange) ? await life.peer(again).catch(() => undefined) : undefined;
    const isWaiting = this.#exchanges.has(exchange);
    if (next === undefined || !isWaiting) {
      answers.release();
      lost.giveBack(parked);
      if (isWaiting) onLostCall?.("not_rerun");
      return void this.#respond(exchange, unknownState(exchange.id));
    }
    this.#ask(exchange, next, again, answers);
    // A server that does not take it now has not run it.
    if (exchange.running === undefined) return lost.giveBack(parked);
    onLostCall?.("rerun");
    if (again.noted !== undefined) again.noted.rerun = true;
  }

  /** Nobody comes back for it: the server is told, and the call is given up. */
  #unpark(run: Run): void {
    if (run.questions !== undefined) this.#parked.delete(run.questions.id);
    this.#giveUp(run, MAX_TRIES);
  }

  /** A server that many are given up at takes so much at once, and no more. */
  #giveUp(run: Run, triesLeft: number): void {
    const isTold = run.questions?.giveUp() !== false &&
      (!this.#running.has(run.ownId) || this.#cancelRun(run, "the client did not come back"));
    if (isTold || triesLeft === 0) return this.#drop(run);
    this.#givingUp.add(run);
    run.place?.tryAgain(() => this.#giveUp(run, triesLeft - 1));
  }

  /** Nothing comes of it any more, whoever knows. */
  #drop(run: Run): void {
    if (run.questions !== undefined) this.#parked.delete(run.questions.id);
    run.questions?.giveUp();
    run.peer.forget(run.ownId);
    this.#end(run);
    if (this.size === 0) this.#options.onIdle();
  }

  /** A request made again by a client that was asked to open something. @returns false if it is none */
  #reopen(exchange: Exchange, peer: Peer, { text, fields, noted }: Translated): boolean {
    const reopened = reopenedIn(text);
    if (reopened === undefined) return false;
    const { addresses, said } = reopened;
    const post = { text: withoutAnswers(text), ...ownCarrier({ fields, noted }) };
    const charge = said === "accept" ? this.#options.outbox.account.tryCharge(post.text.length) : undefined;
    if (charge !== undefined) {
      exchange.reopened = { addresses, post, charge, stopWaiting: undefined };
      this.#ask(exchange, peer, post);
    } else if (said === "accept") {
      this.#fail(exchange, BUSY, "The MCP server does not take more requests now", "request_limit");
    } else this.#say(exchange, said === "open" ? { result: askToOpen(addresses) } : notOpened(exchange.method, said));
    return true;
  }

  /**
   * A refusal until something has been opened: the client is asked, at first and when nothing has come of what it said.
   * In between the server gets time to hear of it.
   * @returns false if the answer is none
   */
  #askToOpen(exchange: Exchange, { value: { error } }: Message): boolean {
    const mayBe = mayAsk(exchange.method) && opensAddresses(this.#options.life.capabilities);
    const addresses = mayBe ? addressesIn(error) : undefined;
    if (addresses === undefined) return false;
    const { reopened } = exchange;
    if (reopened === undefined || reopened.stopWaiting !== undefined) {
      this.#say(exchange, { result: askToOpen(addresses) });
      return true;
    }
    exchange.running = undefined;
    reopened.stopWaiting = () => {};
    reopened.stopWaiting = this.#finished.when(reopened.addresses, {
      ms: this.#options.limits.openedMs,
      run: () => void this.#askOnceMore(exchange, reopened),
    });
    return true;
  }

  async #askOnceMore(exchange: Exchange, { post }: Reopening): Promise<void> {
    try {
      const peer = await this.#options.life.peer(post);
      if (this.#exchanges.has(exchange)) this.#ask(exchange, peer, post);
    } catch (error) {
      const { code, message } = rpcFaultOf(error, true);
      exchange.answer.refuse(error) || this.#fail(exchange, code, message);
    }
  }

  #closeReopening({ reopened }: Exchange): void {
    reopened?.stopWaiting?.();
    reopened?.charge.release();
  }

  /** An answer made here. */
  #say(exchange: Exchange, body: JsonObject): void {
    const text = encodeJson({ jsonrpc: "2.0", id: 0, ...body });
    void this.#respond(exchange, replaceSpan(text, findMember(text, "id")!, exchange.id));
  }

  #answer(exchange: Exchange, { line, value }: Message): Promise<void> | undefined {
    const { life } = this.#options;
    const { method } = exchange;
    if (life.era === "legacy" && this.#askToOpen(exchange, { line, value })) return undefined;
    const text: Uint8Array = replaceSpan(line, findMember(line, "id")!, exchange.id);
    if (life.era === "legacy") {
      const translated = isJsonObject(value.result)
        ? resultForModern(text, method, life.identity)
        : errorForModern(text, isJsonObject(value.error) ? value.error.code : undefined);
      return this.#respond(exchange, translated);
    }
    const whole = method === "subscriptions/listen" ? endOfSubscription(text, exchange.id) : text;
    return this.#respond(exchange, whole, statusOfAnswer(method, value));
  }

  #respond(exchange: Exchange, text: Uint8Array, status?: number): Promise<void> | undefined {
    if (this.#exchanges.has(exchange)) return exchange.answer.answer(text, { status });
    return undefined;
  }

  /** @param kind of Signet's own refusals, where it has a status of its own */
  #fail(exchange: Exchange, code: number, message: string, kind?: ErrorCode): void {
    if (!this.#exchanges.has(exchange)) return;
    const refusal = kind === undefined ? undefined : { code: kind, found: message };
    const status = kind === undefined ? undefined : ERROR_KINDS[kind].status;
    void exchange.answer.answer(errorWithId(exchange.id, { code, message }), { status, refusal });
  }

  /** The client has closed its stream: that is how this revision cancels (docs/protocol.md 30). */
  #cancel({ running }: Exchange): void {
    if (running !== undefined && !this.#cancelRun(running, "the client has closed the stream")) {
      running.peer.forget(running.ownId);
    }
  }

  /** @returns false if the peer does not take it now, and then nothing has changed */
  #cancelRun({ peer, ownId: requestId }: Run, reason: string): boolean {
    const params = { requestId, reason };
    const cancelled = encodeJson({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    if (!peer.send(cancelled, NO_CARRIER)) return false;
    peer.forget(requestId);
    return true;
  }

  #hear(message: Message, peer: Peer, about: number | undefined): Promise<void> | undefined {
    const { line, value } = message;
    if (value.id !== undefined) return void this.#question(message, peer, about);
    if (value.method === "notifications/progress") return this.#progress(line, value);
    if (value.method === "notifications/message") return this.#log(message, about);
    if (value.method === "notifications/cancelled") return this.#withdraw(value);
    if (value.method === "notifications/elicitation/complete") return void this.#finished.note(value);
    if (value.method === "notifications/tools/list_changed") this.#repeatable.forget();
    return this.#options.life.era === "modern" ? this.#relayStamped(line, value) : this.#publish(value);
  }

  #progress(line: Uint8Array, { params }: JsonObject): Promise<void> | undefined {
    const exchange = isJsonObject(params) ? this.#running.get(params.progressToken as number)?.exchange : undefined;
    if (exchange?.token === undefined || !exchange.answer.canStream) return undefined;
    const span = findMember(line, "progressToken", findMember(line, "params"))!;
    return exchange.answer.send(replaceSpan(line, span, exchange.token));
  }

  /** Stdio does not say which request a log line is about: it is told only where one alone has asked for any. */
  #log({ line, value: { params } }: Message, about: number | undefined): Promise<void> | undefined {
    const level = isJsonObject(params) ? params.level : undefined;
    const runs = about === undefined ? [...this.#running.values()] : [this.#running.get(about)];
    const wanting = runs.map((run) => run?.exchange).filter((exchange) =>
      exchange?.logLevel !== undefined && isHeardAt(level, exchange.logLevel) && exchange.answer.canStream
    );
    return wanting.length === 1 ? wanting[0]!.answer.send(line) : undefined;
  }

  /** A server that does not wait any longer for what it has asked. */
  #withdraw({ params }: JsonObject): undefined {
    const id = isJsonObject(params) ? params.requestId as RpcId : undefined;
    if (id === undefined) return;
    for (const { questions, place } of this.#running.values()) {
      if (questions?.withdraw(id) !== true) continue;
      place?.hold(questions.bytes);
      return;
    }
  }

  /** What a stateless server says on a subscription bears the request's id (docs/protocol.md 31). */
  #relayStamped(line: Uint8Array, { method, params }: JsonObject): Promise<void> | undefined {
    const meta = isJsonObject(params) ? metaOf(params) : undefined;
    const exchange = this.#running.get(meta?.[META_SUBSCRIPTION_ID] as number)?.exchange;
    if (exchange === undefined || !exchange.answer.canStream) return undefined;
    if (method === ACKNOWLEDGED) exchange.acknowledged = true;
    return exchange.answer.send(withSubscriptionId(line, exchange.id));
  }

  /** A subscription to a server that has none: acknowledged here, told what the server tells everybody. */
  #subscribe(exchange: Exchange, request: RpcRequest): void {
    const filter = honoredFilter(request.params, this.#options.life.identity);
    if (filter === undefined || !exchange.answer.canStream) {
      const message = filter === undefined
        ? "Invalid params: notifications must be a filter"
        : "Invalid params: a subscription needs a client that accepts text/event-stream";
      return this.#fail(exchange, INVALID_PARAMS, message);
    }
    if (!this.#hasRoomFor(filter)) {
      return this.#fail(exchange, INVALID_PARAMS, "Invalid params: too many resource subscriptions");
    }
    exchange.filter = filter;
    exchange.acknowledged = true;
    const text = stamped(ACKNOWLEDGED, { notifications: filter }, 0);
    void exchange.answer.send(withSubscriptionId(text, exchange.id));
    this.#watch(filter, 1);
  }

  #hasRoomFor({ resourceSubscriptions: uris = [] }: Filter): boolean {
    const { maxSubscriptions, maxSubscribedLength } = this.#options.limits;
    return this.#watched + uris.length <= maxSubscriptions &&
      this.#watchedLength + lengthOf(uris) <= maxSubscribedLength;
  }

  #watch({ resourceSubscriptions = [] }: Filter, change: 1 | -1): void {
    this.#watched += change * resourceSubscriptions.length;
    this.#watchedLength += change * lengthOf(resourceSubscriptions);
    for (const uri of resourceSubscriptions) this.#options.life.watchResource(uri, change);
  }

  #publish(value: JsonObject): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const { filter, answer, id } of this.#exchanges) {
      if (filter === undefined || !filterAccepts(filter, value) || !answer.canStream) continue;
      const wait = answer.send(withSubscriptionId(stamped(value.method, value.params, 0), id));
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }
}

/** The end of a subscription that neither side has asked for (docs/protocol.md 32). */
const ENDED = { resultType: "complete" };
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

const encoder = new TextEncoder();

function pong(id: RpcId): Uint8Array {
  return encoder.encode(`{"jsonrpc":"2.0","id":${idText(id)},"result":{}}`);
}

function answerTo(id: RpcId, result: string): Uint8Array {
  return encoder.encode(`{"jsonrpc":"2.0","id":${idText(id)},"result":${result}}`);
}

/** A state that leads to no call that waits: what waited is gone, or was never there, or has been answered. */
function unknownState(id: Uint8Array): Uint8Array {
  const text = encodeJson({
    jsonrpc: "2.0",
    id: 0,
    error: {
      code: INVALID_PARAMS,
      message: "Invalid params: the call that this requestState belongs to does not wait any more",
      data: { reason: "invalid_request_state" },
    },
  });
  return replaceSpan(text, findMember(text, "id")!, id);
}

/** The name of a tool that is called. */
function toolIn(text: Uint8Array): unknown {
  const params = findMember(text, "params");
  const name = params === undefined ? undefined : findMember(text, "name", params);
  return name === undefined ? undefined : JSON.parse(new TextDecoder().decode(text.subarray(name.start, name.end)));
}

function lengthOf(uris: readonly string[]): number {
  return uris.reduce((sum, uri) => sum + uri.length, 0);
}

function resultText(id: Uint8Array, result: unknown): Uint8Array<ArrayBuffer> {
  const text = encodeJson({ jsonrpc: "2.0", id: 0, result });
  return replaceSpan(text, findMember(text, "id")!, id);
}

function tokenSpan(text: Uint8Array): Span {
  return findMember(text, "progressToken", findMember(text, "_meta", findMember(text, "params")))!;
}

function withToken(text: Uint8Array, token: number): Uint8Array {
  return replaceSpan(text, tokenSpan(text), encodeJson(token));
}

function withSubscriptionId(line: Uint8Array, id: Uint8Array): Uint8Array<ArrayBuffer> {
  const params = findMember(line, "params");
  const meta = params === undefined ? undefined : findMember(line, "_meta", params);
  const span = meta === undefined ? undefined : findMember(line, META_SUBSCRIPTION_ID, meta);
  return span === undefined ? line.slice() : replaceSpan(line, span, id);
}
