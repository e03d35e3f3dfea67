// Settings → several MCP servers behind one session, what operators see of them, and their metrics.
// Loaded only where several are configured.
import type { UpstreamView } from "../../admin/state_view.ts";
import type { Settings } from "../../config/schema.ts";
import { shownUrl } from "../../config/values/upstream_address.ts";
import { samples } from "../../observe/labelled_counts.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import { SeveralUpstream } from "../../upstream/several.ts";
import type { OpenedUpstream, OpenUpstreamOptions } from "./opened_upstream.ts";
import { openMembers } from "./several_members.ts";

/** @throws ConfigError if a program, its folder or the permission to start it is not there */
export async function openSeveralUpstream(settings: Settings, options: OpenUpstreamOptions): Promise<OpenedUpstream> {
  const upstream = new SeveralUpstream({
    members: await openMembers(settings, options),
    separator: settings.nameSeparator,
    maxIdLength: settings.maxIdLength,
    ring: options.ring,
    log: options.log,
    account: options.account,
    here: options.here,
    onLostCall: options.onLostCall,
    limits: options.bridgeLimits,
  });
  return {
    upstream,
    declare: (page) => declareMembers(page, upstream),
    checks: () => upstream.checks(),
    view: () => viewOf(upstream, settings),
    close: () => upstream.close(),
  };
}

function viewOf(upstream: SeveralUpstream, { upstreams }: Settings): UpstreamView {
  const states = upstream.checks();
  const servers = upstream.members.map(({ name, prefixName, url, required, counts }) => {
    const address = upstreams.find((address) => address.name === name && address.url === url);
    const state = (states[`member ${prefixName}`] ?? "").replace(/ \(required\)$/, "").replace(/^connects$/, "ok");
    const shown = address === undefined ? "" : address.command[0] ?? shownUrl(address);
    return { name: prefixName, address: shown, required, state, counts: { ...counts } };
  });
  return { kind: "several", servers };
}

const MEMBER_STATES = ["up", "unreachable", "refusing"] as const;

function declareMembers(page: MetricsPage, upstream: SeveralUpstream): void {
  const { members } = upstream;
  page.labelled(
    "counter",
    {
      name: "signet_member_events_total",
      help: "Calls to each of several servers; those lost; sessions opened without it; entries left out of its lists.",
      labels: ["member", "event"],
    },
    () =>
      members.flatMap(({ prefixName, counts }) =>
        Object.entries(counts).map(([event, count]): [string[], number] => [[prefixName, event], count])
      ),
  );
  page.labelled(
    "gauge",
    {
      name: "signet_member_up",
      help: "0 where the last attempt to reach the server failed, or it refused a session for good; else 1.",
      labels: ["member"],
    },
    () =>
      members.map((
        { prefixName, breaker, refusal },
      ): [string[], number] => [[prefixName], (breaker.reason ?? refusal.reason) === undefined ? 1 : 0]),
  );
  page.labelled(
    "gauge",
    {
      name: "signet_member_state",
      help:
        "1 for the state each of several servers is in: up, unreachable (it is left alone for a while) or refusing " +
        "sessions for good.",
      labels: ["member", "state"],
    },
    () =>
      members.flatMap(({ prefixName, breaker, refusal }) => {
        const state = breaker.reason !== undefined ? "unreachable" : refusal.reason !== undefined ? "refusing" : "up";
        return MEMBER_STATES.map((each): [string[], number] => [[prefixName, each], each === state ? 1 : 0]);
      }),
  );
  page.labelled(
    "gauge",
    { name: "signet_several_entries", help: "What is held for sessions of several servers.", labels: ["what"] },
    () => {
      const { sessions, calls, questions, subscriptions, events } = upstream.sizes();
      return samples({ sessions, calls, questions, subscriptions, events });
    },
  );
  page.gauge("signet_several_event_bytes", "Bytes of events kept for resumption.", () => upstream.sizes().eventBytes);
}
