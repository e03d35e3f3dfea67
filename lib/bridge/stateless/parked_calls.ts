// Calls whose server wants to know something of their client: it is asked by the answer to the request, the call waits at
// the peer, and goes on with the request that brings the answers (docs/behaviour.md S4). Who does not come back is given up.
import { INTERNAL_ERROR, METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { SameDelay, type Timers } from "../../platform/time/timers.ts";
import { cancelledIdIn, idIn } from "../peer/message_ids.ts";
import { type Message, NO_CARRIER, type Peer } from "../peer/peer.ts";
import { peerResult } from "../peer/peer_result.ts";
import type { Exchange, Run, Translated } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import type { LostCalls } from "./lost_calls.ts";
import type { LostParks } from "./rounds/lost_parks.ts";
import { canAnswer, mayAsk, parkedIn, ParkedQuestions } from "./rounds/parked_questions.ts";
import type { ParkedPlace } from "./rounds/parking.ts";
import type { Runs } from "./runs.ts";
import type { StatelessLife } from "./stateless_life.ts";
import { clientResult, unknownState } from "./texts.ts";

export interface ParkedCallsOptions {
  readonly life: Pick<StatelessLife, "era" | "capabilities">;
  readonly exchanges: Exchanges;
  readonly runs: Runs;
  readonly lostCalls: LostCalls;
  readonly lost: LostParks;
  /** A place for a call that waits for its client; undefined where there is none. */
  readonly takePlace: () => ParkedPlace | undefined;
  /** This replica's address, for what is to come back to it. */
  readonly home: string | undefined;
  /** Hexadecimal digits that nobody can guess. */
  readonly newName: () => string;
  readonly timers: Timers;
  /** Questions that come close together are asked together, in ms. */
  readonly gatherMs: number;
  /** The peer's answer, which was there when its client came back. */
  readonly onAnswer: (exchange: Exchange, reply: Message) => void;
  /** One is gone. */
  readonly onGone: () => void;
}

/** So often a server is told that nobody comes back for a call. */
const MAX_TRIES = 100;

export class ParkedCalls {
  readonly #options: ParkedCallsOptions;
  readonly #gathering: SameDelay;
  /** Those whose client has been asked, by the name that its answer leads back with. */
  readonly #parked = new Map<string, Run>();
  /** Those that nobody comes back for, and whose server does not take it now to hear of that. */
  readonly #givingUp = new Set<Run>();

  constructor(options: ParkedCallsOptions) {
    this.#options = options;
    this.#gathering = new SameDelay(options.timers, options.gatherMs);
  }

  get size(): number {
    return this.#parked.size + this.#givingUp.size;
  }

  /** A request of the peer's: its client is asked by the answer to the call that it is about. */
  question(message: Message, peer: Peer, about: number | undefined): void {
    const id = idIn(message)!;
    const run = this.#runAsking(peer, about);
    const { life } = this.#options;
    if (run === undefined || life.era === "modern" || !canAnswer(message, life.capabilities)) {
      return peer.refuse(id, METHOD_NOT_FOUND, "this client cannot be asked");
    }
    const known = this.#isSurelyOf(run, peer, about) ? run.answers?.answerTo(message) : undefined;
    if (known !== undefined && peer.send(peerResult(id, known), NO_CARRIER)) return;
    if (!this.#put(run, message, peer)) {
      return peer.refuse(id, INTERNAL_ERROR, "too many questions wait for the client");
    }
    if (run.exchange === undefined) return; // asked when it comes back
    run.cancelGathering ??= this.#gathering.after(() => this.#park(run));
    if (run.cancelGathering === undefined) this.#giveUp(run, 0); // nobody is asked any more
  }

  /** A server that does not wait any longer for what it has asked. */
  withdraw(message: Message, peer: Peer): undefined {
    const id = cancelledIdIn(message);
    if (id === undefined) return;
    for (const { questions, place } of this.#options.runs.all()) {
      if (questions?.withdraw(id, peer) !== true) continue;
      place?.hold(questions.bytes);
      return;
    }
  }

  /** A request that is made again with its answers. @returns false if it is one that brings none */
  resume(exchange: Exchange, peer: Peer, post: Translated): boolean {
    const { exchanges, runs, lostCalls, onAnswer } = this.#options;
    const { text } = post;
    const parked = parkedIn(text);
    if (parked === undefined) return false;
    const run = parked === null ? undefined : this.#parked.get(parked.id);
    const { questions } = run ?? {};
    if (
      run === undefined || questions === undefined || run.method !== exchange.method ||
      questions.round !== parked?.round
    ) {
      if (run === undefined && parked !== null) void lostCalls.makeAgain(exchange, peer, { post, parked });
      else void exchanges.respond(exchange, unknownState(exchange.id));
      return true;
    }
    run.place?.stopWaiting();
    this.#parked.delete(questions.id);
    run.exchange = exchange;
    exchange.running = run;
    if (run.kept !== undefined) {
      runs.end(run);
      onAnswer(exchange, run.kept);
      return true;
    }
    questions.answer(text);
    run.place?.hold(questions.bytes);
    this.#park(run);
    return true;
  }

  /** The peer has answered one whose client is away. */
  answered(run: Run, reply: Message): void {
    this.#options.runs.answered(run);
    const isWaiting = !this.#givingUp.has(run);
    // What finds no room to be kept is as good as lost.
    if (isWaiting && run.place?.hold(reply.line.length) === true) {
      run.kept = { line: reply.line.slice(), value: reply.value };
    } else this.#drop(run);
  }

  /** One whose client is away will never be answered. */
  lose(run: Run): void {
    const { questions } = run;
    if (questions !== undefined && this.#parked.has(questions.id)) this.#options.lost.note(questions.id);
    this.#drop(run);
  }

  /** Gives them all up. */
  end(): void {
    for (const run of [...this.#parked.values()]) this.#unpark(run);
    for (const run of [...this.#givingUp]) this.#drop(run);
    this.#gathering.close();
  }

  /** @returns false where there is no room for one more */
  #put(run: Run, message: Message, peer: Peer): boolean {
    const { takePlace, newName } = this.#options;
    run.place ??= takePlace();
    if (run.place === undefined) return false;
    const questions = run.questions ??= new ParkedQuestions(newName());
    if (questions.add(message, peer)) {
      if (run.place.hold(questions.bytes)) return true;
      questions.withdraw(idIn(message)!, peer);
    }
    if (questions.size === 0 && run.exchange !== undefined) this.#freePlace(run);
    return false;
  }

  /** It waits for its client no more, for now. */
  #freePlace(run: Run): void {
    run.place?.leave();
    run.place = undefined;
  }

  /**
   * Stdio does not say which call a question is about: the oldest that may ask, as good as any of its owner's, but for
   * those whose client is away already and may not come back. Of several servers none asks about another's.
   */
  #runAsking(peer: Peer, about: number | undefined): Run | undefined {
    const { runs } = this.#options;
    if (about !== undefined) {
      const run = runs.get(about);
      return run !== undefined && mayAsk(run.method) ? run : undefined;
    }
    const asking = runs.all().filter((run) => mayAskAbout(peer, run));
    return asking.find(({ exchange }) => exchange !== undefined) ?? asking[0];
  }

  /** What was answered once is said only to the call that was answered: another one may ask the same, and mean another thing. */
  #isSurelyOf({ ownId }: Run, peer: Peer, about: number | undefined): boolean {
    if (about !== undefined) return true;
    return this.#options.runs.all().every((run) => run.ownId === ownId || !mayAskAbout(peer, run));
  }

  /** Answers the request with what is to be asked; the call waits from then on. */
  #park(run: Run): void {
    const { exchange, questions, place } = run;
    run.cancelGathering?.();
    run.cancelGathering = undefined;
    if (exchange === undefined || questions === undefined || place === undefined) return;
    if (questions.size === 0) return this.#freePlace(run);
    run.exchange = exchange.running = undefined;
    this.#parked.set(questions.id, run);
    const isWaiting = place.wait(() => this.#unpark(run));
    const { home, lost: { process }, exchanges } = this.#options;
    void exchanges.respond(exchange, clientResult(exchange.id, questions.ask({ process, home })));
    if (!isWaiting) this.#unpark(run);
  }

  /** Nobody comes back for it: the server is told, and the call is given up. */
  #unpark(run: Run): void {
    if (run.questions !== undefined) this.#parked.delete(run.questions.id);
    this.#giveUp(run, MAX_TRIES);
  }

  /** A server that many are given up at takes so much at once, and no more. */
  #giveUp(run: Run, triesLeft: number): void {
    const { runs } = this.#options;
    const isTold = run.questions?.giveUp() !== false &&
      (!runs.has(run) || runs.cancel(run, "the client did not come back"));
    if (isTold || triesLeft === 0) return this.#drop(run);
    this.#givingUp.add(run);
    if (run.place?.tryAgain(() => this.#giveUp(run, triesLeft - 1)) !== true) this.#drop(run);
  }

  /** Nothing comes of it any more, whoever knows. */
  #drop(run: Run): void {
    if (run.questions !== undefined) this.#parked.delete(run.questions.id);
    this.#givingUp.delete(run);
    run.questions?.giveUp();
    run.peer.forget(run.ownId);
    this.#options.runs.end(run);
    this.#options.onGone();
  }
}

function mayAskAbout(peer: Peer, { method, ownId }: Run): boolean {
  return mayAsk(method) && peer.mayMean?.(ownId) !== false;
}
