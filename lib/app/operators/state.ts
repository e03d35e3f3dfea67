// What a running Signet tells of itself at a glance: read from what counts already, nothing is counted for it.
import type { Readiness } from "../../admin/admin.ts";
import type { ReplicasView, StateView, UseView } from "../../admin/state_view.ts";
import type { Http1Server } from "../../http1/server/server.ts";
import { residentBytes } from "../../platform/process/this_process.ts";
import type { Lasting } from "../lasting.ts";

export interface StateSources {
  readonly lasting: Lasting;
  readonly server: Http1Server;
  readonly ready: () => Promise<Readiness>;
  readonly version: string;
  readonly startedAtMs: number;
  readonly maxConnections: number;
  readonly maxBufferedBytes: number;
  readonly droppedLines: () => number;
  readonly logLevel: () => string | undefined;
}

export async function readState(sources: StateSources): Promise<StateView> {
  const { lasting, ready, version, startedAtMs, droppedLines, logLevel } = sources;
  const { metrics, registry, lifecycle, now, opened, log } = lasting;
  const readiness = await ready();
  const level = logLevel();
  return {
    version,
    nowMs: now(),
    startedAtMs,
    ready: readiness.ready,
    draining: lifecycle.leaving || lifecycle.draining,
    checks: readiness.checks,
    requests: { fast: metrics.fastLane.value, full: metrics.fullLane.value, stateless: metrics.modern.value },
    refusals: metrics.refusals.counted(),
    latency: { boundsS: metrics.upstreamLatency.bounds, counts: metrics.upstreamLatency.counts },
    sessions: {
      opened: metrics.initialized.value,
      deleted: metrics.deleted.value,
      ended: registry.ends.counted(),
      resurrected: metrics.resurrections.counted(),
    },
    use: usesOf(sources),
    residentBytes: residentBytes(),
    log: { ...(level === undefined ? {} : { level }), suppressed: log.suppressed, dropped: droppedLines() },
    upstream: opened.view(),
    ...(lasting.replicas.self === undefined ? {} : { replicas: replicasOf(lasting) }),
  };
}

function replicasOf({ replicas }: Lasting): ReplicasView {
  return {
    self: replicas.self ?? "",
    peers: replicas.facts(),
    hops: replicas.hops.counted(),
    received: replicas.received,
  };
}

function usesOf({ lasting, server, maxConnections, maxBufferedBytes }: StateSources): Record<string, UseView> {
  const { limits, registry, account, opened, keepAlive } = lasting;
  const { caps } = limits;
  const { streams, requests } = limits.counts();
  const processes = opened.view().processes;
  return {
    sessions: { used: registry.size, most: caps.maxSessions },
    calls: { used: requests, most: caps.maxRequests },
    streams: { used: streams, most: caps.maxStreams },
    events: { used: keepAlive.size },
    connections: { used: server.stats.connectionsOpen, most: maxConnections },
    memory: { used: account.held, most: maxBufferedBytes },
    ...(processes === undefined ? {} : { processes }),
  };
}
