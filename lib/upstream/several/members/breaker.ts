// Whether connecting to a member is worth trying: after a failure not before a pause, which doubles with each further one
// (docs/behaviour.md A6). One a member, for all sessions, counts what nobody's credential has to do with: none of them
// finds out anew that a server is down. One a member and session counts the rest.
import { SignetError } from "../../../errors.ts";
import { leftOf } from "../../../platform/time/time_of_day.ts";
import type { Timers } from "../../../platform/time/timers.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

export class Breaker {
  readonly #timers: Timers;
  #failures = 0;
  #retryAtMs = 0;
  #reason: string | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Why the last try failed; undefined if it did not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** How long not to try, in ms; 0 if a try may be made now. */
  get pauseMs(): number {
    return leftOf(LONGEST_PAUSE_MS, this.#retryAtMs, this.#timers.now());
  }

  succeed(): void {
    this.#failures = 0;
    this.#retryAtMs = 0;
    this.#reason = undefined;
  }

  /** @throws SignetError `upstream_unreachable` while there is a pause */
  assertClosed(): void {
    const { pauseMs } = this;
    if (pauseMs === 0) return;
    throw new SignetError("upstream_unreachable", {
      publicMessage: "Bad gateway: the MCP server could not be reached a moment ago",
      retryAfterS: Math.ceil(pauseMs / 1000),
    });
  }

  fail(cause: unknown): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    this.#retryAtMs = this.#timers.now() + pause;
    this.#reason = reasonOf(cause);
  }
}

/** Why a member is out, in words that name no address. */
export class MemberFault extends Error {
  override readonly name = "MemberFault";
  /** Whether it was time that ran out: asking again would cost as much. */
  readonly isSlow: boolean;
  /** Whether asking again would bring the same. */
  readonly isForGood: boolean;

  constructor(message: string, options: { readonly isSlow?: boolean; readonly isForGood?: boolean } = {}) {
    super(message);
    this.isSlow = options.isSlow ?? false;
    this.isForGood = options.isForGood ?? false;
  }
}

/** What HTTP calls it says nothing of one of several servers. */
const HTTP_WORDS = /^(?:Bad gateway|Gateway timeout|Forbidden): /;

export function reasonOf(error: unknown): string {
  if (error instanceof MemberFault) return error.message;
  if (error instanceof SignetError) return error.message.replace(HTTP_WORDS, "");
  return error instanceof Error && "code" in error ? String(error.code) : "failed";
}
