// Everything that is counted, as OTLP has it: the metrics page under its own names, and how long operations took under the
// names of the MCP conventions. Read at an interval; counting itself knows nothing of it.
import type { HistogramState, MetricsPage } from "../observe/metrics.ts";
import { type Attribute, ATTRIBUTES, CLIENT_DURATION, CONVENTION_BOUNDS, SERVER_DURATION } from "./mcp_conventions.ts";
import { type MetricPoints, pointsOf } from "./otlp_json.ts";

/** Durations of one method and outcome, s. */
export interface OperationDurations {
  /** Undefined of what is no JSON-RPC. */
  readonly method: string | undefined;
  /** Of HTTP, as text; undefined where it did not fail. */
  readonly errorType: string | undefined;
  readonly durations: HistogramState;
}

export interface MetricSources {
  readonly page: MetricsPage;
  /** Requests of clients. */
  readonly received: () => readonly OperationDurations[];
  /** Messages sent to servers for them. */
  readonly sent: () => readonly OperationDurations[];
}

export function readMetrics({ page, received, sent }: MetricSources): MetricPoints[] {
  return [
    ...page.families.map(pointsOf),
    durationsOf(SERVER_DURATION, "From receiving a request or notification until its result is sent.", received()),
    durationsOf(CLIENT_DURATION, "From sending a request or notification until its result has come.", sent()),
  ];
}

function durationsOf(name: string, help: string, operations: readonly OperationDurations[]): MetricPoints {
  const points = operations.flatMap(({ method, errorType, durations }) => {
    if (method === undefined) return [];
    const attributes: Attribute[] = [[ATTRIBUTES.method, method]];
    if (errorType !== undefined) attributes.push([ATTRIBUTES.errorType, errorType]);
    return [{ attributes, value: coarsened(durations, CONVENTION_BOUNDS) }];
  });
  return { name, help, unit: "s", kind: "histogram", points };
}

/** The same under fewer bounds, all of them among its own. */
function coarsened({ bounds, counts, sum }: HistogramState, fewer: readonly number[]): HistogramState {
  const merged = new Array<number>(fewer.length + 1).fill(0);
  for (const [bucket, count] of counts.entries()) {
    const bound = bounds[bucket];
    const into = bound === undefined ? fewer.length : fewer.findIndex((each) => bound <= each);
    merged[into < 0 ? fewer.length : into]! += count;
  }
  return { bounds: fewer, counts: merged, sum };
}
