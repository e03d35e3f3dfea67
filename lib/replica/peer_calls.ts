// What is under way at another replica. As long as anything is, the replica is asked every second whether it lives; once it
// does not, or another process is there, everything is aborted (docs/behaviour.md R1, R3).
import type { Call } from "../http1/types.ts";
import { OwnedTimer, type Timers } from "../platform/time/timers.ts";

/** How a question ended: nobody listens there, or nobody answers who is one of us. */
export type Liveness = "lives" | "silent" | "refused";

/** Who is asked. */
export interface AskedPeer {
  /** What it is called as a process; undefined while that is not known. */
  readonly instance: string | undefined;
  /** Never rejects. */
  ask(): Promise<Liveness>;
  /** It is dead, for the reason that the last question was in vain. */
  noteUnanswered(): void;
}

/** Whoever waits for a peer. */
export type Followed = Pick<Call, "abort">;

/** How often one with something under way is asked whether it lives, and how many silences in a row say that it does not. */
const ASK_EVERY_MS = 1000;
export const SILENCES = 3;
/** The same where its port is closed: who dies takes his connections with him, so that this is for broken networks. */
const REFUSALS = 60;

export class PeerCalls {
  readonly #peer: AskedPeer;
  readonly #underWay = new Set<Followed>();
  readonly #nextQuestion: OwnedTimer;
  #looking: Promise<void> | undefined = undefined;
  #silences = 0;
  #refusals = 0;

  constructor(peer: AskedPeer, timers: Timers) {
    this.#peer = peer;
    this.#nextQuestion = new OwnedTimer(timers);
  }

  get size(): number {
    return this.#underWay.size;
  }

  add(call: Followed): void {
    this.#underWay.add(call);
    this.#watch();
  }

  /** Nobody waits for it any more. Again: nothing. */
  delete(call: Followed): void {
    this.#underWay.delete(call);
  }

  #watch(): void {
    if (this.#nextQuestion.isSet || this.#looking !== undefined) return;
    this.#nextQuestion.set(ASK_EVERY_MS, () => {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (this.#underWay.size > 0) this.#watch();
      });
    });
  }

  /** One silence may be a busy moment; another process than before has nothing under way of what that one had. */
  async #look(): Promise<void> {
    if (this.#underWay.size === 0) return;
    const peer = this.#peer;
    const before = peer.instance;
    const found = await peer.ask();
    if (found === "lives" && (before === undefined || before === peer.instance)) {
      this.#silences = this.#refusals = 0;
      return;
    }
    if (found !== "silent") {
      // It has closed its port, or another has taken it: what it has still to answer it answers, if it lives.
      if (found === "refused") peer.noteUnanswered();
      if (++this.#refusals < REFUSALS) return;
    } else if (++this.#silences < SILENCES) return;
    this.#silences = this.#refusals = 0;
    peer.noteUnanswered();
    this.#abortAll();
  }

  #abortAll(): void {
    const left = [...this.#underWay];
    this.#underWay.clear();
    for (const call of left) call.abort();
  }

  /** Follows nothing any more, and aborts nothing. */
  close(): void {
    this.#nextQuestion.close();
    this.#underWay.clear();
  }
}
