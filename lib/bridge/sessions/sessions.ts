// The sessions of one bridge: opened by a client's initialize, found by id, ended once. An id is issued only when the
// peer has accepted the handshake, and whatever was started for one that is not issued ends (docs/behaviour.md B1, B2).
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { callOf } from "../../http1/call_of.ts";
import type { Call, ClientResponse, Fields } from "../../http1/types.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { shortHash } from "../../observe/redact.ts";
import { isJsonObject } from "../../platform/json.ts";
import type { CallerKeys } from "../../session/caller.ts";
import { acceptanceOf } from "../answers/acceptance.ts";
import { PassingStream } from "../answers/event_stream.ts";
import { challengeAnswer, eventAnswer, jsonAnswer } from "../answers/http_answer.ts";
import { Outbox } from "../answers/outbox.ts";
import { type BridgeParts, outboxOptions, partsOf, randomName } from "../limits.ts";
import { handshakeOf } from "../peer/handshake.ts";
import { type Carrier, type Message, NO_CARRIER } from "../peer/peer.ts";
import type { Parting } from "../peer/peer_source.ts";
import type { BridgeRequest, ChoosePeers, Gate } from "../request.ts";
import { Conversation, type ConversationSizes } from "./conversation.ts";

export interface SessionsOptions {
  readonly parts: BridgeParts;
  readonly gate: Gate;
  readonly choose: ChoosePeers;
  /** A session has ended by itself, for good. */
  readonly onEnded: (upstreamSessionId: UpstreamSessionId) => void;
}

/** An initialize that opens a session. */
interface Initializing extends Carrier {
  readonly text: Uint8Array;
  readonly caller: CallerKeys;
  /** The answer has been taken. */
  readonly onRelease: () => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #conversations = new Map<string, Conversation>();
  /** Those that have been ended, until nothing of them is left. */
  readonly #ending = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#conversations.size;
  }

  /** Sums over all sessions. */
  sizes(): ConversationSizes {
    const sum = { calls: 0, questions: 0, subscriptions: 0, events: 0, eventBytes: 0 };
    for (const conversation of this.#conversations.values()) {
      const sizes = conversation.sizes();
      sum.calls += sizes.calls;
      sum.questions += sizes.questions;
      sum.subscriptions += sizes.subscriptions;
      sum.events += sizes.events;
      sum.eventBytes += sizes.eventBytes;
    }
    return sum;
  }

  find(upstreamSessionId: UpstreamSessionId): Conversation | undefined {
    return this.#conversations.get(upstreamSessionId);
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    const conversation = this.#conversations.get(upstreamSessionId);
    if (conversation !== undefined) this.#abandon(conversation);
  }

  /**
   * A session that was opened before this process, or elsewhere, where its id leads back to its peers; undefined for any
   * other. It is here at once, so that all who ask meanwhile find the same (L9).
   */
  attach(request: BridgeRequest, upstreamSessionId: UpstreamSessionId): Conversation | undefined {
    const { opened } = request;
    if (this.#closed || opened === undefined) return undefined;
    const conversation = this.#newConversation(request);
    const handshake = handshakeOf(opened);
    if (!conversation.peers.attach({ state: upstreamSessionId, protocolVersion: opened.protocolVersion, handshake })) {
      return void this.#stop(conversation, "leave");
    }
    conversation.id = upstreamSessionId;
    this.#conversations.set(upstreamSessionId, conversation);
    return conversation;
  }

  /** Ends one for good. @returns as `Stopping.told` */
  end(conversation: Conversation, carrier: Carrier): Promise<readonly string[]> {
    this.#conversations.delete(conversation.id);
    return this.#stop(conversation, "end", carrier);
  }

  /** Ends them all, those that are being opened too. Settles when nothing is left. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const conversation of [...this.#conversations.values()]) this.#abandon(conversation);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /**
   * Opens a session with a client's initialize. Its place in the limits is taken before this returns (M1).
   * @throws SignetError `upstream_unreachable` while starts of this principal are held back
   */
  open(request: BridgeRequest, text: Uint8Array): Call {
    const { fields, caller } = request;
    return this.#begin(this.#newConversation(request), { text, caller, fields });
  }

  #begin(conversation: Conversation, opening: Omit<Initializing, "onRelease">): Call {
    let aborted = false;
    let answered = false;
    // Until somebody has the answer, nobody else could ever end the session.
    const abandon = () => {
      if (!answered && !conversation.ended) void this.end(conversation, opening);
    };
    const onRelease = () => answered = true;
    const response = this.#initialize(conversation, { ...opening, onRelease }).then((response) => {
      if (aborted) abandon();
      return response;
    });
    return callOf(response, () => {
      aborted = true;
      abandon();
    });
  }

  /** @throws SignetError `upstream_unreachable` while starts of this principal are held back */
  #newConversation(request: BridgeRequest): Conversation {
    const { caller, revival = false, fields } = request;
    this.#options.gate.assertOpen(caller.owner);
    const { parts, choose } = this.#options;
    const id = randomName(parts, 16) as UpstreamSessionId;
    const session = request.session?.tag ?? shortHash(id);
    const open = choose({ caller, session, fields });
    const conversation: Conversation = new Conversation({
      parts: partsOf(caller, parts),
      id,
      session,
      revival,
      open,
      onDoomed: () => this.#doom(conversation),
    });
    return conversation;
  }

  /** Ends a session that cannot go on, and tells who holds its id. */
  #doom(conversation: Conversation): void {
    if (conversation.ended) return;
    this.#abandon(conversation);
    this.#options.onEnded(conversation.id);
  }

  #abandon(conversation: Conversation): void {
    if (conversation.ended) return;
    this.#conversations.delete(conversation.id);
    void this.#stop(conversation, "leave");
  }

  async #initialize(
    conversation: Conversation,
    opening: Initializing,
  ): Promise<ClientResponse> {
    let reply: Message;
    try {
      reply = await conversation.peers.initialize(opening.text, opening);
    } catch (error) {
      this.#options.gate.fail(opening.caller.owner, error);
      this.#abandon(conversation);
      const challenge = challengeAnswer(error);
      if (challenge !== undefined) return challenge;
      throw error;
    }
    this.#options.gate.succeed(opening.caller.owner);
    const span = findMember(opening.text, "id")!;
    const line = replaceSpan(reply.line, findMember(reply.line, "id")!, opening.text.subarray(span.start, span.end));
    const opened = isJsonObject(reply.value.result) && !conversation.ended && !this.#closed;
    if (opened) {
      conversation.id = (conversation.peers.seal() ?? conversation.id) as UpstreamSessionId;
      this.#conversations.set(conversation.id, conversation);
    } else if (!conversation.ended) void this.end(conversation, opening);
    const fields = opened ? [SESSION_ID_FIELD, conversation.id] : [];
    const { onRelease } = opening;
    if (acceptanceOf(opening.fields).json) return jsonAnswer(line, { fields, onRelease });
    return this.#asEvent(line, { fields, onRelease });
  }

  #asEvent(line: Uint8Array, options: { fields: Fields; onRelease: () => void }): ClientResponse {
    const outbox = new Outbox(outboxOptions(this.#options.parts));
    const stream = new PassingStream();
    stream.attach(outbox);
    void stream.send(line);
    stream.end();
    return eventAnswer(outbox, options);
  }

  #stop(conversation: Conversation, how: Parting, carrier = NO_CARRIER): Promise<readonly string[]> {
    const { told, gone } = conversation.end(how, carrier);
    const ending: Promise<unknown> = gone.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return told;
  }
}
