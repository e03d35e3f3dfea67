// The stateless requests in hand: each is answered once, under its client's own id, or its client leaves before.
import { ERROR_KINDS, type ErrorCode } from "../../errors.ts";
import { META_LOG_LEVEL } from "../../mcp/eras/between_eras.ts";
import { metaOf } from "../../mcp/eras/modern.ts";
import { wantedLevelOf } from "../../mcp/log_levels.ts";
import { errorWithId } from "../../mcp/messages/rpc_fault.ts";
import type { JsonObject } from "../../platform/json.ts";
import { SameDelay } from "../../platform/time/timers.ts";
import { PassingStream } from "../answers/event_stream.ts";
import { HeldAnswers } from "../answers/held_answers.ts";
import { Outbox, type OutboxOptions } from "../answers/outbox.ts";
import { PostAnswer } from "../answers/post_answer.ts";
import { progressTokenOf } from "../peer/message_ids.ts";
import type { Exchange, StatelessPost } from "./exchange.ts";
import { clientResponse, tokenSpan } from "./texts.ts";

export interface ExchangesOptions {
  readonly outbox: OutboxOptions;
  /** A call without an answer becomes a stream after this, in ms. */
  readonly streamAfterMs: number;
  /** Its client has left before it was answered; it is gone after that. */
  readonly onLeft: (exchange: Exchange) => void;
  /** It is not in hand any more, however it ended. */
  readonly onGone: (exchange: Exchange) => void;
}

/** What the peer cannot be asked for now: see `rpcCodeFor`. */
const { status: BUSY } = ERROR_KINDS.request_limit;

export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #held: HeldAnswers;
  readonly #patience: SameDelay;
  readonly #inHand = new Set<Exchange>();

  constructor(options: ExchangesOptions) {
    const { outbox, streamAfterMs } = options;
    this.#options = options;
    this.#held = new HeldAnswers(outbox);
    this.#patience = new SameDelay(outbox.timers, streamAfterMs);
  }

  get size(): number {
    return this.#inHand.size;
  }

  has(exchange: Exchange): boolean {
    return this.#inHand.has(exchange);
  }

  /** Those of this moment: some may end on the way. */
  all(): Exchange[] {
    return [...this.#inHand];
  }

  [Symbol.iterator](): Iterator<Exchange> {
    return this.#inHand.values();
  }

  begin({ text, id, request, accepts }: StatelessPost): Exchange {
    const { outbox, onLeft, onGone } = this.#options;
    const token = progressTokenOf(request, text) === undefined ? undefined : tokenSpan(text);
    const forget = () => {
      this.#inHand.delete(exchange);
      onGone(exchange);
    };
    const exchange: Exchange = {
      method: request.method,
      id: text.slice(id.start, id.end),
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
          onLeft(exchange);
          forget();
        },
      }),
      running: undefined,
      filter: undefined,
      acknowledged: false,
      reopened: undefined,
    };
    this.#inHand.add(exchange);
    return exchange;
  }

  respond(exchange: Exchange, text: Uint8Array, status?: number): Promise<void> | undefined {
    if (this.#inHand.has(exchange)) return exchange.answer.answer(text, { status });
    return undefined;
  }

  /** An answer made here. @param body its result or error */
  say(exchange: Exchange, body: JsonObject): void {
    void this.respond(exchange, clientResponse(exchange.id, body));
  }

  /** @param kind of Signet's own refusals, where it has a status of its own */
  fail(exchange: Exchange, code: number, message: string, kind?: ErrorCode): void {
    if (!this.#inHand.has(exchange)) return;
    const refusal = kind === undefined ? undefined : { code: kind, found: message };
    const status = kind === undefined ? undefined : ERROR_KINDS[kind].status;
    void exchange.answer.answer(errorWithId(exchange.id, { code, message }), { status, refusal });
  }

  /** The peer, or the account, has no room for it now. */
  failBusy(exchange: Exchange): void {
    this.fail(exchange, BUSY, "The MCP server does not take more requests now", "request_limit");
  }

  /** No stream begins any more. */
  close(): void {
    this.#patience.close();
  }
}
