// A server's process as a partner in JSON-RPC: requests get ids of this process's own (BEHAVIOUR.md B6), so that nothing a
// client chooses can clash; each response finds the request it is for, and whatever else comes is handed on.
import type { Logger } from "../../observe/log.ts";
import { isJsonObject, type JsonObject, type RpcId } from "../../mcp/json_rpc.ts";
import { findMember, flatten, replaceSpan, type Span } from "../../mcp/json_text.ts";
import type { ProcessExit, ServerProcess } from "./process.ts";

/** A message of the server: its text on one line, and what it says. */
export interface Message {
  readonly line: Uint8Array;
  readonly value: JsonObject;
}

/** Who waits for the response to a request. */
export interface Asker {
  /** @returns a promise where the reader of the server's output should wait */
  readonly onReply: (reply: Message) => Promise<void> | undefined;
  /** Instead of a reply: the process ended. */
  readonly onLost: (exit: ProcessExit) => void;
}

export interface PeerOptions {
  /** Starts the process. @throws what `ServerProcess` throws */
  readonly start: (
    hooks: { onLine: (line: Uint8Array) => Promise<void> | undefined; onExit: (exit: ProcessExit) => void },
  ) => ServerProcess;
  /** A request or notification of the server. @returns as `Asker.onReply` */
  readonly onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
  readonly onExit: (exit: ProcessExit, peer: Peer) => void;
  readonly log: Logger;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** So many lines that are no messages are logged; the rest is only counted. */
const MAX_JUNK_LOGGED = 5;

export class Peer {
  readonly #options: PeerOptions;
  readonly #process: ServerProcess;
  readonly #asked = new Map<number, Asker>();
  #idle: PromiseWithResolvers<void> | undefined;
  #lastId = 0;
  #junk = 0;

  /** @throws what `start` throws */
  constructor(options: PeerOptions) {
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

  /** Sends a message made here, and answers its result. @throws Error if it is refused, not taken, or the process ends */
  request(method: string, params: unknown): Promise<JsonObject> {
    const text = encoder.encode(JSON.stringify({ jsonrpc: "2.0", id: 0, method, params }));
    return new Promise((resolve, reject) => {
      const id = this.ask(text, findMember(text, "id")!, {
        onReply: ({ value }) => {
          if (isJsonObject(value.result)) resolve(value.result);
          else reject(new Error(`${method} was refused`));
          return undefined;
        },
        onLost: () => reject(new Error(`the process ended before it answered ${method}`)),
      });
      if (id === undefined) reject(new Error(`${method} was not taken`));
    });
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
    for (const { onLost } of asked) onLost(exit);
  }
}
