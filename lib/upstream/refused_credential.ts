// A credential that a server has refused: it is not shown there again before a pause, which doubles each time
// (docs/behaviour.md A6). Another one waits for nothing (A8).
import type { Fields } from "../http1/types.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import type { Timers } from "../platform/time/timers.ts";
import { Backoff } from "./backoff.ts";

/** The first refusal is free to be a mistake; of a token that Signet renews itself the next one is found in half a minute. */
const BACKOFF = { free: 1, firstMs: 1000, maxMs: 30_000, windowMs: 5 * 60_000 };
/** Of the request, not of who sends it. */
const OF_THE_REQUEST: ReadonlySet<string> = new Set(["traceparent", "tracestate", "baggage"]);

export class RefusedCredential {
  readonly #timers: Timers;
  #backoff = new Backoff(BACKOFF);
  #last: { readonly fields: Fields; readonly error: unknown } | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Whether the last greeting was refused for what it came with. */
  get isSet(): boolean {
    return this.#last !== undefined;
  }

  /** @returns the refusal that these fields would meet again; undefined if they may be tried */
  refusalOf(fields: Fields): unknown {
    if (this.#last === undefined || !sameCredential(this.#last.fields, fields)) return undefined;
    return this.#backoff.delayMs(this.#timers.now()) > 0 ? this.#last.error : undefined;
  }

  refuse(fields: Fields, error: unknown): void {
    if (this.#last === undefined || !sameCredential(this.#last.fields, fields)) this.#backoff = new Backoff(BACKOFF);
    this.#last = { fields: [...fields], error };
    this.#backoff.fail(this.#timers.now());
  }

  /** It has been taken, or something else was in the way. */
  accept(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.#backoff = new Backoff(BACKOFF);
  }
}

/** Whether two requests come with the same credential, for all that can be told. */
export function sameCredential(one: Fields, other: Fields): boolean {
  return covers(one, other) && covers(other, one);
}

function covers(one: Fields, other: Fields): boolean {
  for (let i = 0; i < one.length; i += 2) {
    const name = one[i]!;
    if (!OF_THE_REQUEST.has(name) && fieldValue(other, name) !== one[i + 1]) return false;
  }
  return true;
}
