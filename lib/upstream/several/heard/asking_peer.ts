// A member's peer as whoever answers its questions sees it: what a client sends along goes no further than the member may
// have it (docs/behaviour.md A8), and no member asks so much that the others find no room (A6).
import { idAt } from "../../../bridge/peer/message_ids.ts";
import type { Asker, Carrier, Peer } from "../../../bridge/peer/peer.ts";
import { findMember, type Span } from "../../../mcp/json/json_text.ts";
import { idKey, type RpcId } from "../../../mcp/messages/json_rpc.ts";
import { INTERNAL_ERROR } from "../../../mcp/messages/rpc_codes.ts";
import type { MemberLife } from "../members/member_life.ts";

export class AskingPeer implements Peer {
  readonly #inner: Peer;
  readonly #life: MemberLife;
  readonly #runs: (id: number) => boolean;
  /** Of its questions that are with the client, each with what ends its token's life. */
  readonly #asked = new Map<string, () => void>();

  /** @param runs whether the member is at the request that whoever answers knows by this id */
  constructor(inner: Peer, life: MemberLife, runs: (id: number) => boolean) {
    this.#inner = inner;
    this.#life = life;
    this.#runs = runs;
  }

  /** Takes a question in. @returns false if it has too many already, or this one */
  take(id: RpcId, most: number): boolean {
    const key = idKey(id);
    if (this.#asked.size >= most || this.#asked.has(key)) return false;
    this.#asked.set(key, () => {});
    return true;
  }

  /** What is done when a question that was taken in is answered, or withdrawn. */
  onceDone(id: RpcId, end: () => void): void {
    this.#asked.set(idKey(id), end);
  }

  /** The member wants no answer any more. */
  withdraw(id: RpcId | undefined): void {
    if (id === undefined) return;
    this.#asked.get(idKey(id))?.();
    this.#asked.delete(idKey(id));
  }

  /** It has ended: nothing of it waits any more. */
  withdrawAll(): void {
    for (const end of this.#asked.values()) end();
    this.#asked.clear();
  }

  mayMean(id: number): boolean {
    return this.#runs(id);
  }

  get nextId(): number {
    return this.#inner.nextId;
  }

  ask(text: Uint8Array, id: Span, asker: Asker, carrier: Carrier): number | undefined {
    return this.#inner.ask(text, id, asker, this.#carried(carrier));
  }

  /** An answer, or a notification about one. */
  send(text: Uint8Array, carrier: Carrier): boolean {
    const span = findMember(text, "id");
    if (span !== undefined) this.withdraw(idAt(text, span));
    return this.#inner.send(text, this.#carried(carrier));
  }

  /** A question that finds no room; one of the same id stays open. */
  refuseFurther(id: RpcId): void {
    this.#inner.refuse(id, INTERNAL_ERROR, "too many requests wait for the client");
  }

  refuse(id: RpcId, code: number, message: string): void {
    this.withdraw(id);
    this.#inner.refuse(id, code, message);
  }

  forget(id: number): void {
    this.#inner.forget(id);
  }

  #carried({ fields }: Carrier): Carrier {
    return { fields: this.#life.member.carry(fields) };
  }
}
