// A server of the transport before Streamable HTTP as a partner in JSON-RPC: what is said to it goes by POST, what it says
// comes on one stream. With the stream it ends.
import { LinePeer } from "../../bridge/peer/line_peer.ts";
import type { Carrier, Message, Peer } from "../../bridge/peer/peer.ts";
import { SignetError } from "../../errors.ts";
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { FieldList, Fields } from "../../http1/types.ts";
import type { Logger } from "../../observe/log.ts";
import { Discarded } from "../discarded.ts";
import { SseChannel, type SseChannelOptions } from "./sse_channel.ts";

export interface SsePeerOptions {
  readonly channel: SseChannelOptions;
  /** Which of a client's fields the server is told, in a list of its own. */
  readonly fieldsOf: (fields: Fields) => FieldList;
  readonly onMessage: (message: Message, peer: Peer) => Promise<void> | undefined;
  /** Called once, before anybody who waits is told. */
  readonly onEnd: (peer: SsePeer, fault: string | undefined) => void;
  readonly log: Logger;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

const encoder = new TextEncoder();

export class SsePeer extends LinePeer {
  readonly #options: SsePeerOptions;
  readonly #account: ByteAccount;
  #channel: SseChannel | undefined;
  /** Of the request that was made last: for what is said where none is at hand. */
  #fields: Fields;
  readonly #discarded: Discarded;

  private constructor(options: SsePeerOptions, fields: Fields) {
    super(options.onMessage);
    this.#options = options;
    this.#account = options.channel.account;
    this.#discarded = new Discarded(
      options.log,
      "An MCP server must send nothing but messages as events of its stream.",
    );
    this.#fields = fields;
  }

  /** @throws SignetError `upstream_*` */
  static async open(options: SsePeerOptions, carrier: Carrier): Promise<SsePeer> {
    const fields = options.fieldsOf(carrier.fields);
    const peer = new SsePeer(options, fields);
    peer.#channel = await SseChannel.open(options.channel, fields, {
      onData: (data) => peer.read(encoder.encode(data)),
      onEnd: (fault) => {
        if (peer.#channel === undefined) return;
        options.onEnd(peer, fault);
        peer.lose(undefined, { reason: "The MCP server's event stream ended before it answered" });
      },
    });
    if (peer.running) return peer;
    throw new SignetError("upstream_unreachable", {
      publicMessage: "Bad gateway: the MCP server ended its event stream at once",
    });
  }

  get running(): boolean {
    return this.#channel?.isOpen ?? false;
  }

  stop(): void {
    this.#channel?.close();
  }

  protected override write(
    line: Uint8Array<ArrayBuffer>,
    { carrier, asked }: { readonly carrier: Carrier; readonly asked: number | undefined },
  ): boolean {
    const channel = this.#channel;
    const charge = channel?.hasRoom ? this.#account.tryCharge(line.length) : undefined;
    if (channel === undefined || charge === undefined) return false;
    const own = this.#options.fieldsOf(carrier.fields);
    if (own.length > 0) this.#fields = own;
    channel.post(line, [...this.#fields]).catch((error) => this.#refused(error, asked)).finally(() => charge.release());
    return true;
  }

  protected override discard(found: string): undefined {
    return this.#discarded.add(found, this.#options.facts());
  }

  #refused(error: unknown, asked: number | undefined): void {
    const reason = error instanceof SignetError ? error.message : "The MCP server did not take the message";
    if (asked !== undefined) this.lose(asked, { reason, ...(error instanceof SignetError && { refusal: error }) });
    else this.#options.log.debug("MCP server refused a message", { ...this.#options.facts(), found: reason });
  }
}
