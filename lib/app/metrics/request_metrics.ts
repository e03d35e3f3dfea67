// Requests and their answers, and the connections that they come by.
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import type { PageSources } from "./page_sources.ts";

export function declareRequests(
  page: MetricsPage,
  { lasting: { metrics, account, keepAlive, underWay } }: PageSources,
): void {
  page.labelled("counter", { name: "signet_requests_total", help: "Requests by lane.", labels: ["lane"] }, () => [
    [["fast"], metrics.fastLane.value],
    [["full"], metrics.fullLane.value],
  ]);
  page.labelled(
    "counter",
    {
      name: "signet_responses_total",
      help: "Requests answered, by JSON-RPC method (or GET, DELETE) and HTTP status; cut: nobody was left to answer.",
      labels: ["method", "status"],
    },
    () => metrics.exchanges.samples(),
  );
  page.histograms(
    {
      name: "signet_request_duration_seconds",
      help: "From a request's head to the end of its answer, by JSON-RPC method.",
      labels: ["method"],
    },
    () => metrics.exchanges.durations(),
  );
  page.counter("signet_stateless_requests_total", "Requests of revision 2026-07-28 passed through.", metrics.modern);
  page.labelled(
    "counter",
    {
      name: "signet_carried_total",
      help: "Request states, task ids and cursors that stateless clients brought back, by outcome.",
      labels: ["kind", "outcome"],
    },
    () => metrics.carried.samples(),
  );
  page.labelled(
    "counter",
    {
      name: "signet_refusals_total",
      help: "Requests Signet itself refused or failed, by status and code.",
      labels: ["status", "code"],
    },
    () => metrics.refusalSamples(),
  );
  page.counter("signet_client_aborts_total", "Clients that left before their answer ended.", metrics.clientAborts);
  page.counter(
    "signet_withdrawn_total",
    "Requests and streams cut because their caller would have been refused by then.",
    metrics.withdrawn,
  );
  page.gauge("signet_event_streams", "Event streams passing through.", () => keepAlive.size);
  page.gauge("signet_listening_streams", "Open listening streams (GET).", () => underWay.streams);
  page.gauge(
    "signet_buffered_body_bytes",
    "Bytes held in memory for clients and servers: heads, bodies, what waits for the slow.",
    () => account.held,
  );
  page.histogram(
    "signet_upstream_latency_seconds",
    "From sending a request to its answer's head.",
    metrics.upstreamLatency,
  );
}

export function declareProbes(page: MetricsPage, { lasting: { discoveries } }: PageSources): void {
  page.counter(
    "signet_discoveries_remembered_total",
    "Probes of stateless clients answered with what the MCP server had said before, because it could not be asked.",
    () => discoveries.told,
  );
}

export function declareEngine(page: MetricsPage, { server, lasting: { opened } }: PageSources): void {
  page.gauge("signet_connections", "Open client connections.", () => server.stats.connectionsOpen);
  page.counter(
    "signet_connections_accepted_total",
    "Client connections accepted.",
    () => server.stats.connectionsAccepted,
  );
  page.counter(
    "signet_connections_refused_total",
    "Client connections refused at the limit.",
    () => server.stats.connectionsRefused,
  );
  page.counter(
    "signet_connections_evicted_total",
    "Client connections closed to make room for others.",
    () => server.stats.connectionsEvicted,
  );
  page.labelled(
    "counter",
    { name: "signet_http_errors_total", help: "Messages the HTTP engine refused or lost, by code.", labels: ["code"] },
    () => samples(server.stats.errors),
  );
  opened.declare(page);
}
