// How long an answer of another process on this machine is waited for, and whether it is asked at all: one that stands still
// holds nobody up, and is asked once a second until it answers (docs/behaviour.md R6).
import { leftOf } from "../../platform/time/time_of_day.ts";
import { LAST_LOOK_MS, SameDelay, type Timers } from "../../platform/time/timers.ts";

/** It answers in microseconds, or in as long as a busy disk takes, in ms. */
const ANSWER_MS = 5000;
/** While it stands still it is asked once in so long, in ms. */
const PAUSE_MS = 1000;

export class AnswerDeadline {
  /** Whether the last answer that was waited for did not come in time. */
  isOver = false;
  readonly #timers: Timers;
  readonly #answers: SameDelay;
  /** What cuts each wait under way. */
  readonly #waiting = new Set<() => void>();
  #askAgainAtMs = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
    this.#answers = new SameDelay(timers, ANSWER_MS);
  }

  /** @throws what `ask` throws; Error if it does not answer in time, or has not a moment ago, or nobody waits any more */
  answerOf(ask: () => Promise<unknown>): Promise<unknown> {
    const nowMs = this.#timers.now();
    if (this.isOver && leftOf(PAUSE_MS, this.#askAgainAtMs, nowMs) > 0) return Promise.reject(overdue());
    // One finds out for all.
    this.#askAgainAtMs = nowMs + PAUSE_MS;
    return new Promise((resolve, reject) => {
      const late = () => {
        // From now, not from when it was asked: who has waited once, and asks more, waits no second time.
        this.#askAgainAtMs = this.#timers.now() + PAUSE_MS;
        this.isOver = true;
        this.#waiting.delete(cut);
        reject(overdue());
      };
      let cancel = this.#answers.after(() => cancel = this.#timers.after(LAST_LOOK_MS, late));
      if (cancel === undefined) return reject(closed());
      const cut = () => {
        cancel?.();
        reject(closed());
      };
      this.#waiting.add(cut);
      const settled = () => {
        this.#waiting.delete(cut);
        cancel?.();
        this.isOver = false;
      };
      ask().then((answer) => {
        settled();
        resolve(answer);
      }, (fault) => {
        settled();
        reject(fault);
      });
    });
  }

  /** Nobody waits any more: who did hears of it, since no time-out will tell him. */
  close(): void {
    this.#answers.close();
    for (const cut of this.#waiting) cut();
    this.#waiting.clear();
  }
}

function closed(): Error {
  return new Error("waiting for an answer: found that nobody waits any more");
}

function overdue(): Error {
  return new Error(`waiting for an answer: found none within ${ANSWER_MS} ms`);
}
