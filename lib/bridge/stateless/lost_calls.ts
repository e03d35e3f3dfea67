// Calls that were lost while they waited for their clients: made again where the tool may be run again, once for each state;
// any other is over (docs/behaviour.md R8).
import type { ByteAccount } from "../../http1/byte_account.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import type { RerunOutcome } from "../limits.ts";
import { ownCarrier, type Peer } from "../peer/peer.ts";
import type { Exchange, Translated } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import type { RepeatableTools } from "./repeatable_tools.ts";
import { KeptAnswers } from "./rounds/kept_answers.ts";
import type { LostParks } from "./rounds/lost_parks.ts";
import type { Parked } from "./rounds/parked_questions.ts";
import { withoutAnswers } from "./rounds/url_questions.ts";
import type { Runs } from "./runs.ts";
import type { StatelessLife } from "./stateless_life.ts";
import { toolIn, unknownState } from "./texts.ts";

export interface LostCallsOptions {
  readonly life: Pick<StatelessLife, "peer">;
  readonly exchanges: Exchanges;
  readonly runs: Runs;
  readonly account: Pick<ByteAccount, "tryCharge">;
  /** What is known of calls whose wait has come to nothing, of all callers. */
  readonly lost: LostParks;
  readonly repeatable: RepeatableTools;
  readonly onLostCall: ((outcome: RerunOutcome) => void) | undefined;
}

export class LostCalls {
  readonly #options: LostCallsOptions;

  constructor(options: LostCallsOptions) {
    this.#options = options;
  }

  /** @param parked as the request's state says */
  async makeAgain(
    exchange: Exchange,
    peer: Peer,
    { post, parked }: { readonly post: Translated; readonly parked: Parked },
  ): Promise<void> {
    const { lost, onLostCall, life, account, exchanges, runs, repeatable } = this.#options;
    if (!lost.take(parked)) return void exchanges.respond(exchange, unknownState(exchange.id));
    const charge = account.tryCharge(2 * post.text.length);
    if (charge === undefined) {
      lost.giveBack(parked);
      return exchanges.failBusy(exchange);
    }
    const answers = new KeptAnswers(post.text, parked.marks, charge);
    const again = { ...withoutAnswers(post), ...ownCarrier(post) };
    const mayRun = exchange.method === "tools/call" &&
      await repeatable.has(toolIn(post.text), { peer, carrier: again });
    const next = mayRun && exchanges.has(exchange)
      ? await life.peer(again).catch((fault) => void tellIfOwn(fault))
      : undefined;
    const isWaiting = exchanges.has(exchange);
    if (next === undefined || !isWaiting) {
      answers.release();
      lost.giveBack(parked);
      if (isWaiting) onLostCall?.("not_rerun");
      return void exchanges.respond(exchange, unknownState(exchange.id));
    }
    runs.ask(exchange, next, again, answers);
    // A server that does not take it now has not run it.
    if (exchange.running === undefined) return lost.giveBack(parked);
    onLostCall?.("rerun");
    if (again.noted !== undefined) again.noted.rerun = true;
  }
}
