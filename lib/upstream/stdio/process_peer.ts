// A server's process as a partner in JSON-RPC: requests get ids of this process's own (docs/behaviour.md B6), so that
// nothing a client chooses can clash; each response finds the request it is for, and whatever else comes is handed on.
import type { Logger } from "../../observe/log.ts";
import { type RpcId, TURN_BYTES } from "../../mcp/json_rpc.ts";
import type { Asker, Loss, Message, Peer } from "../../bridge/peer.ts";
import { flatten, replaceSpan, type Span } from "../../mcp/json_text.ts";
import type { LongLine } from "./lines.ts";
import type { ProcessExit, ServerProcess } from "./process.ts";
import type { Start } from "./process_host.ts";
import { isRpc, type JsonLine, ownIdOf, readLine, readLongLine } from "../../bridge/peer_line.ts";
import { subjectOf } from "./long_line.ts";

export interface ProcessPeerOptions {
  /** Starts the process. @throws what `ServerProcess` throws */
  readonly start: (hooks: Pick<Start, "onLine" | "onLongLine" | "onExit">) => ServerProcess;
  /** For words alone: the process keeps it. */
  readonly maxLineBytes: number;
  /** A request or notification of the server. @returns as `Asker.onReply` */
  readonly onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
  /** Called before anybody who waits is told. */
  readonly onExit: (exit: ProcessExit, peer: ProcessPeer) => void;
  readonly log: Logger;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

const encoder = new TextEncoder();
const RAISE = "Raise --stdio-max-line if the MCP server may write lines of this length.";
const RAISE_BUFFERED = "Raise --max-buffered or --principal-share if answers of this length are usual.";
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
      onLongLine: (line) => this.#readLong(line),
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
    if (!this.#write(replaceSpan(text, id, encoder.encode(String(own))))) return undefined;
    this.#lastId = own;
    this.#asked.set(own, asker);
    return own;
  }

  /** Sends a message as it is. @returns false if the server does not take it now */
  send(text: Uint8Array): boolean {
    return this.#write(text.slice());
  }

  /** @param text nobody else's: a view would keep all that it is a part of for as long as the server does not read */
  #write(text: Uint8Array<ArrayBuffer>): boolean {
    const isLine = text.indexOf(0x0a) === -1 && text.indexOf(0x0d) === -1;
    return this.#process.write(isLine ? text : flatten(text));
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
    // What holds nobody up is read at once; the lines behind a long one wait for it, as for a slow reader.
    if (line.length > TURN_BYTES) return readLongLine(line).then((read) => this.#takeLine(read));
    return this.#takeLine(readLine(line));
  }

  #takeLine(read: JsonLine | undefined): Promise<void> | undefined {
    if (read === undefined) return this.#discard("a line that is not JSON");
    if (Array.isArray(read.value)) return this.#readBatch(read.value);
    return this.#take(read.value, read.text);
  }

  /** Revision 2025-03-26 let a server write several messages as one. */
  async #readBatch(values: readonly unknown[]): Promise<void> {
    for (const value of values) await this.#take(value, encoder.encode(JSON.stringify(value)));
  }

  #take(value: unknown, line: Uint8Array): Promise<void> | undefined {
    if (!isRpc(value)) return this.#discard("JSON that is no message of JSON-RPC 2.0");
    if (typeof value.method === "string") return this.#hear({ value, line });
    const isAnswer = Object.hasOwn(value, "result") || Object.hasOwn(value, "error");
    const id = ownIdOf(value.id);
    const asker = id === undefined ? undefined : this.#asked.get(id);
    if (asker === undefined) {
      return this.#discard(isAnswer ? "an answer that nobody waits for" : "a message that is neither call nor answer");
    }
    this.forget(id!);
    if (isAnswer) return asker.onReply({ value, line });
    this.#discard("an answer that is neither a result nor an error");
    asker.onLost({ reason: "The MCP server's answer is neither a result nor an error" });
    return undefined;
  }

  #hear(message: Message): Promise<void> | undefined {
    const { id } = message.value;
    if (id !== undefined && typeof id !== "string" && typeof id !== "number") {
      return this.#discard("a request whose id is neither text nor a number");
    }
    return this.#options.onMessage(message, this);
  }

  /**
   * A line over the cap is an error of its call; if it cannot be told whose, of all: none of them is left to wait (B9).
   */
  #readLong(line: LongLine): void {
    const { log, facts, maxLineBytes } = this.#options;
    const subject = subjectOf(line);
    const what = subject === "no answer" ? "a message" : "an answer";
    const found = line.overdue
      ? `${what} that came too slowly while memory was short`
      : `${what} longer than a line may be`;
    log.warn("MCP server's output discarded", {
      ...facts(),
      found,
      bytes: line.bytes,
      limit: maxLineBytes,
      remedy: line.overdue ? RAISE_BUFFERED : RAISE,
    });
    if (subject === "no answer") return;
    const { id } = subject;
    const reason = line.overdue
      ? "The MCP server's answer came too slowly while other answers waited for memory"
      : `The MCP server's answer is longer than ${maxLineBytes} bytes, the most that --stdio-max-line allows`;
    for (const own of id === undefined ? [...this.#asked.keys()] : [id]) {
      const asker = this.#asked.get(own);
      this.forget(own);
      asker?.onLost({ reason });
    }
  }

  #discard(found: string): undefined {
    if (++this.#junk > MAX_JUNK_LOGGED) return;
    const remedy = "An MCP server must write nothing but messages to stdout; its log belongs on stderr.";
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
