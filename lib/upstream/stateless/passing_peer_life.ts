// The one peer of clients without sessions at a stateless HTTP server: greeted by asking the server what it is, as its client
// does. There is nothing to lead back to.
import type { Carrier, Message } from "../../bridge/peer/peer.ts";
import {
  type OpenPeers,
  type PeerEvents,
  type PeerSource,
  type Stopping,
  withoutWord,
} from "../../bridge/peer/peer_source.ts";
import { ByteAccount } from "../../http1/byte_account.ts";
import { META_SERVER_INFO } from "../../mcp/eras/between_eras.ts";
import { speaksModern } from "../../mcp/eras/for_stateless_server.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { randomBytes } from "../../platform/random.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { PassingPeer } from "./passing_peer.ts";
import type { StatelessParts } from "./stateless_parts.ts";
import { DEFAULT_STATELESS_LIMITS, type StatelessSetting } from "./stateless_peer_life.ts";

export type PassingSetting = Omit<StatelessSetting, "random">;

export function passingPeer(setting: PassingSetting): OpenPeers<PassingPeerLife> {
  const { account = new ByteAccount(), caller } = setting;
  const parts: StatelessParts = {
    timers: SYSTEM_TIMERS,
    random: randomBytes,
    ...setting,
    account: account.shareOf(caller.principalKey),
    limits: { ...DEFAULT_STATELESS_LIMITS, ...setting.limits },
  };
  return (events) => new PassingPeerLife(parts, events);
}

export class PassingPeerLife implements PeerSource {
  readonly peer: PassingPeer;
  readonly state = undefined;
  readonly place = undefined;
  /** There is none to negotiate. */
  readonly protocolVersion = "";
  #handshake: JsonObject = {};

  constructor(parts: StatelessParts, events: PeerEvents) {
    this.peer = new PassingPeer(parts, events);
  }

  peerFor(): PassingPeer {
    return this.peer;
  }

  get handshake(): JsonObject {
    return this.#handshake;
  }

  get capabilities(): JsonObject {
    return isJsonObject(this.#handshake.capabilities) ? this.#handshake.capabilities : {};
  }

  /** Asks what the server is, as its client does. @throws SignetError */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    const reply = await this.peer.discover(text, carrier);
    const { result } = reply.value;
    if (speaksModern(result)) this.#handshake = { ...result, serverInfo: serverInfoIn(result) ?? {} };
    return reply;
  }

  /** Nothing is gone on with. */
  attach(): boolean {
    return false;
  }

  confirm(): void {}

  listen(): void {}

  seal(): undefined {}

  stop(): Stopping {
    return withoutWord(this.peer.stop());
  }
}

function serverInfoIn({ _meta }: JsonObject): unknown {
  return isJsonObject(_meta) ? _meta[META_SERVER_INFO] : undefined;
}
