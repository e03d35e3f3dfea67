// A stateless HTTP server as the peer of clients that have no sessions either: requests go out as they came, but for their
// ids, with the headers that repeat what their bodies say now (docs/protocol.md 23, 30).
import type { Asker, Carrier, Message, Peer } from "../../bridge/peer/peer.ts";
import type { PeerEvents } from "../../bridge/peer/peer_source.ts";
import type { FieldList, Fields } from "../../http1/types.ts";
import { encodeHeaderValue } from "../../mcp/eras/header_value.ts";
import { nameMemberOf } from "../../mcp/eras/modern.ts";
import { findMember, type Span, stringAt } from "../../mcp/json/json_text.ts";
import { Discarded } from "../discarded.ts";
import { peerFields } from "../peer_fields.ts";
import { asRefusal, mayBeOfOtherEra } from "../peers/http_peer_fault.ts";
import type { StatelessParts } from "./stateless_parts.ts";
import { post, type StatelessPost } from "./stateless_post.ts";

const PARAM_FIELD = "mcp-param-";

export class PassingPeer implements Peer {
  readonly #parts: StatelessParts;
  readonly #events: Pick<PeerEvents, "onMessage" | "onRefused">;
  readonly #open = new Map<number, StatelessPost>();
  readonly #running = new Set<Promise<void>>();
  #lastId = 0;
  readonly #discarded: Discarded;
  #stopped = false;

  constructor(parts: StatelessParts, events: Pick<PeerEvents, "onMessage" | "onRefused">) {
    this.#parts = parts;
    this.#discarded = new Discarded(parts.log);
    this.#events = events;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  ask(text: Uint8Array, _id: Span, asker: Asker, { fields }: Carrier): number | undefined {
    if (this.#stopped || this.#running.size >= this.#parts.limits.maxCalls) return undefined;
    const { id, posted } = this.#post(text, fields);
    const kept = peerFields(fields);
    posted.reply.then(
      (reply) => this.#settle(id, () => void asker.onReply(reply)),
      (error) => {
        const refusal = asRefusal(error);
        this.#settle(id, () => asker.onLost({ reason: refusal.message, refusal }));
        if (mayBeOfOtherEra(refusal)) this.#events.onRefused?.(kept);
      },
    );
    return id;
  }

  /** Asks what the server is. @throws SignetError with what it said in HTTP, where it said no more */
  async discover(text: Uint8Array, { fields }: Carrier): Promise<Message> {
    const { timers, limits } = this.#parts;
    const { id, posted } = this.#post(text, fields);
    const stop = timers.after(limits.startTimeoutMs, () => posted.abort());
    try {
      return await posted.reply;
    } finally {
      stop();
      this.#open.delete(id);
    }
  }

  #post(text: Uint8Array, fields: Fields): { readonly id: number; readonly posted: StatelessPost } {
    const id = ++this.#lastId;
    const method = stringAt(text, findMember(text, "method")) ?? "";
    const posted = post(this.#parts, id, {
      method,
      headers: headersOf(text, method, fields),
      text,
      fields: peerFields(fields),
      onNotification: (message) => this.#events.onMessage(message, this, id),
      onJunk: (found) => this.#discard(found),
    });
    this.#open.set(id, posted);
    const running: Promise<void> = posted.ended.then(() => void this.#running.delete(running));
    this.#running.add(running);
    return { id, posted };
  }

  /** Such a server is told nothing but requests: what is not wanted any more is not read any more. */
  send(): boolean {
    return true;
  }

  refuse(): void {}

  forget(id: number): void {
    this.#open.get(id)?.abort();
    this.#open.delete(id);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const posted of this.#open.values()) posted.abort();
    await Promise.all(this.#running);
  }

  #settle(id: number, tell: () => void): void {
    if (this.#open.delete(id)) tell();
  }

  #discard(found: string): void {
    this.#discarded.add(found, { upstream: this.#parts.upstream.name });
  }
}

/** What the body says, in headers; those of arguments as the client has sent them. */
function headersOf(text: Uint8Array, method: string, fields: readonly string[]): FieldList {
  const headers: FieldList = [];
  const member = nameMemberOf(method);
  const params = findMember(text, "params");
  const name = member === undefined || params === undefined
    ? undefined
    : stringAt(text, findMember(text, member, params));
  if (name !== undefined) headers.push("mcp-name", encodeHeaderValue(name));
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.startsWith(PARAM_FIELD)) headers.push(fields[i]!, fields[i + 1]!);
  }
  return headers;
}
