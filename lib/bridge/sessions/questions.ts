// Requests a server sends to its client. Their ids are made unique over all processes a session has had, and impossible
// to guess, so that an answer reaches the very process that asked, or nobody (docs/protocol.md 19).
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { idKey, type RpcId } from "../../mcp/messages/json_rpc.ts";
import { idIn } from "../peer/message_ids.ts";
import type { Carrier, Message, Peer } from "../peer/peer.ts";

interface Question {
  readonly peer: Peer;
  /** The server's own id, as it wrote it. */
  readonly id: Uint8Array;
  readonly key: string;
}

/** More unanswered ones than a client can have in hand. */
const MAX_OPEN = 100;

/** Of a server's own id, which is kept until it is answered. */
const MAX_ID_BYTES = 4096;

export class Questions {
  readonly #run: string;
  readonly #open = new Map<string, Question>();
  #asked = 0;

  /** @param run letters and digits nobody can guess */
  constructor(run: string) {
    this.#run = run;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The question as the client gets it; undefined if too many are open, or its id is too long. */
  ask(message: Message, peer: Peer): Uint8Array | undefined {
    const span = findMember(message.line, "id")!;
    if (this.#open.size >= MAX_OPEN || span.end - span.start > MAX_ID_BYTES) return undefined;
    const id = `${this.#run}-${++this.#asked}`;
    const key = idKey(idIn(message)!);
    this.#open.set(id, { peer, id: message.line.slice(span.start, span.end), key });
    return replaceSpan(message.line, span, encodeJson(id));
  }

  /** Takes the client's answer to the process that asked. An answer to anything else goes nowhere. */
  answer(text: Uint8Array, id: RpcId | null, carrier: Carrier): void {
    if (typeof id !== "string") return;
    const question = this.#open.get(id);
    if (question === undefined) return;
    this.#open.delete(id);
    question.peer.send(replaceSpan(text, findMember(text, "id")!, question.id), carrier);
  }

  /** The id under which the client knows a server's question, for its cancellation. The question is closed by it. */
  withdraw(peer: Peer, id: RpcId): string | undefined {
    const key = idKey(id);
    for (const [outer, question] of this.#open) {
      if (question.peer !== peer || question.key !== key) continue;
      this.#open.delete(outer);
      return outer;
    }
    return undefined;
  }

  /** All questions of a process that has ended. */
  withdrawAll(peer: Peer): string[] {
    const withdrawn: string[] = [];
    for (const [outer, question] of this.#open) if (question.peer === peer) withdrawn.push(outer);
    for (const outer of withdrawn) this.#open.delete(outer);
    return withdrawn;
  }
}
