// What the members of a session say of their own accord, as one server would say it (docs/behaviour.md A5, A6, A8): their
// questions, the changes of their lists, what belongs to subscriptions; and what a new peer of one of them is told again.
import { cancelledIdIn, idIn, progressOf } from "../../bridge/peer/message_ids.ts";
import type { Carrier, Message, Peer } from "../../bridge/peer/peer.ts";
import { pong } from "../../bridge/peer/peer_result.ts";
import type { PeerEvents } from "../../bridge/peer/peer_source.ts";
import { META_SUBSCRIPTION_ID } from "../../mcp/eras/between_eras.ts";
import { metaOf } from "../../mcp/eras/modern.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember, stringAt } from "../../mcp/json/json_text.ts";
import { memberAt } from "../../mcp/messages/json_places.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { OwnedTimer, type Timers } from "../../platform/time/timers.ts";
import { AskingPeer } from "./heard/asking_peer.ts";
import type { QuestionTokens } from "./heard/question_tokens.ts";
import type { Subscriptions } from "./heard/subscriptions.ts";
import type { Catalog } from "./lists/catalog.ts";
import type { MemberLife } from "./members/member_life.ts";
import { type OutwardOf, outwardOfTask, outwardUpdate } from "./names/outward.ts";
import type { TaskIds } from "./names/task_ids.ts";
import { labelOf } from "./names/uris.ts";
import type { RouterPeer } from "./router_peer.ts";

export interface MembersVoiceOptions {
  /** Of whoever works with all of them as one. */
  readonly events: PeerEvents;
  readonly timers: Timers;
  readonly tokens: QuestionTokens;
  /** Of the last request: for what none is at hand for. */
  readonly carrier: () => Carrier;
  /** What the session's client knows that there is. */
  readonly capabilities: () => JsonObject;
}

/** Who is spoken for, once they are there. */
export interface Spoken {
  readonly lives: readonly MemberLife[];
  readonly peer: RouterPeer;
  readonly catalog: Catalog;
  readonly taskIds: TaskIds;
  /** Where the client has no session. */
  readonly subscriptions: Subscriptions | undefined;
}

/** From whom something was heard. */
interface Heard {
  readonly peer: Peer;
  /** The id there of the request it belongs to. */
  readonly about: number | undefined;
  readonly asking: AskingPeer;
}

/** Changes of lists that come close together are told once, in ms. */
const DEBOUNCE_MS = 200;
/** Questions of all members that wait for the client: each has its share, and one at least some. */
const MAX_QUESTIONS = 96, LEAST_QUESTIONS = 4;
const LISTS = ["tools", "prompts", "resources"] as const;

export class MembersVoice {
  readonly #options: MembersVoiceOptions;
  #spoken: Spoken | undefined;
  readonly #changed = new Set<string>();
  readonly #telling: OwnedTimer;

  constructor(options: MembersVoiceOptions) {
    this.#options = options;
    this.#telling = new OwnedTimer(options.timers);
  }

  begin(spoken: Spoken): void {
    this.#spoken = spoken;
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#telling.close();
  }

  /** @param life the member whose peers' events they are, once it is made */
  eventsOf(life: () => MemberLife): PeerEvents {
    const { events } = this.#options;
    // One for each peer, as it is known by to whoever keeps its questions.
    const asking = new WeakMap<Peer, AskingPeer>();
    const asked = (peer: Peer) => {
      const known = asking.get(peer) ??
        new AskingPeer(peer, life(), (id) => this.#spoken?.peer.isAt(life(), id) === true);
      asking.set(peer, known);
      return known;
    };
    return {
      onMessage: (message, peer, about) => this.#hear(life(), message, { peer, about, asking: asked(peer) }),
      onLost: (peer) => {
        asking.get(peer)?.withdrawAll();
        events.onLost(asked(peer));
        asking.delete(peer);
      },
      onReplaced: () => {
        this.#spoken?.catalog.forget(life());
        this.#changeAll();
      },
      retell: () => this.#retellTo(life()),
      onDoomed: () => life().lose(),
      onRefused: (fields) => life().doubt({ fields }),
      unusedSinceMs: events.unusedSinceMs,
    };
  }

  #hear(life: MemberLife, message: Message, from: Heard): Promise<void> | undefined {
    const { events, carrier } = this.#options;
    const { method, id, params } = message.value;
    const { peer } = from;
    if (id !== undefined) {
      if (method !== "ping") return this.#question(life, message, from);
      // A sign of life is the connection's business, and ends here.
      const fields = life.member.carry(carrier().fields);
      peer.send(pong(idIn(message)!), { fields });
      return undefined;
    }
    if (this.#spoken?.subscriptions !== undefined && isOfSubscription(message)) {
      return this.#hearSubscribed(life, message, peer);
    }
    const about = this.#spoken?.peer.idOf(peer, from.about);
    switch (method) {
      case "notifications/progress": {
        // Of a call of another member's it says nothing (A6).
        const progress = progressOf(message, (token) => this.#spoken?.peer.runs(life, token) === true);
        return progress && events.onMessage(progress.message, peer, about);
      }
      case "notifications/tools/list_changed":
      case "notifications/prompts/list_changed":
      case "notifications/resources/list_changed":
        this.#spoken?.catalog.forget(life);
        this.#change(method);
        return undefined;
      case "notifications/resources/updated": {
        const uri = isJsonObject(params) ? params.uri : undefined;
        if (typeof uri !== "string" || !life.member.visible.resources.shows(uri)) return undefined;
        // Who has no session is told by what it says, who has one as it stands.
        return events.onMessage(messageOf(outwardUpdate(message.line, labelOf(life.name))), peer, about);
      }
      case "notifications/cancelled":
        from.asking.withdraw(cancelledIdIn(message));
        return events.onMessage(message, from.asking, about);
      case "notifications/message":
        return events.onMessage(message, from.asking, about);
      case "notifications/tasks/status":
        return events.onMessage({ ...message, line: outwardOfTask(message.line, this.#outwardOf(life)) }, peer, about);
      default:
        return events.onMessage(message, peer, about);
    }
  }

  #hearSubscribed(life: MemberLife, message: Message, peer: Peer): Promise<void> | undefined {
    const { catalog, subscriptions } = this.#spoken!;
    const { method, params } = message.value;
    const of = this.#outwardOf(life);
    if (String(method).endsWith("/list_changed")) catalog.forget(life);
    if (method !== "notifications/resources/updated") {
      return subscriptions?.hear(life, peer, { ...message, line: outwardOfTask(message.line, of) });
    }
    const uri = isJsonObject(params) ? params.uri : undefined;
    if (typeof uri !== "string" || !life.member.visible.resources.shows(uri)) return undefined;
    return subscriptions?.hear(life, peer, { ...message, line: outwardUpdate(message.line, of.label) });
  }

  #question(life: MemberLife, message: Message, { asking, ...from }: Heard): Promise<void> | undefined {
    const { events, tokens } = this.#options;
    const about = this.#spoken?.peer.idOf(from.peer, from.about);
    const id = idIn(message)!;
    const most = Math.max(LEAST_QUESTIONS, Math.floor(MAX_QUESTIONS / (this.#spoken?.lives.length ?? 1)));
    if (!asking.take(id, most)) return void asking.refuseFurther(id);
    const { line, end } = tokens.give(outwardOfTask(message.line, this.#outwardOf(life)), asking);
    asking.onceDone(id, end);
    return events.onMessage({ ...message, line }, asking, about);
  }

  #outwardOf(life: MemberLife): OutwardOf {
    return { label: labelOf(life.name), taskId: (inward) => this.#spoken?.taskIds.outward({ life, inward }) };
  }

  #changeAll(): void {
    const capabilities = this.#options.capabilities();
    for (const list of LISTS) {
      if (isJsonObject(capabilities[list])) this.#change(`notifications/${list}/list_changed`);
    }
  }

  #change(method: string): void {
    const { events } = this.#options;
    this.#changed.add(method);
    if (this.#telling.isSet) return;
    this.#telling.set(DEBOUNCE_MS, () => {
      for (const method of this.#changed) {
        const value = { jsonrpc: "2.0", method };
        if (this.#spoken !== undefined) void events.onMessage({ line: encodeJson(value), value }, this.#spoken.peer);
      }
      this.#changed.clear();
    });
  }

  /** What outlives a member, as far as it is that member's. */
  *#retellTo(life: MemberLife): Iterable<Uint8Array> {
    for (const text of this.#options.events.retell()) {
      const span = memberAt(text, "uri", findMember(text, "params"));
      const uri = stringAt(text, span);
      if (uri === undefined) {
        yield text;
        continue;
      }
      const found = this.#spoken?.catalog.resourceOf(uri);
      if (found?.life === life) yield replaceSpan(text, span!, encodeJson(found.inward));
    }
  }
}

function messageOf(line: Uint8Array): Message {
  return { line, value: parseJson(new TextDecoder().decode(line)) };
}

function isOfSubscription({ value: { params } }: Message): boolean {
  return isJsonObject(params) && metaOf(params)?.[META_SUBSCRIPTION_ID] !== undefined;
}
