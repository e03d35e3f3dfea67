// Which requests are traced: told before anything is made of one, so that the others cost a look at their context.
// OpenTelemetry specification, "Sampling"; the ratio is taken of the trace id's last 56 bits, so that every participant
// with the same ratio decides alike (W3C Trace Context Level 2, "Random trace-id").
import { type TraceContext, TRACEPARENT_LENGTH } from "./trace_context.ts";

export const SAMPLERS = [
  ...["always_on", "always_off", "traceidratio"],
  ...["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"],
] as const;

export interface SamplerOptions {
  /** One of `SAMPLERS`. */
  readonly name: string;
  /** 0 to 1; for the two that have a ratio. */
  readonly ratio: number;
}

const BITS_56 = 2 ** 56;

export class Sampler {
  readonly #heedsParent: boolean;
  readonly #ratio: number;

  constructor({ name, ratio }: SamplerOptions) {
    this.#heedsParent = name.startsWith("parentbased_");
    const root = name.replace("parentbased_", "");
    this.#ratio = root === "always_on" ? 1 : root === "always_off" ? 0 : ratio;
  }

  /** Whether to trace a request that has this parent. */
  follows(parent: TraceContext): boolean {
    if (this.#heedsParent) return parent.sampled;
    if (this.#ratio >= 1 || this.#ratio <= 0) return this.#ratio >= 1;
    return parseInt(parent.traceId.slice(-14), 16) >= BITS_56 * (1 - this.#ratio);
  }

  /** Whether a `traceparent` can be told at a glance to lead nowhere: the commonest case, and then nothing is parsed. */
  passes(header: string): boolean {
    if (!this.#heedsParent || header.length !== TRACEPARENT_LENGTH || !header.startsWith("00-")) return false;
    const last = header.charCodeAt(TRACEPARENT_LENGTH - 1);
    return last < 0x3a ? (last & 1) === 0 : (last & 1) === 1; // of hex digits, a is even
  }

  /** Whether to begin a trace where none came. */
  rolls(random: () => number): boolean {
    return this.#ratio > 0 && random() < this.#ratio;
  }

  /** An id out of a random one, such as {@link follows} would take, too. */
  rootId(traceId: string): string {
    if (this.#ratio >= 1) return traceId;
    const least = Math.ceil(BITS_56 * (1 - this.#ratio));
    const drawn = least + Math.floor(parseInt(traceId.slice(-14), 16) / BITS_56 * (BITS_56 - least));
    return traceId.slice(0, -14) + Math.min(drawn, BITS_56 - 1).toString(16).padStart(14, "0");
  }
}
