// What one wait of Bun's loop has brought, in stages: first all of it is read, then its owners look at it, one after the
// other, and then what they have written is sent. The code of each stage is in the processor's caches from the second call
// on, which that of a call from end to end is not; and one look at the clock does for all. Under load a call takes 7 % less;
// where little comes at a time, nothing waits.
import { throwLater } from "../faults/uncaught.ts";
import { beginEvent, endEvent } from "../time/event_time.ts";
import { STEPS, type Steps } from "../time/steps.ts";

/** A socket in a round. None of its methods throws what is not a fault of ours. */
export interface RoundMember {
  /** Whether it was opened from here: what it brings are answers. */
  readonly isOutgoing: boolean;
  /** Hands over the piece that waits for it; nothing if that is gone. */
  handOn(): void;
  /** Sends what it has written in the round; nothing if that is gone. */
  sendLate(): void;
}

/** Pieces in a wait from which on it is worth while: more than four connections bring, with a call each. */
const LEAST = 6;
/** Waits in succession that have brought less, after which it is not: under load some do, and say nothing. */
const MOST_SMALL = 16;
/** Pieces that are handed over at once before it is looked again how many come together. */
const LOOK_EVERY = 64;
/** For what is written in a round; what does not fit is sent at once. */
const LATE_BYTES = 256 * 1024;

export interface RoundOptions {
  /** Runs `task` once the loop has told of everything that it has waited for. */
  readonly later: (task: () => void) => void;
  /** In which its requests go. */
  readonly steps?: Steps;
}

export class BunRound {
  readonly #later: RoundOptions["later"];
  readonly #steps: Steps;
  // Of this round and of the one that is being handed on: none is made anew.
  #requests: RoundMember[] = [];
  #answers: RoundMember[] = [];
  #handedRequests: RoundMember[] = [];
  #handedAnswers: RoundMember[] = [];
  readonly #late: RoundMember[] = [];
  /** Made for the first round. */
  #memory: Uint8Array | undefined;
  #used = 0;
  #isAsked = false;
  #isOpen = false;
  /** Waits that may bring little before pieces are handed over as they come; 0 while they are. */
  #patience = 0;
  #apart = 0;

  constructor({ later, steps = STEPS }: RoundOptions) {
    this.#later = later;
    this.#steps = steps;
  }

  /** A piece has come. @returns whether its socket is to keep it until `handOn` */
  joins(member: RoundMember): boolean {
    if (this.#patience === 0 && ++this.#apart < LOOK_EVERY) return false;
    if (!this.#isAsked) {
      this.#isAsked = true;
      this.#later(this.#run);
    }
    (member.isOutgoing ? this.#answers : this.#requests).push(member);
    return true;
  }

  /**
   * Room for `bytes` that are to be sent at the end of this round. @returns where it begins in {@link memory}; −1 outside
   * of rounds, and where there is none
   */
  roomFor(member: RoundMember, bytes: number): number {
    const at = this.#used;
    if (!this.#isOpen || at + bytes > LATE_BYTES) return -1;
    this.#used = at + bytes;
    this.#late.push(member);
    return at;
  }

  /** For what is sent late. */
  get memory(): Uint8Array {
    return this.#memory ??= new Uint8Array(LATE_BYTES);
  }

  readonly #run = (): void => {
    const answers = this.#answers, requests = this.#requests;
    this.#answers = this.#handedAnswers;
    this.#requests = this.#handedRequests;
    this.#isAsked = false;
    if (answers.length + requests.length >= LEAST) this.#patience = MOST_SMALL;
    else if (this.#patience > 0) this.#patience--;
    this.#apart = 0;
    const isFirst = beginEvent();
    this.#isOpen = true;
    // Answers first: what they end is free for the requests.
    for (let i = 0; i < answers.length; i++) handOn(answers[i]!);
    this.#steps.begin();
    for (let i = 0; i < requests.length; i++) handOn(requests[i]!);
    this.#steps.end();
    answers.length = requests.length = 0;
    this.#handedAnswers = answers;
    this.#handedRequests = requests;
    this.#isOpen = false;
    if (isFirst) endEvent();
    const late = this.#late;
    for (let i = 0; i < late.length; i++) sendLate(late[i]!);
    late.length = this.#used = 0;
  };
}

// Apart, since nothing of one member's may keep the others waiting.

function handOn(member: RoundMember): void {
  try {
    member.handOn();
  } catch (fault) {
    throwLater(fault);
  }
}

function sendLate(member: RoundMember): void {
  try {
    member.sendLate();
  } catch (fault) {
    throwLater(fault);
  }
}

/** This process's. */
export const ROUND = new BunRound({ later: setImmediate });
