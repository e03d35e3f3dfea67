// One member in one session: greeted with the others, gone on with after a restart, or tried again while it is out. What
// it does, or fails to do, is its own calls' business (docs/behaviour.md A4, A6, A8).
import { INITIALIZED } from "../../../bridge/peer/handshake.ts";
import { type Asker, type Carrier, type Loss, NO_CARRIER, NOBODY, type Peer } from "../../../bridge/peer/peer.ts";
import type { Parting, PeerEvents, PeerSource, Resumed, Stopping } from "../../../bridge/peer/peer_source.ts";
import type { Opening } from "../../../bridge/request.ts";
import { SignetError } from "../../../errors.ts";
import type { Fields } from "../../../http1/types.ts";
import { findMember } from "../../../mcp/json/json_text.ts";
import { tellIfOwn } from "../../../platform/faults/uncaught.ts";
import { isJsonObject, type JsonObject } from "../../../platform/json.ts";
import { leftOf } from "../../../platform/time/time_of_day.ts";
import { settlesWithin, type Timers } from "../../../platform/time/timers.ts";
import { isCredentialFault } from "../../peers/http_peer_fault.ts";
import { RefusedCredential } from "../../refused_credential.ts";
import { Breaker, MemberFault, reasonOf } from "./breaker.ts";
import type { Member } from "./member.ts";
import {
  answersDiscovery,
  assertGreeted,
  hasSessions,
  isDiscovery,
  NotStatelessMember,
  opensSessions,
  saysNothingOfIt,
} from "./member_greeting.ts";
import { MemberSources } from "./member_sources.ts";

export interface MemberLifeOptions {
  readonly member: Member;
  /** What it goes by in this session. */
  readonly name: string;
  readonly opening: Opening;
  readonly events: PeerEvents;
  readonly timers: Timers;
  /** It will not be tried again in this session; not called for the session's own handshake, whose caller sees it. */
  readonly onRefused: (error: unknown) => void;
  /** It was greeted as a server without sessions, which it is no more. @param fields of a request at hand */
  readonly onOutgrown: (fields: Fields) => void;
}

export class MemberLife {
  readonly member: Member;
  readonly name: string;
  /** Of this session alone: a credential that is refused is nobody else's business. */
  readonly breaker: Breaker;
  readonly #options: MemberLifeOptions;
  #source: PeerSource | undefined;
  readonly #sources: MemberSources;
  #connecting: Promise<PeerSource> | undefined;
  #resumed: Resumed | undefined;
  #confirmed = false;
  /** Of greetings. */
  readonly #refused: RefusedCredential;
  /** Whether the last greeting's refusal, one for good, stands. */
  #refusedStill: (() => boolean) | undefined;
  #heard: { readonly carrier: Carrier; readonly place: string | undefined } | undefined;
  /** When it may be asked next whether it has become another server, in ms. */
  #doubtAtMs = 0;

  constructor(options: MemberLifeOptions) {
    this.#options = options;
    this.member = options.member;
    this.name = options.name;
    this.breaker = new Breaker(options.timers);
    this.#refused = new RefusedCredential(options.timers);
    this.#sources = new MemberSources(options);
  }

  /** Whether it has answered a handshake, now or when the session was opened. */
  get isUp(): boolean {
    return this.#source !== undefined;
  }

  /** Whether it has refused this session for good: it is not tried again before it has opened one for somebody. */
  get isRefused(): boolean {
    return this.#refusedStill?.() ?? false;
  }

  /** How long there is no sense in asking it, in ms. */
  get pauseMs(): number {
    return Math.max(this.breaker.pauseMs, this.member.breaker.pauseMs);
  }

  /** As `PeerSource.hearing`, where it says that it tells of changes of these lists. */
  hearing(kind: string): number | undefined {
    const offer = this.capabilities?.[kind];
    return isJsonObject(offer) && offer.listChanged === true ? this.#source?.hearing : undefined;
  }

  /** Undefined as long as nobody has asked it: after a restart, or while it is out. */
  get capabilities(): JsonObject | undefined {
    const { capabilities, serverInfo, supportedVersions } = this.handshake;
    const isSaid = serverInfo !== undefined || supportedVersions !== undefined;
    return isJsonObject(capabilities) && isSaid ? capabilities : undefined;
  }

  get handshake(): JsonObject {
    return this.#source?.handshake ?? {};
  }

  get isShared(): boolean {
    return this.#source?.isShared ?? false;
  }

  get state(): string | undefined {
    return this.#source?.state;
  }

  get place(): string | undefined {
    return this.#source?.place;
  }

  /**
   * Greets it. To be called again only after it has failed.
   * @param handshake with an id of Signet's own: an initialize, or a discovery for clients without sessions
   * @throws SignetError, HttpError; Error with a reason that may be shown
   */
  async greet(handshake: Uint8Array, carrier: Carrier): Promise<void> {
    const { timers } = this.#options;
    const { timeoutMs } = this.member;
    this.#resumed ??= { state: undefined, protocolVersion: "", handshake };
    const source = this.#sources.open();
    const isDiscovering = isDiscovery(handshake);
    const late = Promise.withResolvers<never>();
    const cancel = timers.after(timeoutMs, () => late.reject(new MemberFault(`no answer within ${timeoutMs} ms`)));
    try {
      const reply = await Promise.race([source.initialize(handshake, this.#carry(carrier)), late.promise]);
      assertGreeted(reply, isDiscovering);
      if (this.#sources.areStopped) throw new MemberFault("the session has ended");
      this.#source = source;
      this.breaker.succeed();
      this.#refusedStill = undefined;
      this.#refused.accept();
      this.member.refusal.accept();
    } catch (given) {
      const error = isDiscovering && saysNothingOfIt(given) ? new NotStatelessMember() : given;
      this.breaker.fail(error);
      const isForGood = source.isRefusedForGood || (error instanceof MemberFault && error.isForGood);
      this.#refusedStill = isForGood ? this.member.refusal.refuse(reasonOf(error)) : undefined;
      if (isCredentialFault(error)) this.#refused.refuse(this.#carry(carrier).fields, error);
      else this.#refused.accept();
      this.#sources.retire(source, carrier);
      throw error;
    } finally {
      cancel();
    }
  }

  /** The session's id is being made, and holds what leads back to the member. */
  seal(): void {
    this.#source?.seal();
  }

  /** Goes on where the session was. */
  attach(resumed: Resumed): void {
    const source = this.#sources.open();
    this.#resumed = resumed;
    this.#confirmed = true;
    if (source.attach(resumed)) this.#source = source;
    else this.#sources.retire(source, NO_CARRIER);
  }

  /** Tries to have one that is out. @returns whether it is there now */
  async connect(carrier: Carrier): Promise<boolean> {
    if (this.isUp) return true;
    if (this.#sources.areStopped || this.#resumed === undefined || this.isRefused) return false;
    if (this.#isHeldBack(carrier)) return false;
    this.#connecting ??= this.#greetLate(carrier).finally(() => this.#connecting = undefined);
    return await this.#connecting.then(() => true, () => false);
  }

  /** Asks as `Peer.ask`, but whoever asks is told in any case. */
  ask(text: Uint8Array, asking: Asking, given: Carrier): void {
    const carrier = this.#carry(given);
    const peer = this.#source?.peerFor(carrier);
    if (peer !== undefined && !(peer instanceof Promise)) return this.#send(peer, text, { asking, carrier });
    void this.#peerLater(peer, carrier)
      .then((peer) => asking.isWanted && this.#send(peer, text, { asking, carrier }))
      .catch((error) => asking.isWanted && asking.onLost(lossOf(error)));
  }

  #send(peer: Peer, text: Uint8Array, { asking, carrier }: { readonly asking: Asking; readonly carrier: Carrier }) {
    const id = peer.ask(text, findMember(text, "id")!, asking, carrier);
    if (id !== undefined) asking.onAsked(peer, id);
    // Not in the same breath: whoever asks has to know its id first.
    else queueMicrotask(() => asking.onLost({ reason: "The MCP server does not take more requests now" }));
  }

  /** Sends a notification; one that is out misses it. */
  send(text: Uint8Array, carrier: Carrier): void {
    const peer = this.#source?.peerFor(this.#carry(carrier));
    if (peer instanceof Promise) return void peer.catch(() => {});
    peer?.send(text, this.#carry(carrier));
  }

  confirm(): void {
    this.#confirmed = true;
    this.#source?.confirm();
  }

  listen(carrier: Carrier, place?: string): void {
    const fields = this.#carry(carrier);
    this.#heard = { carrier: { fields: [...fields.fields] }, place: undefined };
    this.#source?.listen(fields, place);
  }

  /**
   * It refuses what it took before, so it may have become another server, of the other era say: then it is greeted as
   * that, and what it was is over. Where it does not take a greeting either, all stays as it is.
   */
  doubt({ fields }: Carrier): void {
    const { timers } = this.#options;
    const [former, resumed, now] = [this.#source, this.#resumed, timers.now()];
    if (former === undefined || resumed === undefined || leftOf(DOUBT_MS, this.#doubtAtMs, now) > 0) return;
    this.#doubtAtMs = now + DOUBT_MS;
    const carrier = { fields: [...fields] };
    if (isDiscovery(resumed.handshake)) return this.#doubtAsStateless(carrier, resumed.handshake);
    const source = this.#sources.open();
    let isLate = false;
    const taking = this.#takePlaceOf(source, { carrier, isWanted: () => !isLate && this.#source === former });
    void settlesWithin(taking.catch(tellIfOwn), this.member.timeoutMs, timers).then(() => {
      isLate = true;
      this.#sources.retire(this.#source === source ? former : source, carrier);
    });
  }

  /**
   * Of clients without sessions: all members were greeted as stateless servers, and are greeted anew if it is none any more.
   * One that is of both eras still is.
   */
  #doubtAsStateless(carrier: Carrier, discovery: Uint8Array): void {
    const { timers, onOutgrown } = this.#options;
    const asides: PeerSource[] = [];
    const aside = () => {
      asides.push(this.#sources.openAside());
      return asides.at(-1)!;
    };
    let [isLate, isOther] = [false, false];
    const asking = async () => {
      if (await answersDiscovery(aside(), discovery, carrier) || isLate || this.#sources.areStopped) return;
      isOther = await opensSessions(aside(), carrier);
    };
    void settlesWithin(asking().catch(tellIfOwn), this.member.timeoutMs, timers).then(() => {
      isLate = true;
      for (const source of asides) this.#sources.retire(source, carrier);
      if (isOther && !this.#sources.areStopped) onOutgrown(carrier.fields);
    });
  }

  /** @throws as `greet` */
  async #takePlaceOf(
    source: PeerSource,
    { carrier, isWanted }: { readonly carrier: Carrier; readonly isWanted: () => boolean },
  ): Promise<void> {
    const { events } = this.#options;
    assertGreeted(await source.initialize(this.#resumed!.handshake, carrier), false);
    const former = this.#source;
    if (this.#sources.areStopped || !isWanted() || former === undefined || isAlike(source, former)) return;
    this.#source = source;
    this.#refusedStill = undefined;
    this.member.refusal.accept();
    await this.#goOnWith(source, carrier);
    const peer = await source.peerFor(carrier);
    for (const text of events.retell()) peer.ask(text, findMember(text, "id")!, NOBODY, carrier);
    events.onReplaced(source.capabilities);
  }

  /** Nothing will ever come of it in this session. */
  lose(): void {
    const source = this.#source;
    this.#source = undefined;
    this.#resumed = undefined;
    if (source !== undefined) this.#sources.retire(source, NO_CARRIER);
  }

  /** As `PeerSource.stop`, who could not be told by the member's name. */
  stop(how: Parting, carrier: Carrier): Stopping {
    return this.#sources.stop(how, carrier);
  }

  async #peerLater(peer: Promise<Peer> | undefined, carrier: Carrier): Promise<Peer> {
    if (peer !== undefined) return await peer;
    if (!await this.connect(carrier)) {
      const reason = this.breaker.reason ?? this.member.breaker.reason ?? "is not there";
      throw new MemberFault(this.isRefused ? `${reason}; a new session asks it again` : reason);
    }
    return await this.#source!.peerFor(this.#carry(carrier));
  }

  /** A credential that was refused holds back nobody who brings another one. */
  #isHeldBack(carrier: Carrier): boolean {
    if (!this.#refused.isSet) return this.pauseMs > 0;
    if (this.member.breaker.pauseMs > 0) return true;
    return this.#refused.refusalOf(this.#carry(carrier).fields) !== undefined;
  }

  async #greetLate(carrier: Carrier): Promise<PeerSource> {
    try {
      await this.greet(this.#resumed!.handshake, carrier);
    } catch (error) {
      if (this.isRefused) this.#options.onRefused(error);
      throw error;
    }
    const source = this.#source!;
    await this.#goOnWith(source, this.#carry(carrier));
    this.#options.events.onReplaced(source.capabilities);
    return source;
  }

  /** A greeting that comes later than its client's: what the client has said since goes with it. */
  async #goOnWith(source: PeerSource, carrier: Carrier): Promise<void> {
    if (this.#confirmed) {
      (await source.peerFor(carrier)).send(INITIALIZED, carrier);
      source.confirm();
    }
    if (this.#heard !== undefined) source.listen(this.#heard.carrier, this.#heard.place);
  }

  #carry({ fields }: Carrier): Carrier {
    return { fields: this.member.carry(fields) };
  }
}

/** A request for a member, and who waits for its answer. */
export interface Asking extends Asker {
  /** The peer it went to, and the id it has there. */
  onAsked(peer: Peer, id: number): void;
  /** Whether somebody still waits, once the member is there. */
  readonly isWanted: boolean;
}

/** Whether nothing has changed but what may change at any time: then calls under way are not cut for it. */
function isAlike(one: PeerSource, other: PeerSource): boolean {
  return one.protocolVersion === other.protocolVersion && hasSessions(one) === hasSessions(other);
}

/** A server is asked so often at most whether it has become another, in ms: refusals can be had without end. */
const DOUBT_MS = 10_000;

/** As it stands behind the member's name. What is of a fault's own public words says already what could not be done. */
function lossOf(error: unknown): Loss {
  return { reason: publicReason(error), ...(error instanceof SignetError && { refusal: error }) };
}

function publicReason(error: unknown): string {
  if (error instanceof SignetError) return error.message;
  const reason = reasonOf(error);
  return reason.startsWith("the MCP server ")
    ? `Bad gateway: ${reason}`
    : `The MCP server cannot be reached: ${reason}`;
}
