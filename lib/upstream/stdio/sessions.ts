// The sessions of one stdio upstream: opened by a client's initialize, found by id, ended once. An id is issued only when
// the server has accepted the handshake, and whatever was started for one that is not issued ends (BEHAVIOUR.md B1, B2).
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { Call, ClientResponse, FieldList } from "../../http1/types.ts";
import type { CallerKeys } from "../../session/caller.ts";
import { shortHash } from "../../observe/redact.ts";
import { CredentialRejectedError, type CredentialSource } from "../credentials/credential.ts";
import type { CredentialHolder, Rotation } from "../credentials/rotation.ts";
import type { UpstreamRequest } from "../upstream.ts";
import { acceptanceOf } from "./acceptance.ts";
import { errorAnswer, eventAnswer, jsonAnswer } from "./answers.ts";
import { type Bridge, randomName } from "./bridge.ts";
import { callOf } from "./call.ts";
import { Conversation } from "./conversation.ts";
import { findMember, replaceSpan } from "../../mcp/json_text.ts";
import { Outbox } from "./outbox.ts";
import type { Message } from "./peer.ts";
import type { StartGate } from "./start_gate.ts";

/** Who opens a session, for a credential of its own. */
export interface CredentialAsker {
  readonly caller: CallerKeys;
  /** Fields of the request that opens it. */
  readonly fields: FieldList;
}

export interface SessionsOptions {
  readonly bridge: Bridge;
  readonly gate: StartGate;
  readonly rotation: Rotation;
  readonly credentials: (asker: CredentialAsker) => CredentialSource | undefined;
  /** A session has ended by itself, for good. */
  readonly onEnded: (sessionId: UpstreamSessionId) => void;
}

/** No 401: the client's own credential is not what is missing (and it would try to get another). */
const NO_CREDENTIAL = { id: null, code: -32000, message: "Forbidden: there is no valid credential for the MCP server" };

/** An initialize that opens a session. */
interface Opening {
  readonly text: Uint8Array;
  readonly caller: CallerKeys;
  readonly fields: FieldList;
  /** The answer has been taken. */
  readonly onRelease: () => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #conversations = new Map<string, Conversation>();
  /** Who renews what for a session that has a credential. */
  readonly #holders = new Map<Conversation, CredentialHolder>();
  /** Those that have been ended, until nothing of them is left. */
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#conversations.size;
  }

  get pids(): number[] {
    return [...this.#conversations.values()].flatMap((conversation) => conversation.life.pids);
  }

  /** Sums over all sessions. */
  sizes(): { calls: number; questions: number; events: number; eventBytes: number } {
    const sum = { calls: 0, questions: 0, events: 0, eventBytes: 0 };
    for (const conversation of this.#conversations.values()) {
      const sizes = conversation.sizes();
      sum.calls += sizes.calls;
      sum.questions += sizes.questions;
      sum.events += sizes.events;
      sum.eventBytes += sizes.eventBytes;
    }
    return sum;
  }

  find(sessionId: UpstreamSessionId): Conversation | undefined {
    return this.#conversations.get(sessionId);
  }

  release(sessionId: UpstreamSessionId): void {
    const conversation = this.#conversations.get(sessionId);
    if (conversation !== undefined) this.#abandon(conversation);
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
  open(request: UpstreamRequest, text: Uint8Array): Call {
    const { fields, caller } = request;
    return this.#begin(this.#newConversation(request), { text, caller, fields });
  }

  #begin(conversation: Conversation, opening: Omit<Opening, "onRelease">): Call {
    let aborted = false;
    let answered = false;
    // Until somebody has the answer, nobody else could ever end the session.
    const abandon = () => {
      if (!answered) this.#abandon(conversation);
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
  #newConversation(request: UpstreamRequest): Conversation {
    const { caller, revival = false, fields } = request;
    this.#options.gate.assertOpen(caller.owner);
    const id = randomName(this.#options.bridge, 16) as UpstreamSessionId;
    const session = request.session ?? shortHash(id);
    const credentials = this.#options.credentials({ caller, fields });
    const onDoomed = () => this.#doom(conversation);
    const conversation: Conversation = new Conversation({
      bridge: this.#options.bridge,
      id,
      caller,
      session,
      revival,
      credentials,
      onDoomed,
    });
    if (credentials !== undefined) this.#watch(conversation, { source: credentials, session });
    return conversation;
  }

  #watch(conversation: Conversation, on: { source: CredentialSource; session: string }): void {
    const holder: CredentialHolder = {
      source: on.source,
      get credential() {
        return conversation.life.credential;
      },
      apply: () => conversation.life.replace(),
      end: () => this.#doom(conversation),
      facts: () => ({ session: on.session }),
    };
    this.#holders.set(conversation, holder);
    this.#options.rotation.add(holder);
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
    this.#end(conversation);
  }

  async #initialize(
    conversation: Conversation,
    opening: Opening,
  ): Promise<ClientResponse> {
    let reply: Message;
    try {
      reply = await conversation.life.initialize(opening.text);
    } catch (error) {
      this.#options.gate.fail(opening.caller.owner, error);
      this.#abandon(conversation);
      if (error instanceof CredentialRejectedError) return errorAnswer(403, NO_CREDENTIAL);
      throw error;
    }
    this.#options.gate.succeed(opening.caller.owner);
    const span = findMember(opening.text, "id")!;
    const line = replaceSpan(reply.line, findMember(reply.line, "id")!, opening.text.subarray(span.start, span.end));
    const opened = reply.value.error === undefined && !conversation.ended && !this.#closed;
    if (opened) this.#conversations.set(conversation.id, conversation);
    else this.#abandon(conversation);
    const fields = opened ? ["mcp-session-id", conversation.id] : [];
    const { onRelease } = opening;
    if (acceptanceOf(opening.fields).json) return jsonAnswer(line, { fields, onRelease });
    return this.#asEvent(line, { fields, onRelease });
  }

  #asEvent(line: Uint8Array, options: { fields: FieldList; onRelease: () => void }): ClientResponse {
    const { limits: { highWaterBytes, stallMs }, timers } = this.#options.bridge;
    const outbox = new Outbox({ highWaterBytes, stallMs, timers });
    outbox.push(new TextEncoder().encode(`event: message\ndata: ${new TextDecoder().decode(line)}\n\n`));
    outbox.end();
    return eventAnswer(outbox, options);
  }

  #end(conversation: Conversation): void {
    const holder = this.#holders.get(conversation);
    if (holder !== undefined) this.#options.rotation.remove(holder);
    this.#holders.delete(conversation);
    const ending = conversation.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
