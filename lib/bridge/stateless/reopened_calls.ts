// Calls that a server refuses until an address has been opened (−32042): the client is asked by the answer, and the call is
// made again when it says that it has (docs/behaviour.md S4). Nothing of it waits here in between.
import type { ByteAccount } from "../../http1/byte_account.ts";
import { statelessFaultOf } from "../../mcp/messages/rpc_fault.ts";
import type { JsonObject } from "../../platform/json.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { type Message, ownCarrier, type Peer } from "../peer/peer.ts";
import type { Exchange, Reopening, Translated } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import { mayAsk } from "./rounds/parked_questions.ts";
import {
  addressesIn,
  askToOpen,
  FinishedAddresses,
  notOpened,
  opensAddresses,
  reopenedIn,
  withoutAnswers,
} from "./rounds/url_questions.ts";
import type { Runs } from "./runs.ts";
import type { StatelessLife } from "./stateless_life.ts";

export interface ReopenedCallsOptions {
  readonly life: Pick<StatelessLife, "peer" | "capabilities">;
  readonly exchanges: Exchanges;
  readonly runs: Runs;
  readonly account: Pick<ByteAccount, "tryCharge">;
  readonly timers: Timers;
  /** A server gets so long to hear that something has been opened, in ms. */
  readonly openedMs: number;
}

export class ReopenedCalls {
  readonly #options: ReopenedCallsOptions;
  readonly #finished: FinishedAddresses;

  constructor(options: ReopenedCallsOptions) {
    this.#options = options;
    this.#finished = new FinishedAddresses(options.timers);
  }

  /** `notifications/elicitation/complete`. */
  note(value: JsonObject): undefined {
    this.#finished.note(value);
  }

  /** A request made again by a client that was asked to open something. @returns false if it is none */
  resume(exchange: Exchange, peer: Peer, asked: Translated): boolean {
    const { exchanges, runs, account } = this.#options;
    const reopened = reopenedIn(asked.text);
    if (reopened === undefined) return false;
    const { addresses, said } = reopened;
    const post = { ...withoutAnswers(asked), ...ownCarrier(asked) };
    const charge = said === "accept" ? account.tryCharge(post.text.length) : undefined;
    if (charge !== undefined) {
      exchange.reopened = { addresses, post, charge, stopWaiting: undefined };
      runs.ask(exchange, peer, post);
    } else if (said === "accept") exchanges.failBusy(exchange);
    else exchanges.say(exchange, said === "open" ? { result: askToOpen(addresses) } : notOpened(exchange.method, said));
    return true;
  }

  /**
   * A refusal until something has been opened: the client is asked, at first and when nothing has come of what it said.
   * In between the server gets time to hear of it.
   * @returns false if the answer is none
   */
  take(exchange: Exchange, { value: { error } }: Message): boolean {
    const { life, exchanges, openedMs } = this.#options;
    const mayBe = mayAsk(exchange.method) && opensAddresses(life.capabilities);
    const addresses = mayBe ? addressesIn(error) : undefined;
    if (addresses === undefined) return false;
    const { reopened } = exchange;
    if (reopened === undefined || reopened.stopWaiting !== undefined) {
      exchanges.say(exchange, { result: askToOpen(addresses) });
      return true;
    }
    exchange.running = undefined;
    reopened.stopWaiting = () => {};
    reopened.stopWaiting = this.#finished.when(reopened.addresses, {
      ms: openedMs,
      run: () => void this.#askOnceMore(exchange, reopened),
    });
    return true;
  }

  /** The request is not in hand any more. */
  close({ reopened }: Exchange): void {
    reopened?.stopWaiting?.();
    reopened?.charge.release();
  }

  async #askOnceMore(exchange: Exchange, { post }: Reopening): Promise<void> {
    const { life, exchanges, runs } = this.#options;
    try {
      const peer = await life.peer(post);
      if (exchanges.has(exchange)) runs.ask(exchange, peer, post);
    } catch (error) {
      const { code, message } = statelessFaultOf(error);
      exchange.answer.refuse(error) || exchanges.fail(exchange, code, message);
    }
  }
}
