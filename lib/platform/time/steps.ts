// What comes together goes on in step: under load some ten requests come with one wait, and all are looked at before the
// first is sent on, so that the code of either half stays in the processor's nearest cache. Nothing waits for another turn.
import { throwLater } from "../faults/uncaught.ts";

/** Somebody's next step. */
export interface Step {
  /** Must not throw; if it does, the others go on all the same. */
  go(): void;
}

export class Steps {
  readonly #waiting: Step[] = [];
  readonly #onFault: (fault: unknown) => void;
  #isOpen = false;

  constructor(onFault: (fault: unknown) => void = throwLater) {
    this.#onFault = onFault;
  }

  /** From here to {@link end}, in one turn, whoever has come as far waits for the others. */
  begin(): void {
    this.#isOpen = true;
  }

  /** Goes on: with the others, or at once where there are none. */
  take(step: Step): void {
    if (this.#isOpen) this.#waiting.push(step);
    else step.go();
  }

  /** All go on, in the order in which they have come. Who comes from here on does not wait. */
  end(): void {
    this.#isOpen = false;
    const waiting = this.#waiting;
    for (let i = 0; i < waiting.length; i++) this.#go(waiting[i]!);
    waiting.length = 0;
  }

  #go(step: Step): void {
    try {
      step.go();
    } catch (fault) {
      this.#onFault(fault);
    }
  }
}

/** Of the requests that a wait has brought. */
export const STEPS = new Steps();
