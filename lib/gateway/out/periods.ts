// How often, and for how long, what is under way is asked about again; see under_way.ts.

export interface Periods {
  /** Between two questions about one request, in ms: with the tick of a tenth of a second, less than a second. */
  readonly everyMs: number;
  /** How long a source may be out of reach before what it vouched for is cut, in ms. */
  readonly patienceMs: number;
  /** How long a call may go on after its credential has ended by itself, in ms: what SDK clients wait for an answer. */
  readonly finishMs: number;
  /** Questions waiting for an answer at a time. */
  readonly maxAsking: number;
  /** What one round of questions may take of the loop's time, in ms; who is left over is first in the next. */
  readonly roundMs: number;
}

export const DEFAULT_PERIODS: Periods = {
  everyMs: 800,
  patienceMs: 10_000,
  finishMs: 60_000,
  maxAsking: 64,
  roundMs: 5,
};
