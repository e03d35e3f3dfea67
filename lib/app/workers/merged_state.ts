// What several workers tell of themselves at a glance, as one.
import type { Readiness } from "../../admin/admin.ts";
import type { PeerView, ReplicasView, ServerView, StateView, UpstreamView, UseView } from "../../admin/state_view.ts";
import type { Handshake } from "../../gateway/metrics.ts";

/** Ready is whoever has one that is: the port leads to none that has ended. */
export function mergeReadiness(found: readonly Readiness[], all: number): Readiness {
  const checks: Record<string, string> = {};
  for (const name of new Set(found.flatMap(({ checks }) => Object.keys(checks)))) {
    checks[name] = merged(found.flatMap(({ checks }) => checks[name] ?? []));
  }
  const workers = found.length === all ? `${all} serve` : `${found.length} of ${all} serve`;
  return { ready: found.length > 0 && found.every(({ ready }) => ready), checks: { ...checks, workers } };
}

/** What all say, or each thing that some do. Who has tried nothing yet says nothing of what others have. */
function merged(said: readonly string[]): string {
  const tried = said.filter((text) => text !== NOTHING_TRIED);
  return [...new Set(tried.length === 0 ? said : tried)].join("; ");
}

const NOTHING_TRIED: Handshake = "not tried yet";

type Counts = Readonly<Record<string, number>>;

function sum(counts: readonly Counts[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const each of counts) for (const name in each) total[name] = (total[name] ?? 0) + each[name]!;
  return total;
}

function sumUse(uses: readonly UseView[]): UseView {
  const used = uses.reduce((total, { used }) => total + used, 0);
  const most = uses.reduce<number | undefined>(
    (total, { most }) => most === undefined ? total : (total ?? 0) + most,
    undefined,
  );
  return most === undefined ? { used } : { used, most };
}

/** @param views at least one */
export function mergeState(views: readonly StateView[], readiness: Readiness): StateView {
  const [{ replicas: _, ...first }] = views as readonly [StateView];
  const replicas = views.flatMap(({ replicas }) => replicas ?? []);
  const total = (of: (view: StateView) => number) => views.reduce((all, view) => all + of(view), 0);
  const uses = new Set(views.flatMap(({ use }) => Object.keys(use)));
  return {
    ...first,
    workers: views.length,
    ready: readiness.ready,
    checks: readiness.checks,
    startedAtMs: Math.min(...views.map(({ startedAtMs }) => startedAtMs)),
    draining: views.some(({ draining }) => draining),
    requests: sum(views.map(({ requests }) => requests)) as StateView["requests"],
    refusals: sum(views.map(({ refusals }) => refusals)),
    latency: {
      boundsS: first.latency.boundsS,
      counts: first.latency.counts.map((_, at) => total(({ latency }) => latency.counts[at] ?? 0)),
    },
    sessions: {
      opened: total(({ sessions }) => sessions.opened),
      deleted: total(({ sessions }) => sessions.deleted),
      ended: sum(views.map(({ sessions }) => sessions.ended)),
      resurrected: sum(views.map(({ sessions }) => sessions.resurrected)),
    },
    use: Object.fromEntries([...uses].map((name) => [name, sumUse(views.flatMap(({ use }) => use[name] ?? []))])),
    residentBytes: total(({ residentBytes }) => residentBytes),
    log: { ...first.log, suppressed: total(({ log }) => log.suppressed), dropped: total(({ log }) => log.dropped) },
    upstream: mergeUpstream(views.map(({ upstream }) => upstream)),
    ...(replicas.length === 0 ? {} : { replicas: mergeReplicas(replicas) }),
  };
}

/** Each worker as the others know it: all are there, where one alone tells of the others. */
function mergeReplicas(replicas: readonly ReplicasView[]): ReplicasView {
  const peers = new Map<string | undefined, PeerView>();
  for (const peer of replicas.flatMap(({ peers }) => peers)) {
    const before = peers.get(peer.address);
    peers.set(peer.address, before === undefined ? peer : mergePeer(before, peer));
  }
  return {
    peers: [...peers.values()].sort((one, other) => (one.address ?? "") < (other.address ?? "") ? -1 : 1),
    hops: sum(replicas.map(({ hops }) => hops)),
    received: replicas.reduce((all, { received }) => all + received, 0),
  };
}

/** What was found last counts; whoever has not heard of it says nothing. */
function mergePeer(one: PeerView, other: PeerView): PeerView {
  const isNewer = one.state === "unknown" || (other.state !== "unknown" && other.sinceMs > one.sinceMs);
  return {
    ...(isNewer ? other : one),
    passed: one.passed + other.passed,
    received: one.received + other.received,
  };
}

function mergeUpstream(upstreams: readonly UpstreamView[]): UpstreamView {
  const [first] = upstreams as readonly [UpstreamView];
  const processes = upstreams.flatMap(({ processes }) => processes ?? []);
  return {
    kind: first.kind,
    servers: first.servers.map((server, at) =>
      mergeServer(upstreams.flatMap(({ servers }) => servers[at] ?? []), server)
    ),
    ...(processes.length === 0 ? {} : { processes: sumUse(processes) }),
  };
}

function mergeServer(servers: readonly ServerView[], first: ServerView): ServerView {
  const counts = servers.flatMap(({ counts }) => counts === undefined ? [] : [counts]);
  return {
    ...first,
    state: merged(servers.map(({ state }) => state)),
    ...(counts.length === 0 ? {} : { counts: sum(counts) }),
  };
}
