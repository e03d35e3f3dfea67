// Everything an operator can scrape, with its name and its help. Names follow Prometheus' naming practice.
import type { GatewayParts } from "../gateway/parts.ts";
import type { Http1Server } from "../http1/server/server.ts";
import { MetricsPage, type Sample } from "../observe/metrics.ts";
import { cpuSeconds, residentBytes } from "../platform/runtime.ts";
import type { BuildInfo } from "./build_info.ts";
import type { Lasting } from "./lasting.ts";
import type { Reloads } from "./reloads.ts";

export interface PageSources {
  readonly lasting: Lasting;
  readonly server: Http1Server;
  /** The parts in force: they change on reload. */
  readonly parts: () => GatewayParts;
  readonly startedAtMs: number;
  readonly droppedLines: () => number;
  readonly build: BuildInfo;
  readonly reloads: Reloads;
  /** Client connections that may be open at once. */
  readonly maxConnections: number;
}

function samples(counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([label, count]) => [[label], count]);
}

function declareSessions(page: MetricsPage, { lasting: { registry, limits, metrics, store } }: PageSources): void {
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

function declareReplicas(page: MetricsPage, { lasting: { replicas, metrics, moves } }: PageSources): void {
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

function declareProbes(page: MetricsPage, { lasting: { discoveries } }: PageSources): void {
  page.counter(
    "signet_discoveries_remembered_total",
    "Probes of stateless clients answered with what the MCP server had said before, because it could not be asked.",
    () => discoveries.told,
  );
}

function declareStore(page: MetricsPage, { lasting: { store: { shared }, places, pools } }: PageSources): void {
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

function declareCallers(page: MetricsPage, { lasting: { identities, adoption } }: PageSources): void {
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

function declareLaw(page: MetricsPage, { lasting: { law } }: PageSources): void {
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

function declareRequests(
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

function declareEngine(page: MetricsPage, { server, lasting: { opened } }: PageSources): void {
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

/** What `signet_in_use` and the gauges of the same names are to be compared with. */
function declareLimits(page: MetricsPage, { lasting: { limits, account }, maxConnections }: PageSources): void {
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

function declareBuild(page: MetricsPage, { build, reloads }: PageSources): void {
  const { version, commit, runtime, target } = build;
  page.labelled(
    "gauge",
    {
      name: "signet_build_info",
      help: "1; what runs here, in its labels.",
      labels: ["version", "commit", "runtime", "target"],
    },
    () => [[[version, commit, runtime, target], 1]],
  );
  page.labelled(
    "counter",
    { name: "signet_reloads_total", help: "Reloads of keys and configuration, by outcome.", labels: ["outcome"] },
    () => samples({ ok: reloads.ok, failed: reloads.failed }),
  );
  page.gauge(
    "signet_last_reload_successful",
    "1 unless the last reload failed and the settings before it are still in force.",
    () => reloads.lastFailed ? 0 : 1,
  );
  page.gauge(
    "signet_last_reload_success_timestamp_seconds",
    "When the settings in force were read, since the epoch.",
    () => reloads.lastOkMs / 1000,
  );
}

function declareProcess(page: MetricsPage, { lasting, parts, startedAtMs, droppedLines }: PageSources): void {
  page.labelled(
    "gauge",
    { name: "signet_map_entries", help: "Entries of every map in memory.", labels: ["map"] },
    () => {
      const { principals, ...proofs } = parts().authenticator.sizes();
      const { owners, pending } = lasting.adoption.stats();
      return samples({
        ...lasting.registry.sizes(),
        ...lasting.replicas.sizes(),
        ...proofs,
        principals_remembered: principals, // the registry counts principals too
        identities: lasting.identities.stats().entries,
        adopted: owners,
        adopting: pending,
        tokens_remembered: lasting.tokens?.remembered ?? 0,
        reopenings: lasting.reopenings.size,
        discoveries: lasting.discoveries.size,
        pooled_sessions: lasting.pools?.size ?? 0,
        feeds: lasting.feeds.size,
      });
    },
  );
  page.gauge("signet_keys", "Keys in the ring.", () => lasting.registry.ring.keys.length);
  page.gauge(
    "signet_draining",
    "1 while shutting down.",
    () => lasting.lifecycle.leaving || lasting.lifecycle.draining ? 1 : 0,
  );
  page.gauge("process_start_time_seconds", "Start time since the epoch.", () => startedAtMs / 1000);
  page.counter(
    "signet_log_lines_suppressed_total",
    "Lines left out of the log because there were too many of their kind in a second.",
    () => lasting.log.suppressed,
  );
  page.counter(
    "signet_log_lines_dropped_total",
    "Lines of the log lost because nobody read them in time, or at all.",
    droppedLines,
  );
  page.gauge("process_resident_memory_bytes", "Resident memory.", residentBytes);
  page.counter("process_cpu_seconds_total", "CPU time of this process, user and system.", cpuSeconds);
}

/** Zero where there is no audit log. */
function declareAudit(page: MetricsPage, { lasting: { audit, observers } }: PageSources): void {
  page.counter("signet_audit_lines_total", "Lines written to the audit log.", () => audit?.stats.lines ?? 0);
  page.counter(
    "signet_audit_dropped_total",
    "Lines that the audit log had no room for: it says itself how many, and since when.",
    () => audit?.stats.dropped ?? 0,
  );
  page.counter(
    "signet_audit_refusals_total",
    "Requests refused because they could not be recorded (--audit-when-full wait).",
    () => audit?.refused ?? 0,
  );
  page.gauge(
    "signet_audit_waiting_bytes",
    "What waits to be written to the audit log.",
    () => audit?.stats.waiting ?? 0,
  );
  page.gauge("signet_audit_failing", "1 while the audit log cannot be written.", () => audit?.stats.failing ?? 0);
  page.counter(
    "signet_observer_faults_total",
    "Faults of what is told of requests: audit, access log, traces, live views.",
    () => observers.faults,
  );
}

export function createMetricsPage(sources: PageSources): MetricsPage {
  const page = new MetricsPage();
  declareBuild(page, sources);
  declareSessions(page, sources);
  declareLimits(page, sources);
  declareReplicas(page, sources);
  declareStore(page, sources);
  declareProbes(page, sources);
  declareCallers(page, sources);
  declareRequests(page, sources);
  declareLaw(page, sources);
  declareEngine(page, sources);
  declareAudit(page, sources);
  declareProcess(page, sources);
  return page;
}
