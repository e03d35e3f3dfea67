// A stateless HTTP server as a session's peer: each request is translated and made on its own, what the sessions' era has
// besides is answered beside it (`SessionMethods`), and what the server wants to know of the client is asked in
// the session (docs/behaviour.md S2, S3).
import type { Asker, Carrier, Loss, Message, Peer } from "../../bridge/peer/peer.ts";
import type { PeerEvents } from "../../bridge/peer/peer_source.ts";
import type { FieldList } from "../../http1/types.ts";
import { encodeHeaderValue } from "../../mcp/eras/header_value.ts";
import { nameMemberOf } from "../../mcp/eras/modern.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember, findMembers, type Span, stringAt } from "../../mcp/json/json_text.ts";
import type { RpcId } from "../../mcp/messages/json_rpc.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import type { JsonObject } from "../../platform/json.ts";
import { Discarded } from "../discarded.ts";
import { peerFields } from "../peer_fields.ts";
import { mayBeOfOtherEra } from "../peers/http_peer_fault.ts";
import { SessionMethods } from "./session_methods.ts";
import { type Answered, lossOf, StatelessCall } from "./stateless_call.ts";
import type { StatelessListening } from "./stateless_listening.ts";
import type { StatelessParts } from "./stateless_parts.ts";

export interface StatelessPeerOptions {
  readonly parts: StatelessParts;
  readonly events: Pick<PeerEvents, "onMessage" | "onRefused">;
  readonly revision: () => string;
  readonly envelope: (logLevel: string | undefined) => JsonObject;
  readonly newId: () => number;
  readonly listening: () => StatelessListening;
  /** Headers of a tool's arguments. @param again whether the server has missed one */
  readonly paramHeaders: (call: ToolCall, again: boolean) => FieldList | Promise<FieldList>;
}

/** A call of a tool: its name, and where its arguments stand. */
export interface ToolCall {
  readonly tool: string;
  readonly text: Uint8Array;
  readonly args: Span | undefined;
  readonly fields: FieldList;
}

/** A question on its way to the client. */
interface Open {
  readonly ownId: number;
  readonly settle: (answered: Answered) => void;
}

const decoder = new TextDecoder();

export class StatelessPeer implements Peer {
  readonly #options: StatelessPeerOptions;
  readonly #calls = new Map<number, StatelessCall>();
  readonly #running = new Set<Promise<void>>();
  /** By the id the client's session knows the question by. */
  readonly #open = new Map<string, Open>();
  readonly #sessionMethods: SessionMethods;
  #lastId = 0;
  readonly #discarded: Discarded;
  #stopped = false;

  constructor(options: StatelessPeerOptions) {
    this.#options = options;
    this.#discarded = new Discarded(options.parts.log);
    this.#sessionMethods = new SessionMethods(options.listening);
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  /** Requests under way. */
  get pending(): number {
    return this.#running.size;
  }

  envelope(): JsonObject {
    return this.#options.envelope(this.#sessionMethods.logLevel);
  }

  ask(text: Uint8Array, _id: Span, asker: Asker, carrier: Carrier): number | undefined {
    const { parts: { limits, account } } = this.#options;
    if (this.#stopped || this.#running.size >= limits.maxCalls) return undefined;
    const method = stringAt(text, findMember(text, "method")) ?? "";
    const here = this.#sessionMethods.answer(method, text, carrier);
    if (here !== undefined) return this.#settle(here, asker, peerFields(carrier.fields));
    const charge = account.tryCharge(text.length);
    if (charge === undefined) return undefined;
    const ownId = ++this.#lastId;
    const own = text.slice();
    const fields = peerFields(carrier.fields);
    const { parts, revision, newId } = this.#options;
    const call = new StatelessCall({
      ...{ parts, ownId, method, text: own, charge, fields, newId },
      asker: { onReply: asker.onReply, onLost: (loss) => this.#lose(asker, loss, fields) },
      revision: revision(),
      envelope: () => this.envelope(),
      headers: (again) => this.#headersOf(method, own, { fields, again }),
      ask: (question, about) => this.#ask(question, about),
      withdraw: (about) => this.#withdraw(about),
      onNotification: (message, about) => this.#hear(message, about),
      onJunk: (found) => this.discard(found),
    });
    this.#calls.set(ownId, call);
    this.#hold(call.run().finally(() => this.#calls.delete(ownId)));
    return ownId;
  }

  /** A notification or an answer of the client's. */
  send(text: Uint8Array, _carrier: Carrier): boolean {
    const method = stringAt(text, findMember(text, "method"));
    if (method === "notifications/cancelled") this.#cancel(text);
    if (method !== undefined) return true; // others tell a stateless server nothing
    const id = stringAt(text, findMember(text, "id"));
    const open = id === undefined ? undefined : this.#open.get(id);
    if (id === undefined || open === undefined) return true;
    this.#open.delete(id);
    const result = findMember(text, "result");
    open.settle(
      result === undefined ? { refusal: errorWords(text) } : { result: text.slice(result.start, result.end) },
    );
    return true;
  }

  refuse(id: RpcId, _code: number, message: string): void {
    const open = this.#open.get(String(id));
    this.#open.delete(String(id));
    open?.settle({ refusal: message });
  }

  forget(id: number): void {
    this.#calls.get(id)?.cancel();
  }

  /** Ends all that is under way; who waits hears of it. Settles when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const call of this.#calls.values()) call.abort();
    await Promise.all(this.#running);
  }

  discard(found: string): void {
    const { upstream, session } = this.#options.parts;
    this.#discarded.add(found, { upstream: upstream.name, session });
  }

  #lose(asker: Asker, loss: Loss, fields: FieldList): void {
    asker.onLost(loss);
    if (mayBeOfOtherEra(loss.refusal)) this.#options.events.onRefused?.(fields);
  }

  #hold(run: Promise<void>): void {
    const running: Promise<void> = run.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #settle(answer: Promise<Message>, asker: Asker, fields: FieldList): number {
    const ownId = ++this.#lastId;
    const lose = (fault: unknown) => {
      tellIfOwn(fault);
      this.#lose(asker, lossOf(fault), fields);
    };
    this.#hold(answer.then((message) => asker.onReply(message), lose).then(() => {}));
    return ownId;
  }

  #headersOf(
    method: string,
    text: Uint8Array,
    { fields, again }: { readonly fields: FieldList; readonly again: boolean },
  ): FieldList | Promise<FieldList> {
    const member = nameMemberOf(method);
    const params = findMember(text, "params");
    if (member === undefined || params === undefined) return [];
    const name = stringAt(text, findMember(text, member, params));
    if (name === undefined) return [];
    const named = ["mcp-name", encodeHeaderValue(name)];
    if (method !== "tools/call") return named;
    const [args] = findMembers(text, ["arguments"], params);
    const found = this.#options.paramHeaders({ tool: name, text, args, fields }, again);
    return found instanceof Promise ? found.then((more) => [...named, ...more]) : [...named, ...found];
  }

  #ask(question: Message, ownId: number): Promise<Answered> {
    const id = question.value.id as string;
    return new Promise((settle) => {
      this.#open.set(id, { ownId, settle });
      void this.#options.events.onMessage(question, this, ownId);
    });
  }

  #withdraw(ownId: number): void {
    for (const [id, open] of this.#open) {
      if (open.ownId !== ownId) continue;
      this.#open.delete(id);
      open.settle({ refusal: "the call has ended" });
      const value = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } };
      void this.#options.events.onMessage({ value, line: encodeJson(value) }, this, ownId);
    }
  }

  #hear(message: Message, ownId: number): Promise<void> | undefined {
    return this.#stopped ? undefined : this.#options.events.onMessage(message, this, ownId);
  }

  #cancel(text: Uint8Array): void {
    const span = findMember(text, "requestId", findMember(text, "params"));
    if (span !== undefined) this.forget(Number(decoder.decode(text.subarray(span.start, span.end))));
  }
}

function errorWords(text: Uint8Array): string {
  return stringAt(text, findMember(text, "message", findMember(text, "error")))?.slice(0, 200) ?? "no result";
}
