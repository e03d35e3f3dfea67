// How many requests were answered, by method and status, and how long that took: one histogram for each pair, made when
// the first of its kind comes, so that counting allocates nothing. Rows and columns come from closed lists.
import { METHODS } from "../mcp/messages/methods.ts";
import { Histogram, type HistogramSample, type HistogramState, type Sample } from "../observe/metrics.ts";

/**
 * Seconds: those of OpenTelemetry's MCP conventions (`CONVENTION_BOUNDS`), and finer ones below, since a sidecar's own
 * part is tens of microseconds.
 */
export const DURATION_BOUNDS: readonly number[] = [
  ...[0.0005, 0.001, 0.0025, 0.005],
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
];

/** Statuses that have a column of their own; any other has its class's, `4xx`. */
const STATUSES: readonly string[] = [
  ...["200", "202", "204", "400", "401", "403", "404", "405", "406", "408", "409", "413", "414", "415", "429", "431"],
  ...["500", "501", "502", "503", "504", "505"],
];
/** `cut`: the client had left, or the connection broke, before an answer was begun. */
const COLUMNS: readonly string[] = [...STATUSES, "1xx", "2xx", "3xx", "4xx", "5xx", "cut"];
const CUT = COLUMNS.length - 1;

/** By status: its column. */
const COLUMN_OF: Uint8Array = new Uint8Array(600).fill(CUT);
for (let hundred = 1; hundred <= 5; hundred++) {
  COLUMN_OF.fill(COLUMNS.indexOf(`${hundred}xx`), hundred * 100, (hundred + 1) * 100);
}
STATUSES.forEach((status, column) => COLUMN_OF[Number(status)] = column);

/** One pair, and what was counted of it. */
export interface Counted {
  readonly method: string;
  readonly status: string;
  readonly durations: HistogramState;
}

export class ExchangeCounts {
  readonly #table: (Histogram | undefined)[] = new Array(METHODS.length * COLUMNS.length).fill(undefined);

  /** @param method a number of `METHODS` @param status 0 where no answer was begun */
  count(method: number, status: number, seconds: number): void {
    const column = status < 600 ? COLUMN_OF[status]! : CUT;
    (this.#table[method * COLUMNS.length + column] ??= new Histogram(DURATION_BOUNDS)).observe(seconds);
  }

  all(): Counted[] {
    return this.#table.flatMap((durations, at) =>
      durations === undefined ? [] : [{
        method: METHODS[Math.floor(at / COLUMNS.length)]!,
        status: COLUMNS[at % COLUMNS.length]!,
        durations,
      }]
    );
  }

  /** By method and status. */
  samples(): Sample[] {
    return this.all().map(({ method, status, durations }) => [[method, status], totalOf(durations)]);
  }

  /** By method. */
  durations(): HistogramSample[] {
    return mergedBy(this.all(), ({ method }) => [method]);
  }
}

function totalOf({ counts }: HistogramState): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Pairs with the same labels as one. */
function mergedBy(
  counted: readonly Counted[],
  labelsOf: (counted: Counted) => readonly string[],
): HistogramSample[] {
  const merged = new Map<string, HistogramSample>();
  for (const each of counted) {
    const labels = labelsOf(each);
    const key = labels.join("\n");
    const before = merged.get(key)?.[1];
    merged.set(key, [labels, before === undefined ? each.durations : added(before, each.durations)]);
  }
  return [...merged.values()];
}

function added(one: HistogramState, other: HistogramState): HistogramState {
  return {
    bounds: one.bounds,
    counts: one.counts.map((count, bucket) => count + other.counts[bucket]!),
    sum: one.sum + other.sum,
  };
}
