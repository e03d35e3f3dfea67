// A peer in memory, and where it comes from: for the bridge alone, without a process or a wire.
import type { Asker, Carrier, Message, Peer } from "../../lib/bridge/peer/peer.ts";
import {
  type Parting,
  type PeerEvents,
  type PeerSource,
  type Resumed,
  type Stopping,
  withoutWord,
} from "../../lib/bridge/peer/peer_source.ts";
import { SignetError } from "../../lib/errors.ts";
import type { Span } from "../../lib/mcp/json/json_text.ts";
import type { RpcId } from "../../lib/mcp/messages/json_rpc.ts";
import type { JsonObject } from "../../lib/platform/json.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Json = Record<string, unknown>;

export function messageOf(value: Json): Message {
  return { line: encoder.encode(JSON.stringify(value)), value: value as JsonObject };
}

export class FakePeer implements Peer {
  /** Requests, as they came, by the id they have here. */
  readonly asked = new Map<number, { readonly message: Json; readonly asker: Asker }>();
  readonly sent: Json[] = [];
  readonly forgotten: number[] = [];
  readonly refused: { readonly id: RpcId; readonly code: number }[] = [];
  /** Whether it takes messages. */
  takes = true;
  readonly #events: PeerEvents;
  #lastId = 0;

  constructor(events: PeerEvents) {
    this.#events = events;
  }

  get nextId(): number {
    return this.#lastId + 1;
  }

  ask(text: Uint8Array, _id: Span, asker: Asker): number | undefined {
    if (!this.takes) return undefined;
    this.asked.set(++this.#lastId, { message: JSON.parse(decoder.decode(text)), asker });
    return this.#lastId;
  }

  send(text: Uint8Array): boolean {
    this.sent.push(JSON.parse(decoder.decode(text)));
    return this.takes;
  }

  refuse(id: RpcId, code: number): void {
    this.refused.push({ id, code });
  }

  forget(id: number): void {
    this.forgotten.push(id);
    this.asked.delete(id);
  }

  /** Answers the request it knows by `id`. */
  answer(id: number, result: Json = {}): void {
    const { asker } = this.asked.get(id)!;
    this.asked.delete(id);
    void asker.onReply(messageOf({ jsonrpc: "2.0", id, result }));
  }

  /**
   * Says something of its own accord.
   * @param about the id here of the request that it belongs to, where its transport tells
   */
  say(message: Json, about?: number): void {
    void this.#events.onMessage(messageOf({ jsonrpc: "2.0", ...message }), this, about);
  }

  die(reason = "it died"): void {
    const askers = [...this.asked.values()];
    this.asked.clear();
    this.#events.onLost(this);
    for (const { asker } of askers) asker.onLost({ reason });
  }
}

/** Peers of one session; a test decides when the next one is there. */
export class FakePeers implements PeerSource {
  readonly events: PeerEvents;
  readonly handshake = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "fake", version: "1" } };
  current: FakePeer | undefined;
  /** Resolves, or rejects, to the peer that takes the place of the one that died. */
  coming = Promise.withResolvers<FakePeer>();
  confirmed = false;
  reply: Json = { result: this.handshake };

  constructor(events: PeerEvents) {
    this.events = events;
    this.coming.promise.catch(() => {});
  }

  peerFor(): Peer | Promise<Peer> {
    return this.current ?? this.coming.promise;
  }

  get protocolVersion(): string {
    return this.handshake.protocolVersion;
  }

  get capabilities(): JsonObject {
    return this.handshake.capabilities;
  }

  initialize(): Promise<Message> {
    this.current = new FakePeer(this.events);
    return Promise.resolve(messageOf({ jsonrpc: "2.0", id: 1, ...this.reply }));
  }

  /** What it is gone on with by, if a test gives one. */
  state: string | undefined = undefined;
  place: string | undefined = undefined;
  resumed: Resumed | undefined;
  readonly heard: Carrier[] = [];
  /** How it was stopped. */
  parting: Parting | undefined;

  seal(): string | undefined {
    return this.state;
  }

  /** Takes the state it has itself. */
  attach(resumed: Resumed): boolean {
    if (resumed.state !== this.state) return false;
    this.resumed = resumed;
    this.current = new FakePeer(this.events);
    return true;
  }

  listen(carrier: Carrier): void {
    this.heard.push(carrier);
  }

  confirm(): void {
    this.confirmed = true;
  }

  /** The current peer is gone, and another one not yet there. */
  lose(): void {
    const lost = this.current!;
    this.current = undefined;
    this.coming = Promise.withResolvers();
    this.coming.promise.catch(() => {});
    lost.die();
  }

  /** Another one is there, and has been told what it must know. */
  replace(): FakePeer {
    const peer = new FakePeer(this.events);
    for (const text of this.events.retell()) peer.send(text);
    this.current = peer;
    this.coming.resolve(peer);
    return peer;
  }

  /** None comes this time: whoever asks again may be luckier. */
  fail(error: Error): void {
    const { reject } = this.coming;
    this.coming = Promise.withResolvers();
    this.coming.promise.catch(() => {});
    reject(error);
  }

  stop(how: Parting): Stopping {
    this.parting ??= how;
    this.fail(new SignetError("upstream_unreachable"));
    return withoutWord(Promise.resolve());
  }
}
