// What a peer says of its own accord, and to which of its stateless clients' requests it goes (docs/protocol.md 30, 31).
import { META_SUBSCRIPTION_ID } from "../../mcp/eras/between_eras.ts";
import { metaOf } from "../../mcp/eras/modern.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { isHeardAt } from "../../mcp/log_levels.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { idIn } from "../peer/message_ids.ts";
import { type Message, NO_CARRIER, type Peer } from "../peer/peer.ts";
import { pong } from "../peer/peer_result.ts";
import type { ParkedCalls } from "./parked_calls.ts";
import type { ReopenedCalls } from "./reopened_calls.ts";
import type { RepeatableTools } from "./repeatable_tools.ts";
import type { Runs } from "./runs.ts";
import type { StatelessLife } from "./stateless_life.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { ACKNOWLEDGED, withSubscriptionId } from "./texts.ts";

export interface VoiceOptions {
  readonly life: Pick<StatelessLife, "era">;
  readonly runs: Runs;
  readonly parked: ParkedCalls;
  readonly reopened: ReopenedCalls;
  readonly subscriptions: Subscriptions;
  readonly repeatable: RepeatableTools;
}

export class StatelessVoice {
  readonly #options: VoiceOptions;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  /** @returns as `PeerEvents.onMessage` */
  hear(message: Message, peer: Peer, about: number | undefined): Promise<void> | undefined {
    const { life, parked, reopened, repeatable, subscriptions } = this.#options;
    const { line, value } = message;
    if (value.id !== undefined) return this.#question(message, peer, about);
    if (value.method === "notifications/progress") return this.#progress(line, value);
    if (value.method === "notifications/message") return this.#log(message, peer, about);
    if (value.method === "notifications/cancelled") return parked.withdraw(message, peer);
    if (value.method === "notifications/elicitation/complete") return reopened.note(value);
    if (value.method === "notifications/tools/list_changed") repeatable.forget();
    return life.era === "modern" ? this.#relayStamped(line, value) : subscriptions.publish(message);
  }

  #question(message: Message, peer: Peer, about: number | undefined): undefined {
    if (message.value.method === "ping") peer.send(pong(idIn(message)!), NO_CARRIER);
    else this.#options.parked.question(message, peer, about);
  }

  #progress(line: Uint8Array, { params }: JsonObject): Promise<void> | undefined {
    const exchange = isJsonObject(params) ? this.#options.runs.get(params.progressToken)?.exchange : undefined;
    if (exchange?.token === undefined || !exchange.answer.canStream) return undefined;
    const span = findMember(line, "progressToken", findMember(line, "params"))!;
    return exchange.answer.send(replaceSpan(line, span, exchange.token));
  }

  /** Stdio does not say which request a log line is about: it is told only where one alone has asked for any. */
  #log({ line, value: { params } }: Message, peer: Peer, about: number | undefined): Promise<void> | undefined {
    const { runs } = this.#options;
    const meant = () => runs.all().filter(({ ownId }) => peer.mayMean?.(ownId) !== false);
    const level = isJsonObject(params) ? params.level : undefined;
    const wanting = (about === undefined ? meant() : [runs.get(about)]).map((run) => run?.exchange).filter((
      exchange,
    ) => exchange?.logLevel !== undefined && isHeardAt(level, exchange.logLevel) && exchange.answer.canStream);
    return wanting.length === 1 ? wanting[0]!.answer.send(line) : undefined;
  }

  /** What a stateless server says on a subscription bears the request's id (docs/protocol.md 31). */
  #relayStamped(line: Uint8Array, { method, params }: JsonObject): Promise<void> | undefined {
    const meta = isJsonObject(params) ? metaOf(params) : undefined;
    const exchange = this.#options.runs.get(meta?.[META_SUBSCRIPTION_ID])?.exchange;
    if (exchange === undefined || !exchange.answer.canStream) return undefined;
    if (method === ACKNOWLEDGED) exchange.acknowledged = true;
    return exchange.answer.send(withSubscriptionId(line, exchange.id));
  }
}
