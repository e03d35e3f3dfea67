// What became of what stateless clients brought back: why one was not taken is told here, and to nobody outside (S1).
import { CARRIED_KINDS, type CarriedFailure, type CarriedKind } from "../envelope/carried_value.ts";
import { LabelledCounter, type Sample } from "../observe/metrics.ts";

export type CarriedOutcome = "opened" | CarriedFailure;

const OUTCOMES: readonly CarriedOutcome[] = [
  ...["opened", "length", "alphabet", "version", "key", "tag"] as const,
  ...["shape", "owner", "upstream", "expired", "binding"] as const,
];

/** What became of values that clients brought back. */
export class CarriedCounts {
  readonly #byKind = new Map(CARRIED_KINDS.map((kind) => [kind, new LabelledCounter<CarriedOutcome>(OUTCOMES)]));

  count(kind: CarriedKind, outcome: CarriedOutcome): void {
    this.#byKind.get(kind)!.inc(outcome);
  }

  /** By kind and outcome. */
  samples(): Sample[] {
    return [...this.#byKind].flatMap(([kind, counter]) =>
      counter.samples().map(([labels, count]): Sample => [[kind, ...labels], count])
    );
  }
}
