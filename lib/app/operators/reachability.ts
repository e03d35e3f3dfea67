// Whether the upstream can be reached, for readiness probes. Probes of several kinds may come every second, so the
// answer is kept for a moment and asked for once at a time.
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { Upstream } from "../../upstream/upstream.ts";

const FRESH_MS = 1000;

export class Reachability {
  readonly #upstream: Upstream;
  readonly #now: () => number;
  #answer = "";
  #askedAtMs = -Infinity;
  #asking: Promise<string> | undefined;

  constructor(upstream: Upstream, now: () => number) {
    this.#upstream = upstream;
    this.#now = now;
  }

  /** `ok`, or what is wrong. Never rejects. */
  async check(): Promise<string> {
    if (isWithin(this.#now(), this.#askedAtMs, FRESH_MS)) return this.#answer;
    this.#asking ??= this.#ask().finally(() => this.#asking = undefined);
    return await this.#asking;
  }

  async #ask(): Promise<string> {
    try {
      await this.#upstream.probe();
      this.#answer = "ok";
    } catch (error) {
      this.#answer = `unreachable: ${error instanceof Error ? error.message : "unknown"}`;
    }
    this.#askedAtMs = this.#now();
    return this.#answer;
  }
}
