// The door that requests wait at while an audit log takes nothing, where nothing may be done unrecorded. Nobody waits for
// longer than anybody may, and once some have waited in vain, others are told at once.
import { SignetError } from "../errors.ts";

/** What an operator can do about an audit log that takes nothing. */
export const REMEDY: string = "Make room where the audit log is written, or mend what takes it; --audit-when-full " +
  "says what happens meanwhile.";

export class Door {
  /** Requests that were refused here. */
  refused = 0;
  readonly #patienceMs: number;
  #waiting: PromiseWithResolvers<void> | undefined;
  /** Since when there is no room, by `performance.now`. */
  #closedSince: number | undefined;

  /** @param patienceMs how long a request waits before it is refused */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Resolves as soon as there is room. @throws SignetError `audit_unavailable` */
  async wait(): Promise<void> {
    this.#closedSince ??= performance.now();
    if (performance.now() - this.#closedSince > this.#patienceMs) throw this.#refusal();
    this.#waiting ??= Promise.withResolvers<void>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#refusal()), this.#patienceMs);
    });
    try {
      await Promise.race([this.#waiting.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** There is room. */
  open(): void {
    this.#closedSince = undefined;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #refusal(): SignetError {
    this.refused++;
    return new SignetError("audit_unavailable", {
      retryAfterS: Math.ceil(this.#patienceMs / 1000),
      remedy: REMEDY,
    });
  }
}
