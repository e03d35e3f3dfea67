// One of several HTTP servers as a peer, of whichever era it is (docs/behaviour.md S2): greeted as a server with sessions,
// and, where it refuses as one does that has none, asked what it is. What a server was found to be is tried first the next
// time; no verdict outlives a contradiction.
import type { Carrier, Message, Peer } from "../bridge/peer/peer.ts";
import type { OpenPeers, Parting, PeerEvents, PeerSource, Resumed, Stopping } from "../bridge/peer/peer_source.ts";
import { findMember, stringAt } from "../mcp/json/json_text.ts";
import { OTHER_ERA_CODES } from "../mcp/messages/rpc_codes.ts";
import { tellIfOwn } from "../platform/faults/uncaught.ts";
import { isJsonObject, type JsonObject } from "../platform/json.ts";
import { mayBeOfOtherEra } from "./peers/http_peer_fault.ts";
import { NotStatelessError, STATELESS_MARK } from "./stateless/stateless_mark.ts";

export interface EitherEraParts {
  /** Sessions with a server that has them. */
  readonly sessions: OpenPeers;
  /** Sessions of our own with a server that has none. */
  readonly stateless: OpenPeers;
  /** Requests of clients without sessions, as they are. */
  readonly passing: OpenPeers;
  /** Of the server, for all its peers. */
  readonly memo: EitherEraMemo;
}

export interface EitherEraMemo {
  isStateless: boolean;
}

export class EitherEraLife implements PeerSource {
  readonly #parts: EitherEraParts;
  readonly #events: PeerEvents;
  #life: PeerSource;
  /** While it is found out whether the server is one. */
  #trying: PeerSource | undefined;
  #isStopped = false;

  constructor(parts: EitherEraParts, events: PeerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#life = parts.sessions(events);
  }

  peerFor(carrier: Carrier): Peer | Promise<Peer> {
    return this.#life.peerFor(carrier);
  }

  get protocolVersion(): string {
    return this.#life.protocolVersion;
  }

  get handshake(): JsonObject {
    return this.#life.handshake;
  }

  get capabilities(): JsonObject {
    return this.#life.capabilities;
  }

  get state(): string | undefined {
    return this.#life.state;
  }

  get place(): string | undefined {
    return this.#life.place;
  }

  get hearing(): number | undefined {
    return this.#life.hearing;
  }

  get isShared(): boolean {
    return this.#life.isShared ?? false;
  }

  get isRefusedForGood(): boolean {
    return this.#life.isRefusedForGood ?? false;
  }

  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    const { passing, memo } = this.#parts;
    if (stringAt(text, findMember(text, "method")) === "server/discover") {
      this.#life = passing(this.#events);
      return await this.#life.initialize(text, carrier);
    }
    if (memo.isStateless) {
      const reply = await this.#asStateless(text, carrier);
      if (reply !== undefined) return reply;
      memo.isStateless = false;
    }
    let refusal: Message | undefined, fault: unknown;
    try {
      refusal = await this.#life.initialize(text, carrier);
      if (!mayBeStateless(refusal.value.error)) return refusal;
    } catch (error) {
      if (!mayBeOfOtherEra(error)) throw error;
      fault = error;
    }
    const reply = await this.#asStateless(text, carrier).catch((fault) => void tellIfOwn(fault));
    if (reply !== undefined) {
      memo.isStateless = true;
      return reply;
    }
    // What it has said to a greeting tells more than that it is nothing else either.
    if (refusal !== undefined) return refusal;
    throw fault;
  }

  attach(resumed: Resumed): boolean {
    if (resumed.state?.startsWith(STATELESS_MARK)) this.#life = this.#parts.stateless(this.#events);
    return this.#life.attach(resumed);
  }

  confirm(): void {
    this.#life.confirm();
  }

  listen(carrier: Carrier, place?: string): void {
    this.#life.listen(carrier, place);
  }

  seal(): string | undefined {
    return this.#life.seal();
  }

  stop(how: Parting, carrier: Carrier): Stopping {
    this.#isStopped = true;
    const { told, gone } = this.#life.stop(how, carrier);
    return { told, gone: Promise.all([gone, this.#trying?.stop(how, carrier).gone]) };
  }

  /** Undefined if it is none; then all is as before. @throws SignetError */
  async #asStateless(text: Uint8Array, carrier: Carrier): Promise<Message | undefined> {
    if (this.#isStopped) return undefined;
    const life = this.#trying = this.#parts.stateless(this.#events);
    try {
      const reply = await life.initialize(text, carrier);
      if (!this.#isStopped) {
        this.#life.stop("leave", carrier);
        this.#life = life;
        return reply;
      }
    } catch (error) {
      life.stop("leave", carrier);
      if (error instanceof NotStatelessError) return undefined;
      throw error;
    } finally {
      this.#trying = undefined;
    }
    life.stop("leave", carrier);
    return undefined;
  }
}

function mayBeStateless(error: unknown): boolean {
  return isJsonObject(error) && OTHER_ERA_CODES.has(error.code);
}
