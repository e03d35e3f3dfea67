// Which session an HTTP server knows its peer by: the one that was opened or sealed, and, where the server has proven not
// to know that, another one, opened once for all who wait, with the credential of a request at hand (docs/behaviour.md L4).
import { handshakeToKeep } from "../../bridge/peer/handshake.ts";
import type { Message } from "../../bridge/peer/peer.ts";
import type { Parting, Resumed } from "../../bridge/peer/peer_source.ts";
import { SignetError } from "../../errors.ts";
import { type Fields, HttpError } from "../../http1/types.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { Pause, settlesWithin } from "../../platform/time/timers.ts";
import type { MaybePromise } from "../../store/store.ts";
import { Backoff } from "../backoff.ts";
import { isUpstreamId } from "../http/session_id_field.ts";
import { RefusedCredential, sameCredential } from "../refused_credential.ts";
import type { SessionKeeper } from "./http_peer.ts";
import { asRefusal, isCredentialFault, mayBeOfOtherEra } from "./http_peer_fault.ts";
import type { HttpPeerParts } from "./http_peer_parts.ts";
import type { Greeted, PeerSession } from "./peer_session.ts";
import type { PooledSession } from "./pooled/pooled_session.ts";

/** A request waits this long for a greeting that is held back, in ms; beyond, it is refused. */
const MAX_WAIT_MS = 2000;
/** Requests wait this long for the server to have taken the client's confirmation, in ms. */
const CONFIRM_MS = 5000;

/** What it takes to open a session, and who wants to know of one. */
export interface Renewal {
  /** @throws SignetError */
  greet(handshake: Uint8Array, fields: Fields): Promise<Greeted>;
  /**
   * Tells a new session that its handshake is complete, if the client has said so, before anybody uses it.
   * @param fields default: those of the last request
   * @returns whether the server has taken it
   */
  confirm(session: PeerSession, fields?: Fields): Promise<boolean>;
  /** Tells one in place of another what that was told from here. */
  retell(session: PeerSession, fields: Fields): Promise<void>;
  /** Ends one that cannot be used. */
  discard(session: PeerSession, fields: Fields): Promise<unknown>;
  /** Ends one that nobody is to use any more, at once or when what is under way has ended. Nobody waits for it. */
  giveBack(session: PeerSession, when: "now" | "idle"): void;
  onLost(): void;
  onRenewed(): void;
  /** As `PeerEvents.onRefused`. */
  onRefused(fields: Fields): void;
  listenedTo(session: PeerSession): Promise<void> | undefined;
}

export class HttpPeerSessions implements SessionKeeper {
  /** The id of the last one there was. */
  state: string | undefined;
  /** Negotiated; empty before. */
  version = "";
  /** Of the handshake. */
  result: JsonObject = {};
  readonly #parts: HttpPeerParts;
  readonly #renewal: Renewal;
  readonly #pause: Pause;
  /** Greetings in place of sessions that were lost. */
  readonly #backoff = new Backoff();
  readonly #refused: RefusedCredential;
  /** The session that a client's id leads back to. */
  #sealed: string | undefined;
  #session: PeerSession | undefined;
  #handshake: Uint8Array | undefined;
  #confirming: Promise<unknown> | undefined;
  #renewing: { readonly session: Promise<PeerSession>; readonly fields: Fields } | undefined;
  #closed = false;

  constructor(parts: HttpPeerParts, renewal: Renewal) {
    this.#parts = parts;
    this.#renewal = renewal;
    this.#pause = new Pause(parts.timers);
    this.#refused = new RefusedCredential(parts.timers);
    if (parts.pooled !== undefined) parts.pooled.onRevoked = (session) => renewal.giveBack(session, "now");
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Opens the first one with the client's own handshake. @throws SignetError, HttpError */
  async open(text: Uint8Array, fields: Fields): Promise<Message> {
    this.#handshake = handshakeToKeep(text);
    const { reply, session } = await this.#greetOnce(undefined, text, fields);
    if (session === undefined) return reply;
    if (this.#closed) {
      if (this.#parts.pooled?.isKept(session.id) !== true) await this.#renewal.discard(session, fields);
      throw notWanted();
    }
    this.#take(session, reply);
    return reply;
  }

  /** As `Renewal.greet`, or the session that others have opened. */
  #greetOnce(
    lost: PeerSession | undefined,
    text: Uint8Array,
    fields: Fields,
  ): Promise<Greeted & { isTaken?: boolean }> {
    const { pooled } = this.#parts;
    const { greet, confirm } = this.#renewal;
    if (pooled === undefined) return greet(text, fields);
    return pooled.openOnce(lost?.id, async () => {
      const { reply, session } = await greet(text, fields);
      // Whoever finds it says nothing to it before the first request: one that is not complete is nobody else's to find.
      const isWhole = session === undefined || await confirm(session, fields);
      return { reply, session, confirm: isWhole ? undefined : this.#confirmAgain(session) };
    });
  }

  /** Made here, so that it holds no client's fields. */
  #confirmAgain(session: PeerSession): () => Promise<boolean> {
    return () => this.#renewal.confirm(session);
  }

  /** @returns false if the state is none */
  attach({ state, protocolVersion, handshake }: Resumed): boolean {
    if (state !== undefined && !isUpstreamId(state)) return false;
    this.#handshake = handshakeToKeep(handshake);
    this.version = protocolVersion;
    this.result = { protocolVersion, capabilities: {} };
    this.state = this.#sealed = state;
    if (state !== undefined) this.#session = { id: state, version: protocolVersion };
    return true;
  }

  /** As `PeerSource.seal`. */
  seal(): string | undefined {
    return this.#sealed = this.state;
  }

  /**
   * Nobody here uses it any more, or any other. Asked before anything is waited for.
   * @returns whether one that is left stays at its server
   */
  part(how: Parting): (session: PeerSession) => MaybePromise<boolean> {
    const { pooled } = this.#parts;
    if (pooled === undefined) return ({ id }) => how === "leave" && id === this.#sealed;
    const stays = how === "leave" ? pooled.leave() : pooled.end().then((isFree) => !isFree);
    return async ({ id }) => await stays && pooled.isKept(id);
  }

  /** None is opened from now on. @returns the one there was, once those under way have ended; none the second time */
  async close(): Promise<PeerSession | undefined> {
    this.#closed = true;
    this.#pause.close();
    await this.#renewing?.session.catch(() => {});
    const session = this.#session;
    this.#session = undefined;
    return session;
  }

  get known(): PeerSession | Promise<PeerSession> | undefined {
    return this.#session ?? this.#renewing?.session;
  }

  confirming(sending: Promise<unknown>): void {
    const confirming = settlesWithin(sending, CONFIRM_MS, this.#parts.timers).finally(() => {
      if (this.#confirming === confirming) this.#confirming = undefined;
    });
    this.#confirming = confirming;
  }

  listenedTo(session: PeerSession): Promise<void> | undefined {
    return this.#renewal.listenedTo(session);
  }

  get isConfirmed(): boolean {
    return this.#parts.pooled !== undefined;
  }

  current(fields: Fields): PeerSession | Promise<PeerSession> {
    const session = this.#session;
    const { pooled } = this.#parts;
    if (session === undefined) return this.renew(undefined, fields);
    if (pooled?.isMoved) return this.#follow(session, pooled, fields);
    pooled?.use();
    return this.#confirming === undefined ? session : this.#confirming.then(() => this.#session ?? session);
  }

  async renew(lost: PeerSession | undefined, fields: Fields): Promise<PeerSession> {
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
        if (!isCredentialFault(error) || sameCredential(others.fields, fields)) throw error;
      }
    }
  }

  /** Another process has opened one in its place. */
  async #follow(session: PeerSession, pooled: PooledSession, fields: Fields): Promise<PeerSession> {
    const isOwn = !pooled.isKept(session.id);
    const other = await pooled.follow();
    if (other?.session === undefined || this.#session !== session || this.#closed) return this.#session ?? session;
    this.#renewal.onLost();
    await this.#moveTo(other.session, other.reply, fields);
    // Nobody else could find it, and nobody would end it.
    if (isOwn) this.#renewal.giveBack(session, "idle");
    return other.session;
  }

  /** From now on it is this one. */
  async #moveTo(session: PeerSession, reply: Message, fields: Fields): Promise<void> {
    await this.#renewal.retell(session, fields);
    this.#take(session, reply);
    this.#renewal.onRenewed();
  }

  async #renew(fields: Fields): Promise<PeerSession> {
    const { timers, log, upstream, session: tag, pooled } = this.#parts;
    const renewal = this.#renewal;
    const lost = this.#session;
    if (lost !== undefined) {
      this.#session = undefined;
      renewal.onLost();
    }
    const refusal = this.#refused.refusalOf(fields);
    if (refusal !== undefined) throw refusal;
    await this.#holdBack();
    const greeted = await this.#greetOnce(lost, this.#handshakeAgain(), fields).catch((error) => {
      // One that cannot be reached is nobody's to spare; a credential is the business of who brought it.
      if (isCredentialFault(error)) this.#refused.refuse(fields, error);
      else if (asRefusal(error).code !== "upstream_unreachable") this.#backoff.fail(timers.now());
      if (mayBeOfOtherEra(error)) renewal.onRefused(fields);
      throw error;
    });
    const { reply, session, isTaken = false } = greeted;
    this.#refused.accept();
    if (!isTaken) this.#backoff.fail(timers.now());
    if (session === undefined || this.#closed || session.version !== this.version) {
      if (session !== undefined && pooled?.isKept(session.id) !== true) await renewal.discard(session, fields);
      if (this.#closed) throw notWanted();
      renewal.onRefused(fields);
      throw notAsBefore(this.version, session?.version);
    }
    if (pooled === undefined) await renewal.confirm(session, fields);
    await this.#moveTo(session, reply, fields);
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
    if (this.#closed) throw notWanted();
  }

  /** In the revision that was negotiated: a server that has learnt others since must stay with it. */
  #handshakeAgain(): Uint8Array {
    const text = this.#handshake;
    if (text === undefined) throw new SignetError("upstream_unreachable", { facts: { found: "no handshake" } });
    const params = findMember(text, "params");
    const span = params === undefined ? undefined : findMember(text, "protocolVersion", params);
    return span === undefined ? text : replaceSpan(text, span, encodeJson(this.version));
  }

  #take(session: PeerSession, { value: { result } }: Message): void {
    this.#session = session;
    this.state = session.id;
    this.version = session.version;
    if (isJsonObject(result)) this.result = result;
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
