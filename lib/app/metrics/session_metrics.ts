// Sessions as operators see them: how many there are, and were, and what became of them; what bounds them.
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import type { PageSources } from "./page_sources.ts";

export function declareSessions(
  page: MetricsPage,
  { lasting: { registry, limits, metrics, store } }: PageSources,
): void {
  page.gauge("signet_sessions", "Sessions known to this process.", () => registry.size);
  page.counter("signet_sessions_opened_total", "Sessions opened by initialize.", metrics.initialized);
  page.counter("signet_sessions_deleted_total", "Sessions ended by their owner's DELETE.", metrics.deleted);
  page.labelled(
    "counter",
    { name: "signet_sessions_ended_total", help: "Sessions that left memory, by reason.", labels: ["reason"] },
    () => registry.ends.samples(),
  );
  page.labelled(
    "counter",
    { name: "signet_opens_total", help: "Ids not known here that were opened, by outcome.", labels: ["outcome"] },
    () => registry.opens.samples(),
  );
  page.labelled(
    "counter",
    {
      name: "signet_resurrections_total",
      help: "Upstream sessions lost and made anew, by outcome.",
      labels: ["outcome"],
    },
    () => metrics.resurrections.samples(),
  );
  page.labelled(
    "gauge",
    { name: "signet_in_use", help: "What is reserved of each limit.", labels: ["limit"] },
    () => samples(limits.counts()),
  );
  page.labelled(
    "counter",
    { name: "signet_limit_refusals_total", help: "Refusals because a limit was reached.", labels: ["limit"] },
    () => samples(limits.refusals()),
  );
  page.counter(
    "signet_tombstones_lost_total",
    "Deleted sessions forgotten early because the list was full.",
    () => store.stats().revocationsForgotten,
  );
}

/** What `signet_in_use` and the gauges of the same names are to be compared with. */
export function declareLimits(page: MetricsPage, { lasting: { limits, account }, maxConnections }: PageSources): void {
  page.labelled(
    "gauge",
    { name: "signet_limit", help: "The most there may be at once, by limit.", labels: ["limit"] },
    () =>
      samples({
        sessions: limits.caps.maxSessions,
        streams: limits.caps.maxStreams,
        requests: limits.caps.maxRequests,
        connections: maxConnections,
        buffered_bytes: account.limit,
      }),
  );
}
