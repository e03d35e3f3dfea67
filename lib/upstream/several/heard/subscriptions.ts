// Subscriptions of clients without sessions over several servers (MCP 2026-07-28, "Subscriptions"; docs/protocol.md 31, 32):
// each member is asked for its part, what members say comes together under the client's own, and a member that is lost is
// asked again, so that one's end is nobody else's (docs/behaviour.md A5, A6).
import type { Carrier, Message, Peer } from "../../../bridge/peer/peer.ts";
import { ACKNOWLEDGED } from "../../../bridge/stateless/texts.ts";
import type { ByteAccount, Charge } from "../../../http1/byte_account.ts";
import { META_SUBSCRIPTION_ID, stamped } from "../../../mcp/eras/between_eras.ts";
import { metaOf } from "../../../mcp/eras/modern.ts";
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { isJsonObject, type JsonObject } from "../../../platform/json.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import type { Catalog } from "../lists/catalog.ts";
import type { MemberLife } from "../members/member_life.ts";
import type { TaskIds } from "../names/task_ids.ts";

export interface SubscriptionsOptions {
  readonly lives: readonly MemberLife[];
  readonly catalog: Catalog;
  readonly taskIds: TaskIds;
  readonly timers: Timers;
  /** The caller's: what is asked for is held until its client leaves. */
  readonly account: ByteAccount;
  /** To the client: a notification that bears the id of its subscription. */
  readonly tell: (message: Message) => Promise<void> | undefined;
}

/** What a client has asked for. */
export interface Subscribing {
  /** Of its request, here. */
  readonly own: number;
  readonly notifications: JsonObject;
  /** Who asks: as in the client's request. */
  readonly envelope: JsonObject;
  readonly carrier: Carrier;
}

/** A part of a subscription, at one member. */
interface Part {
  readonly life: MemberLife;
  readonly filter: JsonObject;
  running: { readonly peer: Peer; readonly id: number } | undefined;
  /** Whether it has been acknowledged, or has failed, once. */
  isSettled: boolean;
  /** Since when the member tells; undefined while it does not. */
  toldSinceMs: number | undefined;
  /** One after the other, and what did not last. */
  failures: number;
  cancelRetry: (() => void) | undefined;
}

interface Subscription extends Subscribing {
  readonly parts: readonly Part[];
  readonly honored: Record<string, unknown>;
  readonly charge: Charge;
  isAcknowledged: boolean;
  cancelWaiting: () => void;
}

const FLAGS = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"] as const;
const CHANGED: Readonly<Record<typeof FLAGS[number], string>> = {
  toolsListChanged: "notifications/tools/list_changed",
  promptsListChanged: "notifications/prompts/list_changed",
  resourcesListChanged: "notifications/resources/list_changed",
};
/** Addresses and tasks of one subscription, and their characters. */
const MAX_NAMED = 1000, MAX_NAMED_LENGTH = 256 * 1024;
/** Members that take longer to acknowledge are not waited for, in ms. */
const ACKNOWLEDGE_MS = 2000;
/** A part that was told of for so long, in ms, was not in vain. */
const LASTING_MS = 10_000;
const FIRST_RETRY_MS = 1000, LONGEST_RETRY_MS = 60_000;

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #open = new Map<number, Subscription>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** @returns false for what is no filter, or asks for too much */
  open(asked: Subscribing): boolean {
    const parts = this.#partsOf(asked.notifications);
    if (parts === undefined) return false;
    const charge = this.#options.account.tryCharge(4 * JSON.stringify(asked.notifications).length);
    if (charge === undefined) return false;
    const subscription: Subscription = {
      ...asked,
      parts,
      charge,
      honored: {},
      isAcknowledged: false,
      cancelWaiting: this.#options.timers.after(ACKNOWLEDGE_MS, () => this.#acknowledge(subscription)),
    };
    this.#open.set(asked.own, subscription);
    for (const part of parts) this.#ask(subscription, part);
    if (parts.length === 0) this.#acknowledge(subscription);
    return true;
  }

  /** Its client has left. */
  close(own: number): void {
    const subscription = this.#open.get(own);
    this.#open.delete(own);
    subscription?.cancelWaiting();
    subscription?.charge.release();
    for (const part of subscription?.parts ?? []) {
      part.cancelRetry?.();
      part.running?.peer.forget(part.running.id);
    }
  }

  closeAll(): void {
    for (const own of [...this.#open.keys()]) this.close(own);
  }

  /**
   * What a member says of a subscription.
   * @param turned the same as the client is to see it
   * @returns a promise where the member's reader has to wait
   */
  hear(life: MemberLife, peer: Peer, turned: Message): Promise<void> | undefined {
    const { method, params } = turned.value;
    const id = isJsonObject(params) ? metaOf(params)?.[META_SUBSCRIPTION_ID] : undefined;
    for (const subscription of this.#open.values()) {
      const part = subscription.parts.find(({ running, life: of }) =>
        of === life && running?.peer === peer && running.id === id
      );
      if (part === undefined) continue;
      if (method === ACKNOWLEDGED) {
        this.#acknowledged(subscription, part, params as JsonObject);
        return undefined;
      }
      return this.#tell(subscription, turned);
    }
    return undefined;
  }

  #ask(subscription: Subscription, part: Part): void {
    const { envelope, carrier } = subscription;
    const params = { notifications: part.filter, _meta: envelope };
    const subscriptions = this.#open;
    part.life.ask(encodeJson({ jsonrpc: "2.0", id: 0, method: "subscriptions/listen", params }), {
      onReply: () => void this.#ended(subscription, part),
      onLost: () => this.#ended(subscription, part),
      onAsked: (peer, id) => part.running = { peer, id },
      get isWanted() {
        return subscriptions.get(subscription.own) === subscription;
      },
    }, carrier);
  }

  /** Ended, lost or refused: it is asked again, ever later, for as long as the client listens. */
  #ended(subscription: Subscription, part: Part): void {
    const { timers } = this.#options;
    const isLasting = part.toldSinceMs !== undefined && timers.now() - part.toldSinceMs >= LASTING_MS;
    if (isLasting) part.failures = 0;
    part.running = part.toldSinceMs = undefined;
    this.#settle(subscription, part);
    if (this.#open.get(subscription.own) !== subscription) return;
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** part.failures++);
    part.cancelRetry = timers.after(
      Math.max(pause, part.life.pauseMs),
      () => this.#ask(subscription, part),
    );
  }

  #acknowledged(subscription: Subscription, part: Part, { notifications }: JsonObject): void {
    const isBack = part.isSettled;
    part.toldSinceMs = this.#options.timers.now();
    const honored = isJsonObject(notifications) ? notifications : {};
    for (const flag of FLAGS) {
      if (honored[flag] !== true || part.filter[flag] !== true) continue;
      subscription.honored[flag] = true;
      // What has changed meanwhile nobody has heard.
      if (isBack && subscription.isAcknowledged) void this.#tell(subscription, ownMessage(CHANGED[flag], {}));
    }
    for (const name of NAMED) {
      const inward = honored[name];
      if (!Array.isArray(inward)) continue;
      const known = this.#namesOf(subscription, name)
        .filter(({ life, inward: one }) => life === part.life && inward.includes(one)).map(({ outward }) => outward);
      const before = subscription.honored[name] as string[] | undefined;
      subscription.honored[name] = [...new Set([...before ?? [], ...known])];
    }
    this.#settle(subscription, part);
  }

  #settle(subscription: Subscription, part: Part): void {
    part.isSettled = true;
    if (subscription.parts.every(({ isSettled }) => isSettled)) this.#acknowledge(subscription);
  }

  #acknowledge(subscription: Subscription): void {
    subscription.cancelWaiting();
    if (subscription.isAcknowledged || this.#open.get(subscription.own) !== subscription) return;
    subscription.isAcknowledged = true;
    void this.#tell(subscription, ownMessage(ACKNOWLEDGED, { notifications: subscription.honored }));
  }

  #tell(subscription: Subscription, { line, value }: Message): Promise<void> | undefined {
    // The first that a client hears is what it will be told of.
    if (!subscription.isAcknowledged) this.#acknowledge(subscription);
    const params = isJsonObject(value.params) ? value.params : {};
    const _meta = { ...metaOf(params), [META_SUBSCRIPTION_ID]: subscription.own };
    return this.#options.tell({
      line: stamped(line, encodeJson(subscription.own)),
      value: { ...value, params: { ...params, _meta } },
    });
  }

  /** Each member's part; undefined for what is no filter. */
  #partsOf(notifications: JsonObject): readonly Part[] | undefined {
    if (NAMED.some((name) => notifications[name] !== undefined && !Array.isArray(notifications[name]))) {
      return undefined;
    }
    const named = NAMED.flatMap((name) => notifications[name] ?? []);
    const isText = named.every((one): one is string => typeof one === "string");
    if (!isText || named.length > MAX_NAMED || named.join("").length > MAX_NAMED_LENGTH) return undefined;
    const flags = FLAGS.filter((flag) => notifications[flag] === true);
    const names = NAMED.map((name) => [name, this.#namesOf({ notifications }, name)] as const);
    return this.#options.lives.flatMap((life): Part[] => {
      const own = names.map(([name, all]) => [name, all.filter(({ life: of }) => of === life)] as const);
      const filter = {
        ...Object.fromEntries(flags.map((flag) => [flag, true])),
        ...Object.fromEntries(
          own.filter(([, mine]) => mine.length > 0).map(([name, mine]) => [name, mine.map(({ inward }) => inward)]),
        ),
      };
      if (Object.keys(filter).length === 0) return [];
      return [{
        life,
        filter,
        running: undefined,
        isSettled: false,
        toldSinceMs: undefined,
        failures: 0,
        cancelRetry: undefined,
      }];
    });
  }

  /** Of what is named, where it leads; what leads nowhere is not honoured. */
  #namesOf({ notifications }: Pick<Subscribing, "notifications">, name: typeof NAMED[number]) {
    const { catalog, taskIds } = this.#options;
    const given = notifications[name];
    return (Array.isArray(given) ? given as string[] : []).flatMap((outward) => {
      const found = name === "taskIds" ? taskIds.open(outward) : catalog.resourceOf(outward);
      return found === undefined ? [] : [{ ...found, outward }];
    });
  }
}

function ownMessage(method: string, params: JsonObject): Message {
  const value = { jsonrpc: "2.0", method, params };
  return { line: encodeJson(value), value };
}

/** What of a filter names something of a member's. */
const NAMED = ["resourceSubscriptions", "taskIds"] as const;
