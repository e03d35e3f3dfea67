// Other replicas, and the store that replicas share.
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import type { PageSources } from "./page_sources.ts";

export function declareReplicas(page: MetricsPage, { lasting: { replicas, metrics, moves } }: PageSources): void {
  page.labelled(
    "gauge",
    { name: "signet_peers", help: "Other replicas that were passed requests, by state.", labels: ["state"] },
    () => samples(replicas.counts()),
  );
  page.labelled(
    "gauge",
    { name: "signet_peer_up", help: "Whether another replica lives; few of many are told.", labels: ["peer"] },
    () => replicas.facts().map(({ address, state }) => [[address], state === "up" ? 1 : 0]),
  );
  page.labelled(
    "counter",
    {
      name: "signet_peer_hops_total",
      help: "Requests passed on to another replica, and taken from it, since it is known.",
      labels: ["peer", "direction"],
    },
    () =>
      replicas.facts().flatMap(({ address, passed, received }) => [
        [[address, "to"], passed],
        [[address, "from"], received],
      ]),
  );
  page.labelled(
    "counter",
    {
      name: "signet_hops_total",
      help: "Requests of sessions that another replica holds, by what came of passing them on.",
      labels: ["outcome"],
    },
    () => replicas.hops.samples(),
  );
  page.counter(
    "signet_hops_received_total",
    "Requests that other replicas passed on to this one.",
    () => replicas.received,
  );
  page.labelled(
    "counter",
    {
      name: "signet_replays_total",
      help:
        "Requests of lost sessions that were sent once more, or were not because they may have been run; calls lost " +
        "while they waited for their clients that were run again (rerun), or were not.",
      labels: ["outcome"],
    },
    () => metrics.replays.samples(),
  );
  page.counter(
    "signet_store_unshared_total",
    "Sessions opened again without telling the other replicas, because the shared store did not answer.",
    () => moves?.unshared ?? 0,
  );
}

export function declareStore(page: MetricsPage, { lasting: { store: { shared }, places, pools } }: PageSources): void {
  const state = () => shared?.state();
  page.gauge(
    "signet_store_up",
    "1 while the store that replicas share answers, or there is none.",
    () => state()?.up === false ? 0 : 1,
  );
  page.counter(
    "signet_store_failures_total",
    "Questions that the shared store did not answer.",
    () => state()?.failures ?? 0,
  );
  page.counter(
    "signet_store_refusals_total",
    "Questions that the shared store answered with a refusal: it is there, and does not do what it is asked.",
    () => state()?.refusals ?? 0,
  );
  page.labelled(
    "counter",
    {
      name: "signet_store_losses_total",
      help: "Times that the shared store was found without revocations that it had: a key of them evicted, or all of " +
        "them or the latest lost.",
      labels: ["how"],
    },
    () => samples(state()?.losses ?? { evicted: 0, lost: 0 }),
  );
  page.counter(
    "signet_store_unlimited_total",
    "New sessions let in under this replica's own caps only, because the shared store did not answer.",
    () => places?.unshared ?? 0,
  );
  page.counter(
    "signet_store_limit_refusals_total",
    "New sessions refused at a caller's cap over all replicas.",
    () => places?.refused ?? 0,
  );
  page.counter(
    "signet_pooled_sessions_taken_total",
    "Sessions of stateless clients at a server gone on with that another process had opened.",
    () => pools?.taken ?? 0,
  );
  page.counter(
    "signet_pooled_sessions_unshared_total",
    "Times that no other process could be told of such a session, because the state file or the store did not answer, or " +
      "its server did not take the end of the handshake.",
    () => pools?.unshared ?? 0,
  );
}
