// One principal's stateless requests (MCP 2026-07-28) to a peer of its own. A server that speaks the revision gets them
// as they are, but for ids and progress tokens, which would clash between clients; for one of the sessions' era they
// are translated where both sides can, and refused clearly where not (docs/protocol.md 28–31, 38).
import { ERROR_KINDS, SignetError } from "../../errors.ts";
import type { Charge } from "../../http1/byte_account.ts";
import { callOf } from "../../http1/call_of.ts";
import type { Call, ClientResponse } from "../../http1/types.ts";
import {
  discoverResult,
  endOfSubscription,
  errorForModern,
  isCommonMethod,
  requestForLegacy,
  resultForModern,
  statusOfAnswer,
} from "../../mcp/eras/between_eras.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { idSpan } from "../../mcp/json/placed_text.ts";
import { INTERNAL_ERROR, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { statelessFaultOf } from "../../mcp/messages/rpc_fault.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { isJsonObject } from "../../platform/json.ts";
import { errorAnswer } from "../answers/http_answer.ts";
import type { OutboxOptions } from "../answers/outbox.ts";
import { refusalIfOverdrawn } from "../answers/overdrawn.ts";
import type { BridgeLimits, RerunOutcome } from "../limits.ts";
import type { Loss, Message, Peer } from "../peer/peer.ts";
import type { Exchange, Run, StatelessPost } from "./exchange.ts";
import { Exchanges } from "./exchanges.ts";
import { LostCalls } from "./lost_calls.ts";
import { ParkedCalls } from "./parked_calls.ts";
import { ReopenedCalls } from "./reopened_calls.ts";
import { RepeatableTools } from "./repeatable_tools.ts";
import type { LostParks } from "./rounds/lost_parks.ts";
import { mayAsk } from "./rounds/parked_questions.ts";
import type { ParkedPlace } from "./rounds/parking.ts";
import { Runs } from "./runs.ts";
import type { StatelessLife } from "./stateless_life.ts";
import { Subscriptions } from "./subscriptions.ts";
import { StatelessVoice } from "./voice.ts";

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

/** Of errors made here: see `rpcCodeFor`. */
const { status: GONE } = ERROR_KINDS.upstream_unreachable, { status: BUSY } = ERROR_KINDS.request_limit;

export class StatelessServer {
  readonly #options: StatelessServerOptions;
  readonly #exchanges: Exchanges;
  readonly #runs: Runs;
  readonly #parked: ParkedCalls;
  readonly #reopened: ReopenedCalls;
  readonly #subscriptions: Subscriptions;
  readonly #repeatable: RepeatableTools;
  /** Bytes of requests that wait for a peer to be started. */
  readonly #waiting: Charge;

  constructor(options: StatelessServerOptions) {
    const { life, outbox, limits, lost } = options;
    const { account, timers } = outbox;
    this.#options = options;
    this.#waiting = account.open();
    const exchanges = this.#exchanges = new Exchanges({
      outbox,
      streamAfterMs: limits.streamAfterMs,
      onLeft: (exchange) => this.#cancel(exchange),
      onGone: (exchange) => this.#forget(exchange),
    });
    const runs = this.#runs = new Runs({
      exchanges,
      onReply: (run, reply) => this.#replied(run, reply),
      onLost: (run, loss) => this.#lost(run, loss),
    });
    const repeatable = this.#repeatable = new RepeatableTools(timers);
    const common = { life, exchanges, runs };
    const { takePlace, home, newName, onLostCall } = options;
    const parked = this.#parked = new ParkedCalls({
      ...{ ...common, lost, takePlace, home, newName, timers, gatherMs: limits.gatherMs },
      lostCalls: new LostCalls({ ...common, account, lost, repeatable, onLostCall }),
      onAnswer: (exchange, reply) => void this.#answer(exchange, reply),
      onGone: () => this.#restIfIdle(),
    });
    const reopened = this.#reopened = new ReopenedCalls({ ...common, account, timers, openedMs: limits.openedMs });
    const subscriptions = this.#subscriptions = new Subscriptions({ life, exchanges, limits });
    const voice = new StatelessVoice({ life, runs, parked, reopened, subscriptions, repeatable });
    life.onMessage = (message, peer, about) => voice.hear(message, peer, about);
    life.onLost = () => {
      repeatable.forget();
      subscriptions.keepTelling();
    };
    life.onReplaced = () => repeatable.forget();
  }

  /** Requests in hand, and calls that wait for their clients. */
  get size(): number {
    return this.#exchanges.size + this.#parked.size;
  }

  post(post: StatelessPost): Call {
    const refusal = this.#refusalOf(post);
    if (refusal !== undefined) return callOf(Promise.resolve(refusal));
    const exchange = this.#exchanges.begin(post);
    void this.#run(exchange, post);
    const { answer } = exchange;
    return { response: answer.response, abort: () => answer.abandon() };
  }

  /** Tells every open subscription that it ends: who wants to hear more subscribes again. */
  endSubscriptions(): void {
    this.#subscriptions.end(({ acknowledged }) => acknowledged);
  }

  /** Tells every open subscription that it ends, and gives up the rest. */
  end(): void {
    this.endSubscriptions();
    for (const exchange of this.#exchanges.all()) this.#exchanges.fail(exchange, GONE, "The MCP server was stopped");
    this.#parked.end();
    this.#exchanges.close();
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
      if (life.era === "modern") this.#runs.ask(exchange, peer, post);
      else this.#translate(exchange, peer, post);
    } catch (error) {
      this.#refuse(exchange, error);
    }
  }

  /** There is no peer. */
  #refuse(exchange: Exchange, error: unknown): void {
    if (error instanceof SignetError && exchange.answer.challenge(error)) return;
    // A client whose probe fails with 5xx gives up instead of opening a session (docs/protocol.md 38).
    if (exchange.method === "server/discover") {
      const message = "Method not found: the MCP server cannot be asked now";
      return this.#exchanges.fail(exchange, METHOD_NOT_FOUND, message, "method_not_found");
    }
    const { code, message } = statelessFaultOf(error);
    exchange.answer.refuse(error) || this.#exchanges.fail(exchange, code, message);
  }

  #translate(exchange: Exchange, peer: Peer, post: StatelessPost): void {
    const { life } = this.#options;
    const { request, fields, noted } = post;
    if (request.method === "server/discover") {
      this.#exchanges.say(exchange, { result: discoverResult(life.identity) });
    } else if (request.method === "subscriptions/listen") {
      life.listen({ fields });
      this.#subscriptions.open(exchange, request);
    } else if (isCommonMethod(request.method)) {
      const translated = { ...requestForLegacy(post, request), fields, noted };
      const isAgain = mayAsk(request.method) &&
        (this.#reopened.resume(exchange, peer, translated) || this.#parked.resume(exchange, peer, translated));
      if (!isAgain) this.#runs.ask(exchange, peer, translated);
    } else {
      const message = `Method not found: the MCP server speaks an earlier revision, which has no ${request.method} ` +
        "for clients without a session";
      this.#exchanges.fail(exchange, METHOD_NOT_FOUND, message, "method_not_found");
    }
  }

  #replied(run: Run, reply: Message): Promise<void> | undefined {
    if (run.exchange === undefined) return void this.#parked.answered(run, reply);
    this.#runs.end(run);
    return this.#answer(run.exchange, reply);
  }

  #lost(run: Run, { reason, refusal }: Loss): void {
    if (run.exchange === undefined) {
      this.#parked.lose(run);
      // Whoever runs it again may be another server.
      return this.#repeatable.forget();
    }
    this.#runs.end(run);
    if (!run.exchange.answer.challenge(refusal)) this.#exchanges.fail(run.exchange, GONE, reason);
  }

  /** Whatever goes wrong here, its client does not wait in vain (B9). */
  #answer(exchange: Exchange, reply: Message): Promise<void> | undefined {
    try {
      return this.#translateBack(exchange, reply);
    } catch (fault) {
      tellIfOwn(fault);
      return void this.#exchanges.fail(exchange, INTERNAL_ERROR, "Internal error");
    }
  }

  #translateBack(exchange: Exchange, { line, value, id = idSpan(line) }: Message): Promise<void> | undefined {
    const { life } = this.#options;
    const { method } = exchange;
    if (life.era === "legacy" && this.#reopened.take(exchange, { line, value })) return undefined;
    const text: Uint8Array = replaceSpan(line, id, exchange.id);
    if (life.era === "legacy") {
      const translated = isJsonObject(value.result)
        ? resultForModern(text, method, life.identity)
        : errorForModern(text, isJsonObject(value.error) ? value.error.code : undefined);
      return this.#exchanges.respond(exchange, translated);
    }
    const whole = method === "subscriptions/listen" ? endOfSubscription(text, exchange.id) : text;
    return this.#exchanges.respond(exchange, whole, statusOfAnswer(method, value));
  }

  /** The client has closed its stream: that is how this revision cancels (docs/protocol.md 30). */
  #cancel({ running }: Exchange): void {
    if (running !== undefined && !this.#runs.cancel(running, "the client has closed the stream")) {
      running.peer.forget(running.ownId);
    }
  }

  #forget(exchange: Exchange): void {
    if (exchange.running !== undefined) this.#runs.end(exchange.running);
    this.#reopened.close(exchange);
    this.#subscriptions.close(exchange);
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.size === 0) this.#options.onIdle();
  }
}
