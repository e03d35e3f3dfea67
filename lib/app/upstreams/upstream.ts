// The MCP server that the settings name, ready to be sent to, with what only its kind has: metrics, and an end of its own.
// What one kind needs is loaded for that kind alone.
import type { UpstreamView } from "../../admin/state_view.ts";
import type { Settings } from "../../config/schema.ts";
import { shownUrl, wireOf } from "../../config/values/upstream_address.ts";
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import { BothErasUpstream } from "../../upstream/both_eras.ts";
import { HttpUpstream } from "../../upstream/http.ts";
import { assertMayRun } from "./may_run.ts";
import type { OpenedUpstream, OpenUpstreamOptions } from "./opened_upstream.ts";

/** @throws ConfigError if it can never work: a program that is not there */
export async function openUpstream(settings: Settings, options: OpenUpstreamOptions): Promise<OpenedUpstream> {
  const { upstreams: [only, ...more], command } = settings;
  if (more.length > 0) {
    const { openSeveralUpstream } = await import("./several_upstream.ts");
    return await openSeveralUpstream(settings, options);
  }
  // The only server is what it is, however it is written.
  const words = only?.command ?? [];
  if (words.length > 0) return await openUpstream({ ...settings, upstreams: [], command: words }, options);
  if (command.length === 0) return await openHttpUpstream(settings, options);
  const { openStdioUpstream } = await import("./stdio_upstream.ts");
  return await openStdioUpstream(settings, options);
}

async function createHttpUpstream(
  settings: Settings,
  { account, readOnce }: Pick<OpenUpstreamOptions, "account" | "readOnce">,
): Promise<HttpUpstream> {
  const [address] = settings.upstreams;
  if (address === undefined) throw new Error("starting: found no upstream, want one");
  const caFile = settings.upstreamCaFile;
  return new HttpUpstream({
    name: address.name === "" ? "upstream" : address.name,
    url: wireOf(address).url,
    account,
    // Workers of one machine all reach what it alone reaches.
    sharedLocally: settings.workers !== 1,
    ...(caFile === undefined ? {} : { caCerts: [await readOnce(caFile)] }),
    limits: {
      connectTimeoutMs: settings.connectTimeoutMs,
      connectPatienceMs: settings.connectPatienceMs,
      responseTimeoutMs: settings.responseTimeoutMs,
      maxHeadBytes: settings.maxHeadBytes,
    },
  });
}

async function openHttpUpstream(settings: Settings, options: OpenUpstreamOptions): Promise<OpenedUpstream> {
  const http = await createHttpUpstream(settings, options);
  const view = () => viewOf(http, settings);
  const reached = await withOwnCredential(http, settings, options);
  const checks = () => ({});
  const declare = (page: MetricsPage) => declarePool(page, http);
  if (wireOf(settings.upstreams[0]!).isSse) {
    return { ...await overSse(reached, options), declare, checks, view };
  }
  const { log, account, pools, here, onLostCall, bridgeLimits: limits } = options;
  const both = new BothErasUpstream({
    inner: reached.upstream,
    era: settings.era,
    openBridge: async (onEnded) => {
      const { eraBridge } = await import("../../upstream/era_bridge.ts");
      const inner = reached.upstream;
      return eraBridge({ inner, log, account, limits, pools, here: here(inner), onLostCall, onEnded });
    },
  });
  return {
    upstream: both,
    declare: (page) => {
      declare(page);
      declareEras(page, both);
    },
    checks,
    view,
    close: async () => {
      await both.close();
      await reached.close();
    },
  };
}

type Reached = Pick<OpenedUpstream, "upstream" | "close">;

async function withOwnCredential(
  http: HttpUpstream,
  settings: Settings,
  options: OpenUpstreamOptions,
): Promise<Reached> {
  if (settings.credential === undefined) return { upstream: http, close: () => Promise.resolve(http.close()) };
  if (settings.credential === "command") await assertMayRun("credentialCommand");
  const { withCredential } = await import("./credentials.ts");
  return withCredential(http, { ...options, settings });
}

/** Before a server of HTTP+SSE, which has sessions of another kind. */
async function overSse(
  reached: Reached,
  { log, account, here, onLostCall, bridgeLimits }: OpenUpstreamOptions,
): Promise<Reached> {
  const { SseUpstream } = await import("../../upstream/sse.ts");
  const { carrierRule } = await import("../../upstream/several/members/carry.ts");
  const upstream = new SseUpstream({
    inner: reached.upstream,
    fieldsOf: carrierRule({ client: true, names: [] }),
    log,
    account,
    here,
    onLostCall,
    limits: bridgeLimits,
  });
  const close = async () => {
    await upstream.close();
    await reached.close();
  };
  return { upstream, close };
}

function viewOf(
  { name, pool: { stats: { idle, open, connecting, waiting } } }: HttpUpstream,
  settings: Settings,
): UpstreamView {
  const [address] = settings.upstreams;
  const counts = { idle, busy: open - idle, connecting, waiting };
  return {
    kind: "http",
    servers: [{ name, address: address === undefined ? "" : shownUrl(address), state: "", counts }],
  };
}

function declareEras(page: MetricsPage, both: BothErasUpstream): void {
  page.labelled(
    "gauge",
    {
      name: "signet_upstream_era",
      help:
        "1 for what the server speaks, as it said to who came last, or as --era says: unknown, sessions, stateless, both.",
      labels: ["era"],
    },
    () => (["unknown", "sessions", "stateless", "both"] as const).map((era) => [[era], both.found === era ? 1 : 0]),
  );
  page.labelled(
    "gauge",
    {
      name: "signet_bridged_entries",
      help: "What is held between clients and a server that have no era in common.",
      labels: ["what"],
    },
    () => {
      const { sessions = 0, shared = 0, calls = 0, questions = 0, subscriptions = 0, events = 0 } = both.sizes() ?? {};
      return samples({ sessions, shared, calls, questions, subscriptions, events });
    },
  );
}

function declarePool(page: MetricsPage, { name, pool: { stats }, pings }: HttpUpstream): void {
  page.counter(
    "signet_session_pings_total",
    "Pings sent to learn whether a session is lost upstream.",
    () => pings.sent,
  );
  page.gauge("signet_sessions_pinged", "Sessions remembered for the bound on pings.", () => pings.size);
  page.labelled(
    "gauge",
    { name: "signet_pool_connections", help: "Connections to the upstream, by state.", labels: ["upstream", "state"] },
    () => [
      [[name, "idle"], stats.idle],
      [[name, "busy"], stats.open - stats.idle],
      [[name, "connecting"], stats.connecting],
      [[name, "waiting"], stats.waiting],
    ],
  );
}
