// Requests of a client that its server has not answered: found by the client's id, for cancelling and to refuse a second
// one of the same id (BEHAVIOUR.md B6, C1), and by progress token, to send progress where it belongs.
import { idKey, isJsonObject, type RpcId, type RpcRequest } from "../mcp/json_rpc.ts";
import { metaOf } from "../mcp/modern.ts";
import type { Peer } from "./peer.ts";
import type { PostAnswer } from "./post_answer.ts";

export interface OpenCall {
  readonly id: RpcId;
  readonly answer: PostAnswer;
  readonly token: RpcId | undefined;
  /** The process that runs it, and the id it has there. */
  readonly peer: Peer;
  ownId: number;
}

function isToken(value: unknown): value is RpcId {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}

/** `params._meta.progressToken` of a request. */
export function progressTokenOf(request: RpcRequest): RpcId | undefined {
  const token = metaOf(request.params)?.progressToken;
  return isToken(token) ? token : undefined;
}

export class Calls {
  readonly #byId = new Map<string, OpenCall>();
  readonly #byToken = new Map<string, OpenCall>();

  get size(): number {
    return this.#byId.size;
  }

  has(id: RpcId): boolean {
    return this.#byId.has(idKey(id));
  }

  get(id: unknown): OpenCall | undefined {
    return isToken(id) ? this.#byId.get(idKey(id)) : undefined;
  }

  add(call: OpenCall): void {
    this.#byId.set(idKey(call.id), call);
    if (call.token !== undefined) this.#byToken.set(idKey(call.token), call);
  }

  /** Takes out this very call, not another that has got its id since (C1). */
  remove(call: OpenCall): void {
    const key = idKey(call.id);
    if (this.#byId.get(key) === call) this.#byId.delete(key);
    if (call.token === undefined) return;
    const tokenKey = idKey(call.token);
    if (this.#byToken.get(tokenKey) === call) this.#byToken.delete(tokenKey);
  }

  /** The call that a progress notification is about. */
  ofProgress(params: unknown): OpenCall | undefined {
    const token = isJsonObject(params) ? params.progressToken : undefined;
    return isToken(token) ? this.#byToken.get(idKey(token)) : undefined;
  }
}
