// Callers without a credential of their own, and what rules and rates refuse to callers.
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import type { PageSources } from "./page_sources.ts";

export function declareCallers(page: MetricsPage, { lasting: { identities, adoption } }: PageSources): void {
  page.labelled(
    "counter",
    { name: "signet_session_only_total", help: "What became of cached identities.", labels: ["event"] },
    () => {
      const { hits, misses, written, refusedWrites, expired, evictedForRoom, evictedByCause } = identities.stats();
      return samples({ hits, misses, written, refusedWrites, expired, evictedForRoom, evictedByCause });
    },
  );
  page.labelled(
    "counter",
    { name: "signet_adoptions_total", help: "What became of claims on raw ids.", labels: ["event"] },
    () => {
      const { claimed, released, refused, evicted, forgotten } = adoption.stats();
      return samples({ claimed, released, refused, evicted, forgotten });
    },
  );
}

export function declareLaw(page: MetricsPage, { lasting: { law } }: PageSources): void {
  page.labelled(
    "counter",
    { name: "signet_rule_refusals_total", help: "Messages that rules did not allow, by outcome.", labels: ["outcome"] },
    () => law.refused.samples(),
  );
  page.counter("signet_rule_hidden_total", "Entries that rules left out of lists.", law.hidden);
  page.counter(
    "signet_rule_failures_total",
    "Conditions of rules that could not be told, and so allowed nothing.",
    law.failures,
  );
  page.labelled(
    "counter",
    { name: "signet_rate_refusals_total", help: "Requests beyond a rate, by who shares it.", labels: ["per"] },
    () => law.limited.samples(),
  );
  page.gauge("signet_rate_buckets", "Callers and tools whose rate is being counted.", () => law.counts.local.size);
  page.counter(
    "signet_rates_unshared_total",
    "Times that a rate was counted in this process alone because the store could not be asked.",
    () => law.counts.unshared,
  );
  page.gauge("signet_tool_lists", "Sessions of whose tools the annotations are known.", () => law.hints.size);
}
