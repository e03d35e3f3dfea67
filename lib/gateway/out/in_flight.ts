// One request on its way: what can cut it, and who cut it. The client can leave, the session can end, Signet can drain, its
// caller can lose the right to it; whoever comes first closes the upstream's connection, and the rest finds out from here why.
import type { SignetError } from "../../errors.ts";
import { tellLater } from "../../http1/call_of.ts";
import { type CallListener, type ExchangeWatcher, HttpError } from "../../http1/types.ts";
import type { Linked } from "../../platform/memory/linked_list.ts";
import { eventTime } from "../../platform/time/event_time.ts";
import type { Caller } from "../../session/caller.ts";
import { type Holding, Unit } from "../../session/limits/holdings.ts";
import type { SessionAnswer, SessionCall } from "../../session/lost_session.ts";
import type { Active, EndReason } from "../../session/session.ts";
import type { Inbound } from "../inbound.ts";

/** A request and whose it is: the proof that is asked for again as long as it lasts. */
export interface Asked {
  readonly inbound: Inbound;
  readonly caller: Caller;
}

/** What few requests have, or for a moment. */
class Seldom {
  endReason: EndReason | undefined = undefined;
  refusal: SignetError | undefined = undefined;
  outlivesClient = false;
  isOpening = false;
  asking = false;
  unknownSinceMs: number | undefined = undefined;
  stopWaiting: (() => void) | undefined = undefined;
}

/**
 * Made by `UnderWay.begin` alone, which asks for its authority again until `UnderWay.end`, and as such its share of the
 * limits. 12 fields (112 bytes) at most, with those of `Unit`: the next belongs into {@link Seldom}.
 */
export class InFlight extends Unit implements Active, ExchangeWatcher, Linked<InFlight> {
  previous: InFlight | undefined = undefined;
  next: InFlight | undefined = undefined;
  readonly inbound: Inbound;
  readonly caller: Caller;
  clientGone = false;
  /** When its authority was last asked for, in ms since the epoch. */
  askedAtMs: number;
  #call: SessionCall | undefined = undefined;
  #seldom: Seldom | undefined = undefined;

  /** @param room where there is some for so many calls of one body, or for one stream (`Limits.roomFor`) */
  constructor({ inbound, caller }: Asked, what: "streams" | "requests", room: Holding, count: number) {
    super(what, room, count);
    this.inbound = inbound;
    this.caller = caller;
    this.askedAtMs = inbound.receivedAtMs;
    const { exchange } = inbound;
    exchange.watcher = this;
    this.clientGone = exchange.aborted;
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  get kind(): "call" | "stream" {
    return this.what === "streams" ? "stream" : "call";
  }

  /** Against the caps of its session, which asks for it where it is told (`Active`). */
  get calls(): number {
    return this.count;
  }

  /** Set when the session ended, or Signet drains, under the request. */
  get endReason(): EndReason | undefined {
    return this.#seldom?.endReason;
  }

  /** Why it would be refused now, if that is what cut it. */
  get refusal(): SignetError | undefined {
    return this.#seldom?.refusal;
  }

  set refusal(refusal: SignetError) {
    this.#ensureSeldom().refusal = refusal;
  }

  /** Whether it is done whoever waits for its answer: to say that a session ends (L5). */
  get outlivesClient(): boolean {
    return this.#seldom?.outlivesClient === true;
  }

  set outlivesClient(outlives: boolean) {
    this.#ensureSeldom().outlivesClient = outlives;
  }

  /**
   * On its way to open a session upstream: cut now, it would leave one behind that nobody knows of. Who opens it looks at
   * its authority afterwards, before there is a session here.
   */
  get isOpening(): boolean {
    return this.#seldom?.isOpening === true;
  }

  set isOpening(isOpening: boolean) {
    this.#ensureSeldom().isOpening = isOpening;
  }

  /** Somebody is being asked, who takes time. */
  get asking(): boolean {
    return this.#seldom?.asking === true;
  }

  set asking(asking: boolean) {
    this.#ensureSeldom().asking = asking;
  }

  /** Since when nobody could be asked, in ms since the epoch. */
  get unknownSinceMs(): number | undefined {
    return this.#seldom?.unknownSinceMs;
  }

  set unknownSinceMs(sinceMs: number | undefined) {
    // Most often it stays undefined, which takes no memory.
    if (sinceMs !== this.unknownSinceMs) this.#ensureSeldom().unknownSinceMs = sinceMs;
  }

  /** Whether there is nobody left to forward for. */
  get cut(): boolean {
    return (this.clientGone && !this.outlivesClient) || this.endReason !== undefined;
  }

  /** What comes of `call`, which from now on is the one that is cut. */
  answerOf(call: SessionCall): Promise<SessionAnswer> {
    this.#follow(call);
    return call.response;
  }

  /** The same told to a listener, without a promise where the call needs none. */
  tell(call: SessionCall, listener: CallListener<SessionAnswer>): void {
    if (call.tell !== undefined) call.tell(listener);
    else tellLater(call.response, listener);
    this.#follow(call);
  }

  #follow(call: SessionCall): void {
    this.#call = call;
    this.inbound.sentAt = eventTime();
    if (this.cut) call.abort();
  }

  onClientGone(): void {
    this.clientGone = true;
    if (this.cut) this.#cut();
  }

  abort(reason: EndReason): void {
    this.#ensureSeldom().endReason ??= reason;
    this.#cut();
  }

  /** For whoever observes: how it ended. */
  noteEnd(): void {
    const { record } = this.inbound;
    if (record === undefined) return;
    record.isStream = this.kind === "stream";
    if (this.refusal !== undefined) record.refusal ??= this.refusal.code;
    if (this.clientGone) record.cutBy = "client";
    else if (this.endReason !== undefined) record.cutBy = this.endReason;
  }

  /**
   * Waits for what others may wait for too, which goes on without this request when it is cut: then its place is free at
   * once, however long that takes (M1). @throws HttpError `aborted`; whatever `shared` rejects with
   */
  waitFor<T>(shared: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(new HttpError("aborted", "waiting for what others wait for too: the request was cut"));
      this.#ensureSeldom().stopWaiting = stop;
      if (this.cut) stop();
      shared.then(resolve, reject);
    });
  }

  #cut(): void {
    this.#call?.abort();
    this.#seldom?.stopWaiting?.();
  }
}
