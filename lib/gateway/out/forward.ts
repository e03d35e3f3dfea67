// Takes a request of an open session to its upstream and the answer back: its place in the session, what is sent, what
// becomes of the answer, and the end of all three, however it comes. What most requests are, one of a session that is as it
// was, waits for no promise on the way: the answer is passed on in the event that brings it (`Call.tell`).
import { type CallListener, type ClientResponse, HttpError } from "../../http1/types.ts";
import { type Step, STEPS } from "../../platform/time/steps.ts";
import { LostSession, type SessionAnswer } from "../../session/lost_session.ts";
import { ActiveToken, type Session } from "../../session/session.ts";
import type { UpstreamLink } from "../../session/upstream_link.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import { isAdopted, leaveClaim, settleClaim } from "../in/adopt.ts";
import { credentialOn } from "../in/authenticate.ts";
import { openOwned } from "../in/open.ts";
import type { Inbound } from "../inbound.ts";
import { listsOf } from "../law.ts";
import type { GatewayParts } from "../parts.ts";
import {
  answerAfter,
  answerFrom,
  answerFromNow,
  answerTo,
  callInSession,
  elsewhere,
  isServerGone,
  namesPlace,
} from "./answers.ts";
import { explainCut } from "./explain_cut.ts";
import type { InFlight } from "./in_flight.ts";
import type { Outbound, Sending } from "./outbound.ts";
import { type Arriving, type RelayListener, relayTo, tellOf } from "./relay.ts";
import { requireAnswer } from "./require_answer.ts";
import { homeOf, isKnown, route } from "./route.ts";
import { noteAnswer } from "./send.ts";

/** What becomes of an answer in whose session nothing is left to find out. Releases it. Must not throw. */
type Deliver = (parts: GatewayParts, arriving: Arriving, listener: RelayListener) => void;

/**
 * Called once, when the request has left. Must not throw.
 * @param error SignetError or HttpError if no answer has begun; undefined where nothing failed, or has been dealt with
 */
export type Ended = (parts: GatewayParts, inbound: Inbound, error: unknown) => void;

/** @throws SignetError or HttpError if no answer has begun; what broke later has been dealt with */
export function forward(parts: GatewayParts, outbound: Outbound): Promise<void> {
  return beginAndWait(parts, outbound, relayTo);
}

/** The same without a promise. @param way of {@link wayToClient} @throws SignetError; nothing is told then */
export function forwardAtOnce(parts: GatewayParts, outbound: Outbound, way: Way): undefined {
  begin(parts, outbound, way);
}

/** For all requests whose end `ended` is told of. */
export function wayToClient(ended: Ended): Way {
  return { deliver: relayTo, ended };
}

/** As `forward`, for a request of Signet's own in the client's place, whose answer goes elsewhere. @throws as `forward` */
export function exchange(
  parts: GatewayParts,
  outbound: Outbound,
  take: (arriving: Arriving) => Promise<void>,
): Promise<void> {
  return beginAndWait(parts, outbound, (_parts, arriving, listener) => tellOf(take(arriving), listener));
}

function beginAndWait(parts: GatewayParts, outbound: Outbound, deliver: Deliver): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended: Ended = (_parts, _inbound, error) => error === undefined ? resolve() : reject(error);
    begin(parts, outbound, { deliver, ended });
  });
}

interface Way {
  readonly deliver: Deliver;
  readonly ended: Ended;
}

/** @throws as {@link Forwarding} */
function begin(parts: GatewayParts, outbound: Outbound, way: Way): void {
  const { inbound, session } = outbound;
  if (inbound.record !== undefined) inbound.record.session = session.tag;
  if (parts.law.policy?.reads.hints === true) inbound.listsOf = listsOf(outbound);
  if (!isDropped(session)) return STEPS.take(new Forwarding(parts, outbound, way));
  beginAgain(parts, outbound, way);
}

function beginAgain(parts: GatewayParts, outbound: Outbound, way: Way): void {
  const entering = enterAgain(parts, outbound, way);
  entering.then((entered) => entered.go(), (error) => way.ended(parts, outbound.inbound, error));
}

/**
 * Left memory between being found and being used: to make room, for being idle, or with another request's claim. Its id
 * is as good as before.
 */
function isDropped(session: Session): boolean {
  const { endReason } = session;
  return endReason === "idle" || endReason === "evicted" || (endReason === "upstream_gone" && isAdopted(session));
}

/**
 * In the step in which the session is opened again, so that it is once for each request: two that wait would otherwise
 * make room for each other in turn, for ever.
 */
async function enterAgain(parts: GatewayParts, outbound: Outbound, way: Way): Promise<Forwarding> {
  const { inbound, caller } = outbound;
  const bearing = { inbound, caller, sessionId: outbound.session.id };
  return await openOwned(parts, bearing, (session) => new Forwarding(parts, { ...outbound, session }, way));
}

/**
 * A request that has its place in its session, until it has left. 12 fields (112 bytes on JavaScriptCore) at most, with those
 * of its token.
 */
class Forwarding extends ActiveToken implements Step, Sending, Arriving, CallListener<SessionAnswer>, RelayListener {
  readonly outbound: Outbound;
  readonly link: UpstreamLink;
  readonly inFlight: InFlight;
  /** Once there is one. */
  response!: ClientResponse;
  readonly #parts: GatewayParts;
  readonly #way: Way;
  #seenGeneration = 0;

  /**
   * @throws SignetError `principal_limit`, `request_limit`, `draining`; `session_not_found` if the session has ended, or
   * was sealed for no upstream
   */
  constructor(parts: GatewayParts, outbound: Outbound, way: Way) {
    const { inbound, session } = outbound;
    const { link } = route(parts, session);
    const inFlight = outbound.place ?? parts.underWay.begin(outbound, inbound.method === "GET" ? "stream" : "call");
    super(inFlight);
    this.#parts = parts;
    this.#way = way;
    this.outbound = outbound;
    this.link = link;
    this.inFlight = inFlight;
    try {
      session.enterAs(this, inbound.receivedAtMs);
    } catch (refusal) {
      this.#leave();
      throw refusal;
    }
  }

  get upstream(): Upstream {
    return this.#parts.upstream;
  }

  /** Sends it. */
  go(): void {
    const { link, outbound, inFlight } = this;
    // By another of those that came with it, or since: nothing of it leaves.
    if (inFlight.cut) return this.#end(new HttpError("aborted", "sending a request: it was cut before"));
    this.#seenGeneration = link.generation;
    try {
      const isPlain = outbound.handshake === undefined && link.reviving === undefined && isKnown(this.#parts, this);
      if (isPlain) inFlight.tell(callInSession(this.#parts, this), this);
      else this.#await(this.#answer());
    } catch (error) {
      this.#end(error);
    }
  }

  #answer(): Promise<ClientResponse> {
    const home = homeOf(this.#parts, this);
    return home === undefined ? answerTo(this.#parts, this) : answerFrom(this.#parts, this, home);
  }

  #await(answer: Promise<ClientResponse>): void {
    answer.then((response) => this.#take(response), (error) => this.#end(error));
  }

  onAnswer(answer: SessionAnswer): void {
    noteAnswer(this.#parts, this.inFlight);
    if (!(answer instanceof LostSession)) return this.#take(answer);
    this.#await(answerAfter(this.#parts, this, { lost: answer, seenGeneration: this.#seenGeneration }));
  }

  onFailure(error: unknown): void {
    this.#end(error);
  }

  #take(response: ClientResponse): void {
    if (response.head.status === 400 && this.#namesOtherPlace()) this.#listenFromNow(response);
    else this.#deliver(response);
  }

  /** Nothing is left to find out: the answer is the client's. */
  #deliver(response: ClientResponse): void {
    this.response = response;
    try {
      this.#look(response);
    } catch (error) {
      return this.#end(error);
    }
    this.#way.deliver(this.#parts, this, this);
  }

  /** A server that was to go on from a place in the session before the one it has made anew knows of none. */
  #namesOtherPlace(): boolean {
    const { link, inFlight, outbound: { inbound } } = this;
    if (inFlight.kind !== "stream" || link.generation === 0) return false;
    return homeOf(this.#parts, this) === undefined && namesPlace(inbound.head.fields);
  }

  #listenFromNow(refused: ClientResponse): void {
    refused.release();
    answerFromNow(this.#parts, this, this.#seenGeneration)
      .then((response) => this.#deliver(response), (error) => this.#end(error));
  }

  onRelayed(error: unknown): void {
    this.#end(error);
  }

  /** @throws SignetError where it may not be the client's after all */
  #look(response: ClientResponse): void {
    const { outbound, inFlight } = this;
    const { inbound, session } = outbound;
    const { status } = response.head;
    if (session.claim !== undefined) settleClaim(this.#parts, session, status >= 200 && status < 300);
    if (status === 404) this.#parts.sessionOnly?.forget(session);
    // What another replica has answered has been looked at there.
    if (homeOf(this.#parts, this) === undefined) requireAnswer(outbound, response);
    // It may last for days.
    if (inFlight.kind === "stream") inbound.settle([session.id, credentialOn(inbound)]);
  }

  #end(error: unknown): void {
    const { outbound: { inbound, session }, inFlight } = this;
    const isGone = error !== undefined && inbound.hop !== undefined && isServerGone(error);
    const why = error === undefined ? undefined : isGone ? elsewhere("server_gone") : explainCut(error, inFlight);
    session.leave(this, this.#parts.now());
    this.#leave();
    this.#way.ended(this.#parts, inbound, why);
  }

  #leave(): void {
    const { outbound: { session, place }, inFlight } = this;
    if (session.claim !== undefined) leaveClaim(this.#parts, session);
    if (place === undefined) this.#parts.underWay.end(inFlight);
    if (inFlight.clientGone) this.#parts.metrics.clientAborts.inc();
  }
}
