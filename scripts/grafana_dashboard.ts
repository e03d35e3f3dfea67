// deploy/grafana/signet.json, made from the list of panels below: a dashboard in Grafana's classic model (what files that
// are provisioned or imported hold, Grafana 11 to 13). `tests/package/monitoring_test.ts` reads every query.
//   deno run -A scripts/grafana_dashboard.ts --write
export const DASHBOARD_FILE = "deploy/grafana/signet.json";

/** What a query is restricted to: the variables at the top of the dashboard. */
const OF = `job=~"$job",instance=~"$instance"`;

interface Query {
  readonly expr: string;
  /** What a line is called: `{{label}}`. */
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** Shown behind the panel's (i). */
  readonly about: string;
  /** As Grafana calls it. */
  readonly unit: "reqps" | "s" | "bytes" | "short" | "percentunit" | "ops";
  readonly queries: readonly Query[];
  readonly type?: "timeseries" | "stat" | "table";
  readonly stacked?: boolean;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const rateBy = (metric: string, by: string, also = "") =>
  `sum by (${by}) (rate(${metric}{${OF}${also === "" ? "" : `,${also}`}}[$__rate_interval]))`;
const sumBy = (metric: string, by: string) => `sum by (${by}) (${metric}{${OF}})`;
const sum = (metric: string) => `sum(${metric}{${OF}})`;
const quantile = (q: number, metric: string, by = "") =>
  `histogram_quantile(${q}, sum by (${
    by === "" ? "le" : `le, ${by}`
  }) (rate(${metric}_bucket{${OF}}[$__rate_interval])))`;
const quantiles = (metric: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, metric), legend: `p${q * 100}` }));

export const ROWS: readonly Row[] = [
  {
    title: "At a glance",
    panels: [
      {
        title: "Replicas",
        about: "How many Signets answer Prometheus, and the versions they run.",
        unit: "short",
        type: "stat",
        queries: [{ expr: sumBy("signet_build_info", "version"), legend: "{{version}}" }],
      },
      {
        title: "Requests",
        about: "Answered a second, of any status.",
        unit: "reqps",
        type: "stat",
        queries: [{ expr: `sum(rate(signet_responses_total{${OF}}[$__rate_interval]))`, legend: "requests" }],
      },
      {
        title: "Refused or failed",
        about: "The share of requests that Signet itself refused or failed. Below 1 % on a quiet day.",
        unit: "percentunit",
        type: "stat",
        queries: [{
          expr: `sum(rate(signet_refusals_total{${OF}}[$__rate_interval])) / ` +
            `sum(rate(signet_responses_total{${OF}}[$__rate_interval]))`,
          legend: "refused",
        }],
      },
      {
        title: "Sessions",
        about: "Known to the processes; an id that left memory still opens.",
        unit: "short",
        type: "stat",
        queries: [{ expr: sum("signet_sessions"), legend: "sessions" }],
      },
    ],
  },
  {
    title: "Requests",
    panels: [
      {
        title: "By method",
        about: "JSON-RPC methods; GET and DELETE are the transport's own, `other` is no method of MCP's.",
        unit: "reqps",
        stacked: true,
        queries: [{ expr: rateBy("signet_responses_total", "method"), legend: "{{method}}" }],
      },
      {
        title: "By status",
        about: "HTTP statuses that clients got, from Signet or the server.",
        unit: "reqps",
        stacked: true,
        queries: [{ expr: rateBy("signet_responses_total", "status"), legend: "{{status}}" }],
      },
      {
        title: "Refusals by code",
        about: "What Signet itself refused or failed; `signet explain CODE` says what a code means.",
        unit: "reqps",
        stacked: true,
        queries: [{ expr: `${rateBy("signet_refusals_total", "code")} > 0`, legend: "{{code}}" }],
      },
      {
        title: "By lane",
        about: "Requests of known sessions take the fast lane, the others the full one.",
        unit: "reqps",
        queries: [{ expr: rateBy("signet_requests_total", "lane"), legend: "{{lane}}" }],
      },
      {
        title: "Time to the end of the answer",
        about: "From a request's head to the last byte of its answer, of all methods.",
        unit: "s",
        queries: quantiles("signet_request_duration_seconds"),
      },
      {
        title: "Slowest methods (p95)",
        about: "Streams (GET) last as long as somebody listens.",
        unit: "s",
        queries: [{
          expr: `topk(5, ${quantile(0.95, "signet_request_duration_seconds", "method")})`,
          legend: "{{method}}",
        }],
      },
    ],
  },
  {
    title: "The MCP server",
    panels: [
      {
        title: "Time to the head of its answer",
        about: "What of the time is the server's own.",
        unit: "s",
        queries: quantiles("signet_upstream_latency_seconds"),
      },
      {
        title: "Connections to it",
        about: "Waiting means that all are busy. Of one HTTP server.",
        unit: "short",
        stacked: true,
        queries: [{ expr: sumBy("signet_pool_connections", "state"), legend: "{{state}}" }],
      },
      {
        title: "Sessions brought back",
        about: "The server had lost them (a restart, say); anything but ok is a session that clients lost.",
        unit: "ops",
        queries: [{ expr: rateBy("signet_resurrections_total", "outcome"), legend: "{{outcome}}" }],
      },
      {
        title: "Members that are up",
        about: "Of several servers behind one session.",
        unit: "short",
        queries: [{ expr: `min by (member) (signet_member_up{${OF}})`, legend: "{{member}}" }],
      },
      {
        title: "Processes of stdio servers",
        about: "Living, and the most there may be.",
        unit: "short",
        queries: [
          { expr: sum("signet_stdio_processes"), legend: "living" },
          { expr: sum("signet_stdio_processes_max"), legend: "most" },
        ],
      },
      {
        title: "What became of processes",
        about: "Started, started in a lost one's place, ended unasked.",
        unit: "ops",
        queries: [{ expr: rateBy("signet_stdio_process_events_total", "event"), legend: "{{event}}" }],
      },
    ],
  },
  {
    title: "Sessions and callers",
    panels: [
      {
        title: "Ids opened",
        about: "Ids that were not in memory. tag, shape, length and alphabet are forged ones; key: its key is gone.",
        unit: "ops",
        queries: [{ expr: `${rateBy("signet_opens_total", "outcome")} > 0`, legend: "{{outcome}}" }],
      },
      {
        title: "Sessions that left memory",
        about: "idle and evicted ones come back with their next request.",
        unit: "ops",
        queries: [{ expr: rateBy("signet_sessions_ended_total", "reason"), legend: "{{reason}}" }],
      },
      {
        title: "Used of each limit",
        about: "At 100 % callers are refused.",
        unit: "percentunit",
        queries: [
          {
            expr: `max by (limit) (signet_in_use{${OF}} / on (job, instance, limit) signet_limit{${OF}})`,
            legend: "{{limit}}",
          },
          {
            expr: `max(signet_connections{${OF}} / on (job, instance) signet_limit{${OF},limit="connections"})`,
            legend: "connections",
          },
          {
            expr: `max(signet_buffered_body_bytes{${OF}} / on (job, instance) ` +
              `signet_limit{${OF},limit="buffered_bytes"})`,
            legend: "memory for bodies",
          },
        ],
      },
      {
        title: "Refused at a limit",
        about: "own_… are the limits of one caller.",
        unit: "ops",
        queries: [{ expr: `${rateBy("signet_limit_refusals_total", "limit")} > 0`, legend: "{{limit}}" }],
      },
      {
        title: "Streams",
        about: "Listening (GET), and event streams passing through.",
        unit: "short",
        queries: [
          { expr: sum("signet_listening_streams"), legend: "listening" },
          { expr: sum("signet_event_streams"), legend: "event streams" },
        ],
      },
      {
        title: "Client connections",
        about: "Open, and turned away or closed a second.",
        unit: "short",
        queries: [
          { expr: sum("signet_connections"), legend: "open" },
          { expr: `sum(rate(signet_connections_refused_total{${OF}}[$__rate_interval]))`, legend: "refused/s" },
          { expr: `sum(rate(signet_connections_evicted_total{${OF}}[$__rate_interval]))`, legend: "evicted/s" },
        ],
      },
    ],
  },
  {
    title: "Rules, rates, audit and replicas",
    panels: [
      {
        title: "Refused by a rule",
        about: "Messages that rules did not allow, and conditions that could not be told and allowed nothing.",
        unit: "ops",
        queries: [
          { expr: rateBy("signet_rule_refusals_total", "outcome"), legend: "{{outcome}}" },
          { expr: `sum(rate(signet_rule_failures_total{${OF}}[$__rate_interval]))`, legend: "could not be told" },
        ],
      },
      {
        title: "Refused at a rate",
        about: "By who shares it.",
        unit: "ops",
        queries: [{ expr: rateBy("signet_rate_refusals_total", "per"), legend: "{{per}}" }],
      },
      {
        title: "Audit log",
        about: "Lines written, lost, and requests refused because they could not be recorded.",
        unit: "ops",
        queries: [
          { expr: `sum(rate(signet_audit_lines_total{${OF}}[$__rate_interval]))`, legend: "written" },
          { expr: `sum(rate(signet_audit_dropped_total{${OF}}[$__rate_interval]))`, legend: "lost" },
          { expr: `sum(rate(signet_audit_refusals_total{${OF}}[$__rate_interval]))`, legend: "refused" },
        ],
      },
      {
        title: "Passed on to another replica",
        about:
          "Requests of sessions that another replica holds. dead: the session came here instead; lost: it may have been run.",
        unit: "ops",
        queries: [{ expr: rateBy("signet_hops_total", "outcome"), legend: "{{outcome}}" }],
      },
      {
        title: "The shared store",
        about: "1 while it answers, and the questions that it did not answer.",
        unit: "short",
        queries: [
          { expr: `min(signet_store_up{${OF}})`, legend: "up" },
          { expr: `sum(rate(signet_store_failures_total{${OF}}[$__rate_interval]))`, legend: "failures/s" },
        ],
      },
      {
        title: "Telemetry",
        about: "Spans, log lines and readings of metrics, by whether a collector has them.",
        unit: "ops",
        queries: [
          {
            expr: `sum by (signal, outcome) (rate(signet_telemetry_items_total{${OF}}[$__rate_interval]))`,
            legend: "{{signal}} {{outcome}}",
          },
        ],
      },
    ],
  },
  {
    title: "The process",
    panels: [
      {
        title: "CPU",
        about: "Cores in use.",
        unit: "percentunit",
        queries: [{ expr: rateBy("process_cpu_seconds_total", "instance"), legend: "{{instance}}" }],
      },
      {
        title: "Memory",
        about: "Resident, and what of it is held for clients and servers.",
        unit: "bytes",
        queries: [
          { expr: sumBy("process_resident_memory_bytes", "instance"), legend: "resident {{instance}}" },
          { expr: sumBy("signet_buffered_body_bytes", "instance"), legend: "held for others {{instance}}" },
        ],
      },
      {
        title: "Lines of the log that nobody sees",
        about: "Suppressed: too many of a kind. Dropped: nobody read them in time.",
        unit: "ops",
        queries: [
          { expr: `sum(rate(signet_log_lines_suppressed_total{${OF}}[$__rate_interval]))`, legend: "suppressed" },
          { expr: `sum(rate(signet_log_lines_dropped_total{${OF}}[$__rate_interval]))`, legend: "dropped" },
        ],
      },
      {
        title: "What runs",
        about: "One line a replica.",
        unit: "short",
        type: "table",
        queries: [{ expr: `signet_build_info{${OF}}`, legend: "" }],
      },
    ],
  },
];

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const COLUMNS = 24, HEIGHT = 8, STAT_HEIGHT = 4;

function target({ expr, legend }: Query, index: number, type: Panel["type"]) {
  return {
    datasource: DATASOURCE,
    editorMode: "code",
    expr,
    legendFormat: legend,
    range: type !== "table",
    instant: type === "table",
    ...(type === "table" ? { format: "table" } : {}),
    refId: String.fromCharCode(65 + index),
  };
}

function optionsOf(type: Panel["type"]) {
  if (type === "stat") {
    return {
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      colorMode: "value",
      graphMode: "area",
      textMode: "auto",
    };
  }
  if (type === "table") return { showHeader: true, cellHeight: "sm" };
  return {
    legend: { displayMode: "list", placement: "bottom", showLegend: true },
    tooltip: { mode: "multi", sort: "desc" },
  };
}

function panelOf(panel: Panel, place: { id: number; x: number; y: number; w: number; h: number }) {
  const { title, about, unit, queries, type = "timeseries", stacked = false } = panel;
  const { id, ...gridPos } = place;
  const custom = {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: stacked ? 30 : 0,
    showPoints: "never",
    spanNulls: false,
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
  };
  return {
    id,
    type,
    title,
    description: about,
    datasource: DATASOURCE,
    gridPos,
    targets: queries.map((query, index) => target(query, index, type)),
    fieldConfig: { defaults: { unit, min: 0, ...(type === "timeseries" ? { custom } : {}) }, overrides: [] },
    options: optionsOf(type),
  };
}

function panels() {
  const all: unknown[] = [];
  let [id, y] = [1, 0];
  for (const { title, panels } of ROWS) {
    all.push({
      id: id++,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
      panels: [],
    });
    const isStats = panels.every(({ type }) => type === "stat");
    const across = isStats ? panels.length : 3;
    const [w, h] = [COLUMNS / across, isStats ? STAT_HEIGHT : HEIGHT];
    for (const [index, panel] of panels.entries()) {
      all.push(panelOf(panel, { id: id++, x: index % across * w, y: y + Math.floor(index / across) * h, w, h }));
    }
    y += Math.ceil(panels.length / across) * h;
  }
  return all;
}

function variable(name: string, label: string, query: string) {
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: `Variable-${name}` },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
    options: [],
  };
}

/** The text of the file. */
export function formatDashboard(): string {
  const dashboard = {
    uid: "signet",
    title: "Signet",
    description:
      "Sessions in front of MCP servers. docs/guides/observe.md says what to look at, docs/metrics.md what is counted.",
    tags: ["signet", "mcp"],
    timezone: "browser",
    editable: true,
    graphTooltip: 1,
    schemaVersion: 41,
    version: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timepicker: {},
    annotations: {
      list: [{
        builtIn: 1,
        datasource: { type: "grafana", uid: "-- Grafana --" },
        enable: true,
        hide: true,
        iconColor: "rgba(0, 211, 255, 1)",
        name: "Annotations & Alerts",
        type: "dashboard",
      }],
    },
    links: [],
    templating: {
      list: [
        {
          name: "datasource",
          label: "Prometheus",
          type: "datasource",
          query: "prometheus",
          refresh: 1,
          regex: "",
          multi: false,
          includeAll: false,
          current: {},
          options: [],
        },
        variable("job", "Job", "label_values(signet_build_info, job)"),
        variable("instance", "Instance", 'label_values(signet_build_info{job=~"$job"}, instance)'),
      ],
    },
    panels: panels(),
  };
  return JSON.stringify(dashboard, undefined, 2) + "\n";
}

if (import.meta.main) {
  if (Deno.args[0] === "--write") {
    await Deno.writeTextFile(new URL(`../${DASHBOARD_FILE}`, import.meta.url), formatDashboard());
  } else console.log(formatDashboard());
}
