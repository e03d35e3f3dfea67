// What a server says of its own accord, and to which of a client's streams it goes: each message to exactly one
// (docs/behaviour.md B6, N1). Stdio does not tie a message to the call it is about, so where only one call can be
// meant, it is.
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { INTERNAL_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import type { PostAnswer } from "../answers/post_answer.ts";
import { cancelledIdIn, idIn } from "../peer/message_ids.ts";
import { type Message, NO_CARRIER, type Peer } from "../peer/peer.ts";
import { pong } from "../peer/peer_result.ts";
import type { Listeners } from "./listeners.ts";
import type { OpenCalls } from "./open_calls.ts";
import type { Questions } from "./questions.ts";

/** Where messages can go, and whose they are. */
export interface Sinks {
  /** POSTs not yet answered, oldest first. */
  readonly posts: ReadonlySet<PostAnswer>;
  readonly listeners: Listeners;
  readonly calls: OpenCalls;
  readonly questions: Questions;
}

/** Lists whose changes a server may report, by the capability that says so. */
const LISTS = ["tools", "prompts", "resources"] as const;

function notification(method: string, params?: unknown): Uint8Array {
  return encodeJson({ jsonrpc: "2.0", method, params });
}

export class ServerVoice {
  readonly #sinks: Sinks;

  constructor(sinks: Sinks) {
    this.#sinks = sinks;
  }

  /** A request or notification of the server. */
  hear(message: Message, peer: Peer, about?: number): Promise<void> | undefined {
    const { method, id } = message.value;
    if (id !== undefined) return this.#question(message, peer, about);
    if (method === "notifications/progress") return this.#progress(message);
    if (method === "notifications/cancelled") return this.#withdraw(message, peer, about);
    if (method === "notifications/message") return this.#tell(message.line, about);
    return this.#sinks.listeners.send(message.line);
  }

  #question(message: Message, peer: Peer, about: number | undefined): Promise<void> | undefined {
    const id = idIn(message)!;
    // A sign of life that no client can give while none is there.
    if (message.value.method === "ping" && !this.#attended) {
      peer.send(pong(id), NO_CARRIER);
      return undefined;
    }
    if (this.#isDeaf) {
      return void peer.refuse(id, INTERNAL_ERROR, "the client takes no event stream: it cannot be asked");
    }
    const asked = this.#sinks.questions.ask(message, peer);
    if (asked !== undefined) return this.#tell(asked, about);
    peer.refuse(id, INTERNAL_ERROR, "too many requests wait for the client");
    return undefined;
  }

  #withdraw(message: Message, peer: Peer, about: number | undefined): Promise<void> | undefined {
    const id = cancelledIdIn(message);
    const outer = id === undefined ? undefined : this.#sinks.questions.withdraw(peer, id);
    if (outer === undefined) return undefined;
    const span = findMember(message.line, "requestId", findMember(message.line, "params"))!;
    return this.#tell(replaceSpan(message.line, span, encodeJson(outer)), about);
  }

  withdrawAll(peer: Peer): void {
    for (const requestId of this.#sinks.questions.withdrawAll(peer)) {
      void this.#tell(notification("notifications/cancelled", { requestId, reason: "the MCP server ended" }));
    }
  }

  #progress(message: Message): Promise<void> | undefined {
    const about = this.#sinks.calls.ofProgress(message);
    if (about?.call.answer.canStream) return about.call.answer.send(about.message.line);
    // Of a task that outlives its call, or of a call that has been cancelled: only for who listens now.
    return this.#sinks.listeners.attended ? this.#sinks.listeners.send(message.line) : undefined;
  }

  get #attended(): boolean {
    return this.#sinks.listeners.attended || [...this.#sinks.posts].some((post) => post.attended && post.canStream);
  }

  /** Whether a question could only wait in vain (B9): there are calls, no event can reach who made them, and nobody listens. */
  get #isDeaf(): boolean {
    const { posts, listeners } = this.#sinks;
    return posts.size > 0 && !listeners.attended && [...posts].every((post) => !post.takesEvents);
  }

  /**
   * Sends what belongs to some call: to the one it is about, where that is known. Stdio does not say: then to the only
   * one there is; else to the listening stream; else to the newest that can take it.
   */
  #tell(line: Uint8Array, about?: number): Promise<void> | undefined {
    const call = about === undefined ? undefined : this.#sinks.calls.ofOwnId(about);
    if (call?.answer.attended && call.answer.canStream) return call.answer.send(line);
    const posts = [...this.#sinks.posts].filter((post) => post.attended && post.canStream);
    if (posts.length === 1 || (posts.length > 1 && !this.#sinks.listeners.attended)) return posts.at(-1)!.send(line);
    return this.#sinks.listeners.send(line);
  }

  /** A new process knows nothing of what the client has listed before. */
  reportLists(capabilities: JsonObject): void {
    for (const list of LISTS) {
      const capability = capabilities[list];
      if (!isJsonObject(capability) || capability.listChanged !== true) continue;
      void this.#sinks.listeners.send(notification(`notifications/${list}/list_changed`));
    }
  }
}
