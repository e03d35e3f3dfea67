// Members that are out are tried again by themselves, as their breakers allow, while their session is used
// (docs/behaviour.md A4, A6, L7).
import type { Carrier } from "../../../bridge/peer/peer.ts";
import { OwnedTimer, type Timers } from "../../../platform/time/timers.ts";
import type { MemberLife } from "./member_life.ts";

export interface MemberRetriesOptions {
  readonly timers: Timers;
  readonly lives: () => readonly MemberLife[];
  /** Of the last request. */
  readonly carrier: () => Carrier;
  /** See `PeerEvents`. */
  readonly unusedSinceMs: () => number | undefined;
}

/** A session that nobody has used for so long tries nobody by itself, in ms. */
const REST_MS = 30_000;

export class MemberRetries {
  readonly #options: MemberRetriesOptions;
  readonly #next: OwnedTimer;
  /** Whether members that are out wait for the session to be used again. */
  #rests = false;

  constructor(options: MemberRetriesOptions) {
    this.#options = options;
    this.#next = new OwnedTimer(options.timers);
  }

  begin(): void {
    const { timers, lives, carrier, unusedSinceMs } = this.#options;
    const out = lives().filter(({ isUp, isRefused }) => !isUp && !isRefused);
    if (out.length === 0) return;
    const pauseMs = Math.min(...out.map(({ pauseMs }) => pauseMs));
    this.#next.set(Math.max(pauseMs, 100), () => {
      const sinceMs = unusedSinceMs();
      this.#rests = sinceMs !== undefined && timers.now() - sinceMs >= REST_MS;
      if (this.#rests) return;
      void Promise.all(out.map((life) => life.connect(carrier()))).finally(() => this.begin());
    });
  }

  /** The session is used again. */
  wake(): void {
    if (!this.#rests) return;
    this.#rests = false;
    this.begin();
  }

  stop(): void {
    this.#next.close();
  }
}
