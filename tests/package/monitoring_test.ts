// deploy/prometheus and deploy/grafana: Prometheus takes the alerts, each fires where it should and says what to do, and
// whatever alerts and dashboard ask for is counted by the program.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { DASHBOARD_FILE, formatDashboard, ROWS } from "../../scripts/grafana_dashboard.ts";
import { declaredMetrics } from "../../scripts/metrics_table.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { needing } from "../support/programs.ts";
import { TempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ALERTS = `${ROOT}deploy/prometheus/alerts.yaml`, CASES = `${ROOT}deploy/prometheus/alerts_test.yaml`;

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const alerts: Alert[] = parse(await Deno.readTextFile(ALERTS)).groups.flatMap(({ rules }: { rules: Alert[] }) => rules);
const { groups } = await declaredMetrics();
const families = new Map(groups.flatMap(({ families }) => families.map((family) => [family.name, family] as const)));
const queries = ROWS.flatMap(({ panels }) =>
  panels.flatMap(({ title, queries }) => queries.map((query) => ({ title, ...query })))
);

/** What Prometheus adds of its own. */
const OF_PROMETHEUS: ReadonlySet<string> = new Set(["job", "instance", "le"]);

/** Everything that is wrong with the metrics and labels that a query asks for. */
function problemsOf(expr: string): string[] {
  const problems: string[] = [];
  for (const [, full, , selector = ""] of expr.matchAll(/\b((?:signet|process)_\w+)(\{([^}]*)\})?/g)) {
    const name = full!.replace(/_(bucket|sum|count)$/, (ending) => families.has(full!) ? ending : "");
    const family = families.get(name);
    if (family === undefined) problems.push(`${full} is counted nowhere`);
    for (const [, label] of selector.matchAll(/(\w+)(?:=~|!~|!=|=)/g)) {
      if (OF_PROMETHEUS.has(label!) || family?.labels.includes(label!)) continue;
      problems.push(`${full} has no label ${label}`);
    }
  }
  return problems;
}

Deno.test("alerts and dashboard ask for nothing that the program does not count", () => {
  const asked = [
    ...alerts.map(({ alert, expr }) => ({ of: alert, expr })),
    ...queries.map(({ title, expr }) => ({ of: title, expr })),
  ];
  assert.deepEqual(asked.flatMap(({ of, expr }) => problemsOf(expr).map((problem) => `${of}: ${problem}`)), []);
  assert.equal(problemsOf('rate(signet_request_total{lain="x"}[5m])').length, 2, "or the test would find nothing");
});

/** How Markdown makes an anchor of a heading. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(" ", "-"));

Deno.test("every alert says what is wrong, what to do, and where more is said", async () => {
  const anchors = new Map<string, string[]>();
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels["severity"] ?? "", /^(critical|warning|info)$/, alert);
    assert.deepEqual(Object.keys(annotations).toSorted(), ["cure", "runbook_url", "summary"], alert);
    assert.match(annotations["cure"]!, /\.$/, `${alert}: the cure is a sentence`);
    const [page, anchor] = annotations["runbook_url"]!.split("#");
    if (!anchors.has(page!)) anchors.set(page!, anchorsOf(await Deno.readTextFile(`${ROOT}${page}`)));
    assert.ok(anchors.get(page!)!.includes(anchor!), `${alert}: ${page} has no heading ${anchor}`);
    assert.equal(anchor, alert.toLowerCase());
  }
});

Deno.test("every alert is tried twice over recorded series: where it fires, and where it must not", async () => {
  const { tests } = parse(await Deno.readTextFile(CASES));
  const cases: { alertname: string; exp_alerts: unknown[] }[] = tests.flatMap(
    ({ alert_rule_test }: { alert_rule_test: unknown[] }) => alert_rule_test,
  );
  for (const { alert } of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    assert.ok(own.some(({ exp_alerts }) => exp_alerts.length > 0), `${alert} never fires`);
    assert.ok(own.some(({ exp_alerts }) => exp_alerts.length === 0), `${alert} is never quiet`);
  }
});

Deno.test(
  "promtool: the alerts fire over recorded series as they should",
  await needing(["promtool"], "that the alerts fire where they should"),
  async () => {
    await runTool("promtool", ["check", "rules", ALERTS], { what: "checking the alerts" });
    await runTool("promtool", ["test", "rules", CASES], { what: "trying the alerts" });
  },
);

Deno.test(
  "promtool: Prometheus understands every query of the dashboard",
  await needing(["promtool"], "that Prometheus understands the dashboard's queries"),
  async () => {
    await using folder = await TempFolder.create();
    const rules = queries.map(({ expr }, at) => ({
      record: `panel:query:${at}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*"),
    }));
    const file = `${folder.path}/rules.json`; // which is YAML, too
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    await runTool("promtool", ["check", "rules", file], { what: "reading the dashboard's queries" });
  },
);

Deno.test("the dashboard is the one that the list of panels makes, and Grafana can lay it out", async () => {
  const text = await Deno.readTextFile(`${ROOT}${DASHBOARD_FILE}`);
  assert.equal(text, formatDashboard(), "out of date: run deno run -A scripts/grafana_dashboard.ts --write");
  const { uid, panels, templating, schemaVersion } = JSON.parse(text);
  assert.match(uid, /^[a-zA-Z0-9-]{1,40}$/);
  assert.ok(schemaVersion >= 39, "Grafana 11 and later need no migration");
  const variables = new Set(templating.list.map(({ name }: { name: string }) => name));
  for (const [, name] of text.matchAll(/\$\{?(\w+)/g)) {
    assert.ok(variables.has(name) || /^__(rate_interval|all)$/.test(name!), name);
  }
  assert.equal(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x >= 0 && x + w <= 24 && Number.isInteger(w), `${title} is too wide`);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert.ok(!taken.has(`${column} ${line}`), `${title} lies over another panel`);
        taken.add(`${column} ${line}`);
      }
    }
  }
});
