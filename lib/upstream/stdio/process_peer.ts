// A server's process as a partner in JSON-RPC: requests get ids of this process's own (BEHAVIOUR.md B6), so that nothing a
// client chooses can clash; each response finds the request it is for, and whatever else comes is handed on.
import type { Logger } from "../../observe/log.ts";
import { isJsonObject, type RpcId } from "../../mcp/json_rpc.ts";
import type { Asker, Loss, Message, Peer } from "../../bridge/peer.ts";
import { flatten, replaceSpan, type Span } from "../../mcp/json_text.ts";
import type { ProcessExit, ServerProcess } from "./process.ts";

export interface ProcessPeerOptions {
  /** Starts the process. @throws what `ServerProcess` throws */
  readonly start: (
    hooks: { onLine: (line: Uint8Array) => Promise<void> | undefined; onExit: (exit: ProcessExit) => void },
  ) => ServerProcess;
  /** A request or notification of the server. @returns as `Asker.onReply` */
  readonly onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
  /** Called before anybody who waits is told. */
  readonly onExit: (exit: ProcessExit, peer: ProcessPeer) => void;
  readonly log: Logger;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** So many lines that are no messages are logged; the rest is only counted. */
const MAX_JUNK_LOGGED = 5;

export class ProcessPeer implements Peer {
  readonly #options: ProcessPeerOptions;
  readonly #process: ServerProcess;
  readonly #asked = new Map<number, Asker>();
  #idle: PromiseWithResolvers<void> | undefined;
  #lastId = 0;
  #junk = 0;

  /** @throws what `start` throws */
  constructor(options: ProcessPeerOptions) {
    this.#options = options;
    this.#process = options.start({
      onLine: (line) => this.#read(line),
      onExit: (exit) => this.#lose(exit),
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** The id that the next request will get. */
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

  get gone(): Promise<void> {
    return this.#process.gone;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  /**
   * Sends a request.
   * @param id where its id stands in `text`
   * @returns the id it got; undefined if the server does not take it now
   */
  ask(text: Uint8Array, id: Span, asker: Asker): number | undefined {
    const own = this.nextId;
    if (!this.send(replaceSpan(text, id, encoder.encode(String(own))))) return undefined;
    this.#lastId = own;
    this.#asked.set(own, asker);
    return own;
  }

  /** Sends a message as it is. @returns false if the server does not take it now */
  send(text: Uint8Array): boolean {
    const isLine = text.indexOf(0x0a) === -1 && text.indexOf(0x0d) === -1;
    return this.#process.write(isLine ? text : flatten(text.slice()));
  }

  /** Answers a request of the server's with an error. */
  refuse(id: RpcId, code: number, message: string): void {
    this.send(encoder.encode(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } })));
  }

  /** Nobody waits for the response to `id` any more. */
  forget(id: number): void {
    this.#asked.delete(id);
    this.#settleIdle();
  }

  #settleIdle(): void {
    if (this.#asked.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #read(line: Uint8Array): Promise<void> | undefined {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(line));
    } catch {
      return this.#discard("a line that is not JSON");
    }
    const text = line.indexOf(0x0d) === -1 ? line : flatten(line.slice());
    if (Array.isArray(value)) return this.#readBatch(value);
    return this.#take(value, text);
  }

  /** Revision 2025-03-26 let a server write several messages as one. */
  async #readBatch(values: readonly unknown[]): Promise<void> {
    for (const value of values) await this.#take(value, encoder.encode(JSON.stringify(value)));
  }

  #take(value: unknown, line: Uint8Array): Promise<void> | undefined {
    if (!isJsonObject(value)) return this.#discard("a line that is no message");
    if (typeof value.method === "string") return this.#options.onMessage({ value, line }, this);
    if (!Object.hasOwn(value, "result") && !Object.hasOwn(value, "error")) {
      return this.#discard("a line that is no message");
    }
    const asker = typeof value.id === "number" ? this.#asked.get(value.id) : undefined;
    if (asker === undefined) return undefined; // an answer to a call that was cancelled
    this.forget(value.id as number);
    return asker.onReply({ value, line });
  }

  #discard(found: string): undefined {
    if (++this.#junk > MAX_JUNK_LOGGED) return;
    const remedy = "an MCP server must write nothing but messages to stdout; its log belongs on stderr";
    this.#options.log.warn("MCP server's output discarded", { ...this.#options.facts(), found, remedy });
  }

  #lose(exit: ProcessExit): void {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    this.#settleIdle();
    this.#options.onExit(exit, this);
    const loss: Loss = { reason: "The MCP server ended before it answered" };
    for (const { onLost } of asked) onLost(loss);
  }
}
