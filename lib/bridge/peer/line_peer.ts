// A partner in JSON-RPC at the other end of a line in each direction: requests get ids of this peer's own
// (docs/behaviour.md B6), so that nothing a client chooses can clash; each response finds the request it is for, and
// whatever else comes is handed on. How lines go out and come in is its kind's.
import { flatten, replaceSpan } from "../../mcp/json/json_splice.ts";
import type { Span } from "../../mcp/json/json_text.ts";
import { errorResponse, type RpcId } from "../../mcp/messages/json_rpc.ts";
import { TURN_BYTES } from "../../mcp/messages/read_message.ts";
import { idIn } from "./message_ids.ts";
import { type Asker, type Carrier, type Loss, type Message, NO_CARRIER, type Peer } from "./peer.ts";
import { answerIn, isRpc, type JsonLine, messagesIn, NO_ANSWER, ownIdOf, readLine, readLongLine } from "./peer_line.ts";

const encoder = new TextEncoder();

export abstract class LinePeer implements Peer {
  readonly #onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
  readonly #asked = new Map<number, Asker>();
  #idle: PromiseWithResolvers<void> | undefined;
  #lastId = 0;

  /** @param onMessage a request or notification of the peer; answers as `Asker.onReply` */
  constructor(onMessage: (message: Message, peer: Peer) => Promise<void> | undefined) {
    this.#onMessage = onMessage;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  /** Requests without a response. */
  get pending(): number {
    return this.#asked.size;
  }

  /** Settles once no request is without a response. */
  get idle(): Promise<void> {
    if (this.#asked.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  ask(text: Uint8Array, id: Span, asker: Asker, carrier: Carrier = NO_CARRIER): number | undefined {
    const own = this.nextId;
    if (!this.#write(replaceSpan(text, id, encoder.encode(String(own))), carrier, own)) return undefined;
    this.#lastId = own;
    this.#asked.set(own, asker);
    return own;
  }

  send(text: Uint8Array, carrier: Carrier = NO_CARRIER): boolean {
    return this.#write(text.slice(), carrier);
  }

  refuse(id: RpcId, code: number, message: string): void {
    this.send(errorResponse(id, code, message));
  }

  forget(id: number): void {
    this.#asked.delete(id);
    if (this.#asked.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** @param text nobody else's: a view would keep all that it is a part of for as long as the server does not read */
  #write(text: Uint8Array<ArrayBuffer>, carrier: Carrier, asked?: number): boolean {
    const isLine = text.indexOf(0x0a) === -1 && text.indexOf(0x0d) === -1;
    return this.write(isLine ? text : flatten(text), { carrier, asked });
  }

  /**
   * Sends a message of one line, which is its own from now on.
   * @param of the client's request it is for, and which of this peer's it is, if one
   * @returns false if the peer does not take it now
   */
  protected abstract write(
    line: Uint8Array<ArrayBuffer>,
    of: { readonly carrier: Carrier; readonly asked: number | undefined },
  ): boolean;

  /** What the peer has written is no message. */
  protected abstract discard(found: string): undefined;

  /** A line has come. */
  protected read(line: Uint8Array): Promise<void> | undefined {
    // What holds nobody up is read at once; the lines behind a long one wait for it, as for a slow reader.
    if (line.length > TURN_BYTES) return readLongLine(line).then((read) => this.#takeLine(read));
    return this.#takeLine(readLine(line));
  }

  /** One request will never be answered; of none, all of them. */
  protected lose(id: number | undefined, loss: Loss): void {
    const lost = id === undefined ? [...this.#asked.keys()] : [id];
    const askers = lost.map((own) => this.#asked.get(own));
    for (const own of lost) this.forget(own);
    for (const asker of askers) asker?.onLost(loss);
  }

  #takeLine(read: JsonLine | undefined): Promise<void> | undefined {
    if (read === undefined) return this.discard("a line that is not JSON");
    if (Array.isArray(read.value)) return this.#readBatch(read);
    return this.#take(read.value, read.text);
  }

  async #readBatch(read: JsonLine): Promise<void> {
    for (const one of messagesIn(read)) {
      if (one === undefined) this.#refuseBatch(read.value as readonly unknown[]);
      else await this.#take(one.value, one.text);
    }
  }

  /** Whose answers are among them, nobody is left to wait (B9). */
  #refuseBatch(values: readonly unknown[]): void {
    const reason = "The MCP server's answer came with more messages in one than there may be";
    for (const value of values) {
      if (!isRpc(value) || typeof value.method === "string") continue;
      const id = ownIdOf(value.id);
      if (id !== undefined && this.#asked.has(id)) this.lose(id, { reason });
    }
    this.discard("more messages in one than there may be");
  }

  #take(value: unknown, line: Uint8Array): Promise<void> | undefined {
    if (!isRpc(value)) return this.discard("JSON that is no message of JSON-RPC 2.0");
    if (typeof value.method === "string") return this.#hear({ value, line });
    const isAnswer = Object.hasOwn(value, "result") || Object.hasOwn(value, "error");
    const id = ownIdOf(value.id);
    const asker = id === undefined ? undefined : this.#asked.get(id);
    if (asker === undefined) {
      return this.discard(isAnswer ? "an answer that nobody waits for" : "a message that is neither call nor answer");
    }
    this.forget(id!);
    const answer = answerIn(value, line);
    if (answer !== undefined) return asker.onReply(answer);
    this.discard(NO_ANSWER);
    asker.onLost({ reason: "The MCP server's answer is neither a result nor an error" });
    return undefined;
  }

  #hear(message: Message): Promise<void> | undefined {
    if (message.value.id !== undefined && idIn(message) === undefined) {
      return this.discard("a request whose id is neither text nor an integer");
    }
    return this.#onMessage(message, this);
  }
}
