// Subscriptions of stateless clients to a server that has none: acknowledged here, told what the server tells everybody,
// and ended with words, never with silence (docs/protocol.md 31, 32; docs/behaviour.md B9, M6).
import {
  endOfSubscription,
  type Filter,
  filterAccepts,
  honoredFilter,
  type Identity,
  stamped,
} from "../../mcp/eras/between_eras.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import type { RpcRequest } from "../../mcp/messages/json_rpc.ts";
import { INVALID_PARAMS } from "../../mcp/messages/rpc_codes.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import type { BridgeLimits } from "../limits.ts";
import { type Message, NO_CARRIER } from "../peer/peer.ts";
import type { Exchange } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import type { StatelessLife } from "./stateless_life.ts";
import { ACKNOWLEDGED, clientResponse } from "./texts.ts";

export interface SubscriptionsOptions {
  readonly life: Pick<StatelessLife, "peer" | "watchResource"> & { readonly identity: Identity };
  readonly exchanges: Exchanges;
  readonly limits: Pick<BridgeLimits, "maxSubscriptions" | "maxSubscribedLength">;
}

/** The end of a subscription that neither side has asked for (docs/protocol.md 32). */
const ENDED = { resultType: "complete" };

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Resources that subscriptions want to know of, and their URIs together, in UTF-16 units. */
  #watched = 0;
  #watchedLength = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  open(exchange: Exchange, request: RpcRequest): void {
    const { exchanges, life } = this.#options;
    const filter = honoredFilter(request.params, life.identity);
    if (filter === undefined || !exchange.answer.canStream) {
      const message = filter === undefined
        ? "Invalid params: notifications must be a filter"
        : "Invalid params: a subscription needs a client that accepts text/event-stream";
      return exchanges.fail(exchange, INVALID_PARAMS, message);
    }
    if (!this.#hasRoomFor(filter)) {
      return exchanges.fail(exchange, INVALID_PARAMS, "Invalid params: too many resource subscriptions");
    }
    exchange.filter = filter;
    exchange.acknowledged = true;
    const text = encodeJson({ jsonrpc: "2.0", method: ACKNOWLEDGED, params: { notifications: filter } });
    void exchange.answer.send(stamped(text, exchange.id));
    this.#watch(filter, 1);
  }

  /** The request is not in hand any more. */
  close({ filter }: Exchange): void {
    if (filter !== undefined) this.#watch(filter, -1);
  }

  /** What the server tells everybody. */
  publish({ line, value }: Message): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const { filter, answer, id } of this.#options.exchanges) {
      if (filter === undefined || !filterAccepts(filter, value) || !answer.canStream) continue;
      const wait = answer.send(stamped(line, id));
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  /** Those answered from here need a peer that tells: another one takes the lost one's place, or they end (B9). */
  keepTelling(): void {
    const { exchanges, life } = this.#options;
    if (exchanges.all().every(({ filter }) => filter === undefined)) return;
    life.peer(NO_CARRIER).catch((fault) => {
      tellIfOwn(fault);
      this.end(({ filter }) => filter !== undefined);
    });
  }

  /** Tells them that they end. */
  end(which: (exchange: Exchange) => boolean): void {
    const { exchanges } = this.#options;
    for (const exchange of exchanges.all()) {
      if (!which(exchange)) continue;
      void exchanges.respond(
        exchange,
        endOfSubscription(clientResponse(exchange.id, { result: ENDED }), exchange.id),
      );
    }
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
}

function lengthOf(uris: readonly string[]): number {
  return uris.reduce((sum, uri) => sum + uri.length, 0);
}
