// The two ways in which Signet runs: as the executable that people install, made with Bun, and from source on Deno.
// A row is about the first; what the second makes of it stands beside it.
import type { Setup } from "./contenders.ts";
import type { Context } from "./context.ts";
import { type Finding, type Measured, median, ratioWithSpread, show } from "./report.ts";

export interface Form {
  /** How it is called among contenders. */
  readonly name: string;
  readonly setup: Partial<Setup>;
}

export const ON_DENO = "signet on Deno";
export const EXECUTABLE = "signet";

/** The executable first; without one Deno's is what there is. */
export function formsOf({ executable }: Pick<Context, "executable">): readonly [Form, ...Form[]] {
  const onDeno = { name: ON_DENO, setup: {} };
  return executable === undefined ? [onDeno] : [{ name: EXECUTABLE, setup: { executable } }, onDeno];
}

/** What a row finds of each form, in their order. */
export function findingOf(id: string, [first, onDeno]: readonly Measured[]): Finding {
  if (first === undefined) return { id, skipped: "nothing was measured" };
  return { id, ...first, ...(onDeno === undefined ? {} : { onDeno }) };
}

/** Ours to theirs round by round, with the figures themselves. */
export function ratioOf(ours: readonly number[], theirs: readonly number[], unit: string): Measured {
  return { ...ratioWithSpread(ours, theirs), detail: `${show(median(ours))} and ${show(median(theirs))} ${unit}` };
}
