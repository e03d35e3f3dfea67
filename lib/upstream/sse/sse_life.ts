// One client's session with a server of HTTP+SSE over all the streams it takes: the first is greeted with the client's own
// handshake; when one breaks, the next request opens another and says it again, as with a process (docs/behaviour.md B5).
import {
  brief,
  type Handshake,
  handshakeOfSuccessor,
  handshakeToKeep,
  readHandshake,
  versionIn,
} from "../../bridge/peer/handshake.ts";
import { type Carrier, type Message, NO_CARRIER } from "../../bridge/peer/peer.ts";
import {
  type PeerEvents,
  type PeerSource,
  type Resumed,
  type Stopping,
  withoutWord,
} from "../../bridge/peer/peer_source.ts";
import { SignetError } from "../../errors.ts";
import type { FieldList, Fields } from "../../http1/types.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import type { Logger } from "../../observe/log.ts";
import type { JsonObject } from "../../platform/json.ts";
import { Pause } from "../../platform/time/timers.ts";
import { Backoff, DEFAULT_BACKOFF } from "../backoff.ts";
import type { SseChannelOptions } from "./sse_channel.ts";
import { SsePeer } from "./sse_peer.ts";

export interface SseLifeOptions {
  readonly channel: SseChannelOptions;
  readonly fieldsOf: (fields: Fields) => FieldList;
  readonly log: Logger;
  readonly events: PeerEvents;
}

/** A request waits this long for a stream that is held back, in ms; beyond, it is refused. */
const MAX_WAIT_MS = 2000;

export class SseLife implements PeerSource {
  readonly #options: SseLifeOptions;
  readonly #backoff = new Backoff(DEFAULT_BACKOFF);
  #handshakeText: Uint8Array | undefined;
  #handshake: Handshake | undefined;
  #peer: SsePeer | undefined;
  #opening: Promise<SsePeer> | undefined;
  /** Of the first request of a session gone on with, or the last that was made. */
  #carrier: Carrier = NO_CARRIER;
  #isConfirmed = false;
  #isStopped = false;

  /** A stream is nobody's but this one's. */
  readonly state = undefined;
  readonly place = undefined;

  /** All comes on the one stream; of another one in its place is told (`PeerEvents.onReplaced`). */
  get hearing(): number | undefined {
    return this.#peer?.running ? 1 : undefined;
  }

  /** Before the next stream. */
  readonly #pause: Pause;

  constructor(options: SseLifeOptions) {
    this.#options = options;
    this.#pause = new Pause(options.channel.timers);
  }

  peerFor(carrier: Carrier): SsePeer | Promise<SsePeer> {
    this.#keep(carrier);
    if (this.#peer?.running) return this.#peer;
    return this.#opening ??= this.#reopen().finally(() => this.#opening = undefined);
  }

  get protocolVersion(): string {
    return versionIn(this.#handshake);
  }

  get handshake(): JsonObject {
    return this.#handshake?.result ?? {};
  }

  get capabilities(): JsonObject {
    return this.#handshake?.capabilities ?? {};
  }

  /** @throws SignetError `upstream_*` */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    this.#handshakeText = handshakeToKeep(text);
    this.#keep(carrier);
    const { peer, reply } = await this.#launch(text);
    this.#handshake = readHandshake(reply);
    if (this.#handshake === undefined) peer.stop();
    else this.#peer = peer;
    return reply;
  }

  attach({ state, protocolVersion, handshake }: Resumed): boolean {
    if (state !== undefined) return false;
    this.#handshakeText = handshake;
    this.#handshake = { result: { protocolVersion }, capabilities: {} };
    this.#isConfirmed = true;
    return true;
  }

  /** All that the server says is on its stream, listened to or not. */
  listen(carrier: Carrier): void {
    this.#keep(carrier);
  }

  confirm(): void {
    this.#isConfirmed = true;
  }

  seal(): undefined {}

  /** The server hears of it by the end of the stream. */
  stop(): Stopping {
    this.#isStopped = true;
    this.#pause.close();
    this.#peer?.stop();
    this.#peer = undefined;
    return withoutWord(this.#opening?.then((peer) => peer.stop(), () => {}) ?? Promise.resolve());
  }

  #keep({ fields }: Carrier): void {
    const own = this.#options.fieldsOf(fields);
    if (own.length > 0) this.#carrier = { fields: own };
  }

  async #reopen(): Promise<SsePeer> {
    const { timers } = this.#options.channel;
    const delayMs = this.#backoff.delayMs(timers.now());
    if (delayMs > MAX_WAIT_MS) {
      throw new SignetError("upstream_unreachable", {
        publicMessage: "Bad gateway: the MCP server's event stream keeps breaking",
        retryAfterS: Math.ceil(delayMs / 1000),
        facts: { failures: this.#backoff.failures },
        remedy: "See the MCP server's own log for why it ends the stream.",
      });
    }
    if (delayMs > 0) await this.#pause.wait(delayMs);
    const { peer, reply } = await this.#launch(this.#handshakeText!);
    try {
      this.#handshake = handshakeOfSuccessor(reply, this.protocolVersion);
    } catch (error) {
      peer.stop();
      throw error;
    }
    brief(peer, { isConfirmed: this.#isConfirmed, requests: this.#options.events.retell() });
    this.#peer = peer;
    this.#options.events.onReplaced(this.capabilities);
    return peer;
  }

  async #launch(handshake: Uint8Array): Promise<{ peer: SsePeer; reply: Message }> {
    if (this.#isStopped) throw notWanted();
    const { channel, fieldsOf, log, events } = this.#options;
    try {
      const facts = () => ({ ...(channel.session !== undefined && { session: channel.session }) });
      const onEnd = (peer: SsePeer, fault: string | undefined) => this.#lost(peer, fault);
      const peer = await SsePeer.open(
        { channel, fieldsOf, log, facts, onEnd, onMessage: events.onMessage },
        this.#carrier,
      );
      this.#assertWanted(peer);
      const reply = await this.#greet(peer, handshake);
      this.#assertWanted(peer);
      return { peer, reply };
    } catch (error) {
      this.#backoff.fail(channel.timers.now());
      throw error;
    }
  }

  /** Whoever stops the life finds no stream that is only being opened or greeted. */
  #assertWanted(peer: SsePeer): void {
    if (!this.#isStopped) return;
    peer.stop();
    throw notWanted();
  }

  #greet(peer: SsePeer, text: Uint8Array): Promise<Message> {
    const { timers, limits } = this.#options.channel;
    return new Promise((resolve, reject) => {
      const fail = (error: SignetError) => {
        peer.stop();
        reject(error);
      };
      const stop = timers.after(limits.openTimeoutMs, () => {
        fail(
          new SignetError("upstream_timeout", { facts: { attempted: "initialize", afterMs: limits.openTimeoutMs } }),
        );
      });
      const asked = peer.ask(text, findMember(text, "id")!, {
        onReply: (reply) => {
          stop();
          resolve(reply);
          return undefined;
        },
        onLost: ({ reason }) => {
          stop();
          fail(new SignetError("upstream_unreachable", { publicMessage: `Bad gateway: ${reason}` }));
        },
      }, this.#carrier);
      if (asked !== undefined) return;
      stop();
      fail(new SignetError("request_limit"));
    });
  }

  #lost(peer: SsePeer, fault: string | undefined): void {
    const { events, log, channel } = this.#options;
    if (this.#peer === peer) {
      this.#peer = undefined;
      this.#backoff.fail(channel.timers.now());
      log.warn("MCP server's event stream ended", { session: channel.session, fault: fault ?? "its end" });
    }
    events.onLost(peer);
  }
}

function notWanted(): SignetError {
  return new SignetError("upstream_unreachable", { facts: { found: "a session that has ended meanwhile" } });
}
