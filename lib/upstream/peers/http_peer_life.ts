// The life of one client's session with an HTTP server over all the sessions that the server has for it: opened by the
// client's own handshake or gone on with from what was sealed (L3), greeted again, once for all who wait, where the server
// has proven not to know it (L4), and with the credential of a request at hand.
import type { Carrier, Message, OpenPeers, PeerEvents, PeerSource, Resumed } from "../../bridge/peer.ts";
import { handshakeToKeep, INITIALIZED } from "../stdio/handshake.ts";
import { SignetError } from "../../errors.ts";
import { ByteAccount } from "../../http1/byte_account.ts";
import { type FieldList, HttpError } from "../../http1/types.ts";
import { isJsonObject, type JsonObject } from "../../mcp/json_rpc.ts";
import { findMember, replaceSpan } from "../../mcp/json_text.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../../platform/timers.ts";
import { isUpstreamId } from "../http/session_id_field.ts";
import { Backoff } from "../stdio/backoff.ts";
import { HttpPeer, type SessionKeeper } from "./http_peer.ts";
import { isCredentialFault } from "./http_peer_fault.ts";
import { asNoServer, HttpPeerGreeting } from "./http_peer_greeting.ts";
import { HttpPeerListening } from "./http_peer_listening.ts";
import {
  DEFAULT_HTTP_PEER_LIMITS,
  type HttpPeerLimits,
  type HttpPeerParts,
  NO_BREAKER,
  type PeerSession,
} from "./http_peer_parts.ts";
import { Pause } from "./http_peer_pause.ts";
import { endedBy, PeerWire, sameFields } from "./http_peer_wire.ts";

type Optional = "account" | "timers" | "breaker" | "fieldsOf";

/** Default: no client's field goes to the server, and nothing holds it back. */
export type HttpPeerSetting = Omit<HttpPeerParts, Optional | "limits"> & Partial<Pick<HttpPeerParts, Optional>> & {
  readonly limits?: Partial<HttpPeerLimits>;
};

/** An HTTP server as a session's peer. */
export function httpPeer(setting: HttpPeerSetting): OpenPeers<HttpPeerLife> {
  const parts: HttpPeerParts = {
    account: new ByteAccount(),
    timers: SYSTEM_TIMERS,
    breaker: NO_BREAKER,
    fieldsOf: () => [],
    ...setting,
    limits: { ...DEFAULT_HTTP_PEER_LIMITS, ...setting.limits },
  };
  return (events) => new HttpPeerLife(parts, events);
}

/** A request waits this long for a greeting that is held back, in ms; beyond, it is refused. */
const MAX_WAIT_MS = 2000;
/** Requests wait this long for the server to have taken the client's confirmation, in ms. */
const CONFIRM_MS = 5000;

export class HttpPeerLife implements PeerSource, SessionKeeper {
  readonly peer: HttpPeer;
  readonly #parts: HttpPeerParts;
  readonly #events: PeerEvents;
  readonly #wire: PeerWire;
  readonly #listening: HttpPeerListening;
  readonly #greeting: HttpPeerGreeting;
  readonly #pause: Pause;
  /** Greetings in place of sessions that were lost. */
  readonly #backoff = new Backoff();
  #session: PeerSession | undefined;
  #confirming: Promise<unknown> | undefined;
  #renewing: { readonly session: Promise<PeerSession>; readonly fields: FieldList } | undefined;
  #handshakeText: Uint8Array | undefined;
  #result: JsonObject = {};
  /** The session that outlives this process by what is sealed: any other is known to nobody else. */
  #sealed: string | undefined;
  #state: string | undefined;
  #version = "";
  #isConfirmed = false;
  #stopped = false;

  constructor(parts: HttpPeerParts, events: PeerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#wire = new PeerWire(parts);
    const shared = { parts, wire: this.#wire, sessions: this };
    this.peer = new HttpPeer({ ...shared, events });
    this.#greeting = new HttpPeerGreeting({ parts, wire: this.#wire, peer: this.peer });
    this.#pause = new Pause(parts.timers);
    this.#listening = new HttpPeerListening({ ...shared, peer: this.peer });
  }

  get protocolVersion(): string {
    return this.#version;
  }

  get handshake(): JsonObject {
    return this.#result;
  }

  get capabilities(): JsonObject {
    return isJsonObject(this.#result.capabilities) ? this.#result.capabilities : {};
  }

  get state(): string | undefined {
    return this.#state;
  }

  get place(): string | undefined {
    return this.#listening.place;
  }

  /** @throws SignetError `upstream_*`, `request_limit` */
  async initialize(text: Uint8Array, carrier: Carrier): Promise<Message> {
    this.#handshakeText = handshakeToKeep(text);
    const fields = this.peer.fieldsFor(carrier);
    const { reply, session } = await this.#greeting.greet(text, fields).catch((error) => {
      throw asNoServer(error);
    });
    if (session === undefined) return reply;
    if (this.#stopped) {
      await this.#tellEnd(session, fields);
      throw notWanted();
    }
    this.#take(session, reply);
    this.#sealed = session.id;
    return reply;
  }

  attach({ state, protocolVersion, handshake }: Resumed): boolean {
    if (state !== undefined && !isUpstreamId(state)) return false;
    this.#handshakeText = handshakeToKeep(handshake);
    this.#version = protocolVersion;
    this.#result = { protocolVersion, capabilities: {} };
    this.#isConfirmed = true;
    this.#state = this.#sealed = state;
    if (state !== undefined) this.#session = { id: state, version: protocolVersion };
    return true;
  }

  confirm(): void {
    this.#isConfirmed = true;
  }

  listen(carrier: Carrier, place?: string): void {
    this.#listening.listen(this.peer.fieldsFor(carrier), place);
  }

  /** A session that nobody else can find again ends at the server too; the others stay. */
  async stop(): Promise<void> {
    const session = await this.#close();
    if (session?.id === undefined || session.id === this.#sealed) return;
    await this.#tellEnd(session, this.peer.lastFields());
  }

  async end(carrier: Carrier): Promise<readonly string[]> {
    const fields = this.peer.lastFields(carrier);
    const session = await this.#close();
    if (session?.id === undefined) return [];
    const failure = await this.#tellEnd(session, fields);
    return failure === undefined ? [] : [failure];
  }

  /** @returns the session there was; none the second time */
  async #close(): Promise<PeerSession | undefined> {
    this.#stopped = true;
    this.#pause.end();
    await Promise.all([this.#listening.stop(), this.peer.stop(), this.#renewing?.session.catch(() => {})]);
    const session = this.#session;
    this.#session = undefined;
    return session;
  }

  /** @returns why it could not; undefined if there is no such session any more */
  async #tellEnd(session: PeerSession, fields: FieldList): Promise<string | undefined> {
    const { timers, limits } = this.#parts;
    const call = this.#wire.end({ session, fields });
    const stop = timers.after(limits.endTimeoutMs, () => call.abort());
    try {
      return endedBy(await call.response);
    } catch (error) {
      return error instanceof HttpError && error.code === "aborted" ? "no answer" : "not reached";
    } finally {
      stop();
    }
  }

  // ---- which session

  get known(): PeerSession | Promise<PeerSession> | undefined {
    return this.#session ?? this.#renewing?.session;
  }

  confirming(sending: Promise<void>): void {
    const confirming = settlesWithin(sending, CONFIRM_MS, this.#parts.timers).finally(() => {
      if (this.#confirming === confirming) this.#confirming = undefined;
    });
    this.#confirming = confirming;
  }

  listenedTo(session: PeerSession): Promise<void> | undefined {
    return this.#listening.over(session);
  }

  current(fields: FieldList): PeerSession | Promise<PeerSession> {
    const session = this.#session;
    if (session === undefined) return this.renew(undefined, fields);
    return this.#confirming === undefined ? session : this.#confirming.then(() => this.#session ?? session);
  }

  async renew(lost: PeerSession | undefined, fields: FieldList): Promise<PeerSession> {
    for (;;) {
      if (this.#session !== undefined && this.#session !== lost) return this.#session;
      const others = this.#renewing;
      if (others === undefined) {
        const session = this.#renew(fields).finally(() => this.#renewing = undefined);
        this.#renewing = { session, fields };
        return await session;
      }
      try {
        return await others.session;
      } catch (error) {
        // A credential that is not accepted is the business of who brought it.
        if (!isCredentialFault(error) || sameFields(others.fields, fields)) throw error;
      }
    }
  }

  async #renew(fields: FieldList): Promise<PeerSession> {
    const { timers, log, upstream, session: tag } = this.#parts;
    if (this.#session !== undefined) {
      this.#session = undefined;
      this.#events.onLost(this.peer);
    }
    await this.#holdBack();
    const text = this.#handshakeAgain();
    const { reply, session } = await this.#greeting.greet(text, fields).catch((error) => {
      if (!isCredentialFault(error)) this.#backoff.fail(timers.now());
      throw error;
    });
    this.#backoff.fail(timers.now());
    if (session === undefined || this.#stopped || session.version !== this.#version) {
      if (session !== undefined) await this.#tellEnd(session, fields);
      if (this.#stopped) throw notWanted();
      throw notAsBefore(this.#version, session?.version);
    }
    if (this.#isConfirmed) await this.peer.post(INITIALIZED, session, fields);
    await this.#greeting.retell(this.#events.retell(), session, fields);
    this.#take(session, reply);
    this.#events.onReplaced(this.capabilities);
    this.#listening.renewed();
    log.info("MCP server greeted again", { upstream: upstream.name, session: tag });
    return session;
  }

  /** Now and then at once, then ever later: whoever loses sessions all the time is not flooded with greetings. */
  async #holdBack(): Promise<void> {
    const { timers } = this.#parts;
    const delayMs = this.#backoff.delayMs(timers.now());
    if (delayMs > MAX_WAIT_MS) {
      throw new SignetError("upstream_unreachable", {
        publicMessage: "Bad gateway: the MCP server keeps losing its sessions",
        retryAfterS: Math.ceil(delayMs / 1000),
        facts: { failures: this.#backoff.failures },
        remedy: "See why the MCP server forgets sessions: several instances behind one address, or restarts.",
      });
    }
    if (delayMs > 0) await this.#pause.wait(delayMs);
    if (this.#stopped) throw notWanted();
  }

  /** In the revision that was negotiated: a server that has learnt others since must stay with it. */
  #handshakeAgain(): Uint8Array {
    const text = this.#handshakeText;
    if (text === undefined) throw new SignetError("upstream_unreachable", { facts: { found: "no handshake" } });
    const params = findMember(text, "params");
    const span = params === undefined ? undefined : findMember(text, "protocolVersion", params);
    return span === undefined ? text : replaceSpan(text, span, new TextEncoder().encode(JSON.stringify(this.#version)));
  }

  #take(session: PeerSession, { value: { result } }: Message): void {
    this.#session = session;
    this.#state = session.id;
    this.#version = session.version;
    if (isJsonObject(result)) this.#result = result;
  }
}

function notAsBefore(wanted: string, found: string | undefined): SignetError {
  return new SignetError("upstream_invalid", {
    publicMessage: "Bad gateway: the MCP server does not open its session again as it was",
    facts: { wanted, found: found ?? "an error" },
    remedy: "An MCP server that was restarted must accept the handshake it accepted before.",
  });
}

function notWanted(): HttpError {
  return new HttpError("aborted", "opening a session: not wanted any more");
}
