// Requests of a client that its peer has not answered: found by the client's id, for cancelling and to refuse a second
// one of the same id (docs/behaviour.md B6, C1), and by progress token, to send progress where it belongs.
// Of a call that is on its way nothing is kept but its id, its token and what its success means: neither text nor body.
import { replaceSpan, replaceSpanByNumber } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { idSpan, type PlacedText } from "../../mcp/json/placed_text.ts";
import { idKey, type RpcId, type RpcNotification, type RpcRequest } from "../../mcp/messages/json_rpc.ts";
import { INVALID_PARAMS, SERVER_ERROR } from "../../mcp/messages/rpc_codes.ts";
import { errorWithId, type RpcFault, rpcFaultOf } from "../../mcp/messages/rpc_fault.ts";
import type { PostAnswer } from "../answers/post_answer.ts";
import { idAt, progressOf, progressTokenOf } from "../peer/message_ids.ts";
import type { Asker, Carrier, Loss, Message, Peer } from "../peer/peer.ts";
import { effectOf, type Remembered, type Settle } from "../peer/remembered.ts";

function isId(value: unknown): value is RpcId {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}

/** A client's request. */
export interface PlacedRequest extends PlacedText {
  readonly request: RpcRequest;
}

export function placed(text: Uint8Array, request: RpcRequest): PlacedRequest {
  return { text, request, id: idSpan(text) };
}

export interface CallOwner {
  answered(call: OpenCall, reply: Message): Promise<void> | undefined;
  lost(call: OpenCall, loss: Loss): void;
}

/** One request, from its arrival to its answer. */
export class OpenCall implements Asker {
  readonly key: string;
  /** The client's id as it wrote it. */
  readonly id: Uint8Array;
  readonly token: RpcId | undefined;
  readonly answer: PostAnswer;
  /** The peer that runs it, and the id it has there; undefined while none does. */
  running: { readonly peer: Peer; readonly ownId: number } | undefined;
  /** Tells what its success changes whether it has succeeded. */
  settle: Settle | undefined;
  readonly #owner: CallOwner;

  constructor({ text, request, id }: PlacedRequest, answer: PostAnswer, owner: CallOwner) {
    this.key = idKey(request.id);
    this.id = text.slice(id.start, id.end);
    this.token = progressTokenOf(request, text);
    this.answer = answer;
    this.#owner = owner;
  }

  onReply = (reply: Message): Promise<void> | undefined => this.#owner.answered(this, reply);
  onLost = (loss: Loss): void => this.#owner.lost(this, loss);
}

export class OpenCalls implements CallOwner {
  readonly #remembered: Remembered;
  readonly #byId = new Map<string, OpenCall>();
  readonly #byToken = new Map<string, OpenCall>();

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Whether a call of this id is open. */
  hasId(id: RpcId): boolean {
    return this.#byId.has(idKey(id));
  }

  /** Whether an open call has the progress token of `request`: what is said of the one would be heard by the other. */
  hasTokenOf(request: RpcRequest, text: Uint8Array): boolean {
    const token = progressTokenOf(request, text);
    return token !== undefined && this.#byToken.has(idKey(token));
  }

  /** Takes a request in, before there is a peer for it: from now on its id is in use. */
  open(asked: PlacedRequest, answer: PostAnswer): OpenCall {
    const call = new OpenCall(asked, answer, this);
    this.#byId.set(call.key, call);
    if (call.token !== undefined) this.#byToken.set(idKey(call.token), call);
    return call;
  }

  /** Sends it, unless it has been cancelled or given up meanwhile. */
  ask(call: OpenCall, { text, request, id }: PlacedRequest, peer: Peer, carrier: Carrier): void {
    if (this.#byId.get(call.key) !== call) return;
    const effect = effectOf(request, text);
    if (effect !== undefined) {
      call.settle = this.#remembered.begin(effect);
      if (call.settle === undefined) {
        return this.fail(call, {
          code: INVALID_PARAMS,
          message: "Invalid params: too many subscriptions in this session",
        });
      }
    }
    const ownId = peer.ask(text, id, call, carrier);
    if (ownId !== undefined) call.running = { peer, ownId };
    else this.fail(call, { code: SERVER_ERROR, message: "The MCP server does not take more requests now" });
  }

  answered(call: OpenCall, { line, value, id = idSpan(line) }: Message): Promise<void> | undefined {
    call.settle?.(value.error === undefined);
    return this.#close(call, replaceSpan(line, id, call.id));
  }

  lost(call: OpenCall, { reason, refusal }: Loss): void {
    if (call.answer.challenge(refusal)) {
      call.settle?.(false);
      return this.#remove(call);
    }
    this.fail(call, { code: SERVER_ERROR, message: reason });
  }

  fail(call: OpenCall, fault: RpcFault): void {
    call.settle?.(false);
    void this.#close(call, errorWithId(call.id, fault));
  }

  /** Gives up the calls of one POST: as a whole where no answer has begun, else by an error to each (B9). */
  giveUp(answer: PostAnswer, error: unknown): void {
    const calls = [...this.#byId.values()].filter((call) => call.answer === answer);
    if (!answer.refuse(error)) return calls.forEach((call) => this.fail(call, rpcFaultOf(error)));
    for (const call of calls) {
      call.settle?.(false);
      this.#remove(call);
    }
  }

  /**
   * Tells the peer that runs the call, by the id it has there (C2). The answer is closed here: a server that obeys
   * sends none (MCP 2025-11-25, Cancellation).
   */
  cancel(text: Uint8Array, { params }: RpcNotification, carrier: Carrier): void {
    if (!isId(params?.requestId)) return;
    const span = findMember(text, "requestId", findMember(text, "params"))!;
    const call = this.#byId.get(idKey(idAt(text, span)!));
    if (call === undefined) return;
    call.running?.peer.send(replaceSpanByNumber(text, span, call.running.ownId), carrier);
    call.running?.peer.forget(call.running.ownId);
    this.fail(call, { code: SERVER_ERROR, message: "Cancelled by the client" });
  }

  /** The call that a progress notification is about, and that as its client knows it. */
  ofProgress(message: Message): { readonly call: OpenCall; readonly message: Message } | undefined {
    const progress = progressOf(message, (token) => this.#byToken.has(idKey(token)));
    return progress && { call: this.#byToken.get(idKey(progress.token))!, message: progress.message };
  }

  /** The call that a peer runs under `ownId`. */
  ofOwnId(ownId: number): OpenCall | undefined {
    for (const call of this.#byId.values()) if (call.running?.ownId === ownId) return call;
    return undefined;
  }

  /** One that is answered by `answer`. */
  ofAnswer(answer: PostAnswer): OpenCall | undefined {
    for (const call of this.#byId.values()) if (call.answer === answer) return call;
    return undefined;
  }

  #close(call: OpenCall, response: Uint8Array): Promise<void> | undefined {
    this.#remove(call);
    return call.answer.answer(response, { instead: notKept(call.id) });
  }

  /** Takes out this very call, not another that has got its id since (C1). */
  #remove(call: OpenCall): void {
    if (this.#byId.get(call.key) === call) this.#byId.delete(call.key);
    if (call.token === undefined) return;
    const tokenKey = idKey(call.token);
    if (this.#byToken.get(tokenKey) === call) this.#byToken.delete(tokenKey);
  }
}

/** What a client is told that was away when an answer came, if there was no room to keep the answer for it. */
const NOT_KEPT: RpcFault = {
  code: SERVER_ERROR,
  message: "The answer came while its client was away, and there was no room to keep it",
};

/** Holds nothing but the id: it stays as long as the answer does. */
function notKept(id: Uint8Array): () => Uint8Array {
  return () => errorWithId(id, NOT_KEPT);
}
