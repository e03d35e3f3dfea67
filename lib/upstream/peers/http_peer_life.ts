// One client's session with an HTTP server, for the bridge: opened by the client's own handshake or gone on with from what
// was sealed (L3), listened to, let go of or ended (L5). Which session the server knows it by is another file's (L4).
import { INITIALIZED } from "../../bridge/peer/handshake.ts";
import type { Carrier, Message } from "../../bridge/peer/peer.ts";
import type { OpenPeers, Parting, PeerEvents, PeerSource, Resumed, Stopping } from "../../bridge/peer/peer_source.ts";
import { ByteAccount } from "../../http1/byte_account.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { isRefusalForGood } from "../refused_for_now.ts";
import { HttpPeer } from "./http_peer.ts";
import { asNoServer, HttpPeerGreeting } from "./http_peer_greeting.ts";
import { HttpPeerListening } from "./http_peer_listening.ts";
import { DEFAULT_HTTP_PEER_LIMITS, type HttpPeerLimits, type HttpPeerParts, NO_BREAKER } from "./http_peer_parts.ts";
import { HttpPeerSessions } from "./http_peer_sessions.ts";
import { PeerWire } from "./http_peer_wire.ts";
import type { PeerSession } from "./peer_session.ts";

type Optional = "account" | "timers" | "breaker" | "fieldsOf";
type Made = "limits" | "pooled";

/** Default: no client's field goes to the server, and nothing holds it back. */
export type HttpPeerSetting = Omit<HttpPeerParts, Optional | Made> & Partial<Pick<HttpPeerParts, Optional>> & {
  readonly limits?: Partial<HttpPeerLimits>;
  /** For each peer one of its own: what one has let go of another one uses. */
  readonly pooled?: () => HttpPeerParts["pooled"];
};

/** An HTTP server as a session's peer. What is held of its messages is its caller's share of the account. */
export function httpPeer(setting: HttpPeerSetting): OpenPeers<HttpPeerLife> {
  const { account = new ByteAccount(), caller, pooled, ...given } = setting;
  const parts: HttpPeerParts = {
    timers: SYSTEM_TIMERS,
    breaker: NO_BREAKER,
    fieldsOf: () => [],
    ...given,
    caller,
    account: account.shareOf(caller.principalKey),
    limits: { ...DEFAULT_HTTP_PEER_LIMITS, ...setting.limits },
  };
  return (events) => new HttpPeerLife({ ...parts, pooled: pooled?.() }, events);
}

export class HttpPeerLife implements PeerSource {
  readonly peer: HttpPeer;
  readonly #parts: HttpPeerParts;
  readonly #wire: PeerWire;
  readonly #sessions: HttpPeerSessions;
  readonly #listening: HttpPeerListening;
  readonly #greeting: HttpPeerGreeting;
  #isConfirmed: boolean;
  #told: Promise<readonly string[]> | undefined;

  constructor(parts: HttpPeerParts, events: PeerEvents) {
    this.#parts = parts;
    // Whoever finds it finds one that is complete.
    this.#isConfirmed = parts.pooled !== undefined;
    const wire = this.#wire = new PeerWire(parts);
    const sessions = this.#sessions = new HttpPeerSessions(parts, {
      greet: (handshake, fields) => this.#greeting.greet(handshake, fields),
      confirm: async (session, fields = this.peer.lastFields()) => {
        return this.#isConfirmed && await this.peer.post(INITIALIZED, session, fields);
      },
      retell: async (session, fields) => {
        await this.#greeting.retell(events.retell(), session, fields);
      },
      discard: (session, fields) => this.#wire.endSession(session, fields),
      giveBack: (session, when) => {
        this.#greeting.giveBack(session, this.peer.lastFields(), when === "idle" ? this.peer.settled : undefined);
      },
      onLost: () => events.onLost(this.peer),
      onRefused: (fields) => events.onRefused?.(fields),
      onRenewed: () => {
        events.onReplaced(this.capabilities);
        this.#listening.renewed();
      },
      listenedTo: (session) => this.#listening.over(session),
    });
    this.peer = new HttpPeer({ parts, wire, sessions, events });
    this.#greeting = new HttpPeerGreeting({ parts, wire, peer: this.peer });
    this.#listening = new HttpPeerListening({ parts, wire, sessions, peer: this.peer });
  }

  /** Each of its requests brings its own credential. */
  peerFor(): HttpPeer {
    return this.peer;
  }

  get protocolVersion(): string {
    return this.#sessions.version;
  }

  get handshake(): JsonObject {
    return this.#sessions.result;
  }

  get capabilities(): JsonObject {
    return isJsonObject(this.#sessions.result.capabilities) ? this.#sessions.result.capabilities : {};
  }

  get state(): string | undefined {
    return this.#sessions.state;
  }

  get place(): string | undefined {
    return this.#listening.place;
  }

  get hearing(): number | undefined {
    return this.#listening.hearing;
  }

  /** @throws SignetError `upstream_*`, `request_limit` */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    return await this.#sessions.open(text, this.peer.fieldsFor(carrier)).catch((error) => {
      throw asNoServer(error);
    });
  }

  get isShared(): boolean {
    return this.#parts.pooled?.isShared ?? false;
  }

  get isRefusedForGood(): boolean {
    const { status } = this.#greeting;
    return status !== undefined && isRefusalForGood(status);
  }

  attach(resumed: Resumed): boolean {
    this.#isConfirmed = true;
    return this.#sessions.attach(resumed);
  }

  confirm(): void {
    this.#isConfirmed = true;
  }

  listen(carrier: Carrier, place?: string): void {
    this.#listening.listen(this.peer.fieldsFor(carrier), place);
  }

  seal(): string | undefined {
    return this.#sessions.seal();
  }

  stop(how: Parting, carrier: Carrier): Stopping {
    const told = this.#told ??= this.#stop(how, carrier);
    return { told, gone: told };
  }

  async #stop(how: Parting, carrier: Carrier): Promise<readonly string[]> {
    const fields = this.peer.lastFields(carrier);
    const stays = this.#sessions.part(how);
    const session = await this.#close();
    if (session?.id === undefined || await stays(session)) return [];
    const failure = await this.#wire.endSession(session, fields);
    return failure === undefined ? [] : [failure];
  }

  /** @returns the session there was; none the second time */
  async #close(): Promise<PeerSession | undefined> {
    const [session] = await Promise.all([this.#sessions.close(), this.#listening.stop(), this.peer.stop()]);
    await this.#greeting.idle;
    return session;
  }
}
