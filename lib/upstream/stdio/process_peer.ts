// A server's process as a partner in JSON-RPC: a message is a line on its pipes (docs/behaviour.md B6, B9).
import { LinePeer } from "../../bridge/peer/line_peer.ts";
import type { Message, Peer } from "../../bridge/peer/peer.ts";
import type { Logger } from "../../observe/log.ts";
import { Discarded } from "../discarded.ts";
import type { LongLine } from "./lines.ts";
import { subjectOf } from "./long_line.ts";
import type { ProcessExit, ServerProcess } from "./process.ts";
import type { Start } from "./process_host.ts";

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

const RAISE = "Raise --stdio-max-line if the MCP server may write lines of this length.";
const RAISE_BUFFERED = "Raise --max-buffered or --principal-share if answers of this length are usual.";

export class ProcessPeer extends LinePeer {
  readonly #options: ProcessPeerOptions;
  readonly #process: ServerProcess;
  readonly #discarded: Discarded;

  /** @throws what `start` throws */
  constructor(options: ProcessPeerOptions) {
    super(options.onMessage);
    this.#options = options;
    this.#discarded = new Discarded(
      options.log,
      "An MCP server must write nothing but messages to stdout; its log belongs on stderr.",
    );
    this.#process = options.start({
      onLine: (line) => this.read(line),
      onLongLine: (line) => this.#readLong(line),
      onExit: (exit) => {
        this.#options.onExit(exit, this);
        this.lose(undefined, { reason: "The MCP server ended before it answered" });
      },
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  get gone(): Promise<void> {
    return this.#process.gone;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  protected override write(line: Uint8Array<ArrayBuffer>): boolean {
    return this.#process.write(line);
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
    this.lose(id, { reason });
  }

  protected override discard(found: string): undefined {
    return this.#discarded.add(found, this.#options.facts());
  }
}
