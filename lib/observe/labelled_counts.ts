// Counts by name, as samples of a metric with one label.
import type { Sample } from "./metrics.ts";

/** A sample a name. */
export function samples(counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([label, count]) => [[label], count]);
}
