// docs/metrics.md lists what the program counts, and what it counts is named as OpenMetrics and Prometheus want it.
import assert from "node:assert/strict";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { isCurrentPart } from "../../../scripts/made_part.ts";
import { declaredMetrics, formatMetricsTable, PAGE_FILE, PART } from "../../../scripts/metrics_table.ts";
import { needing } from "../../support/programs.ts";
import { STRICT } from "../../support/strict.ts";

const { groups, pages } = await declaredMetrics();
const FAMILIES = groups.flatMap(({ families }) => families);

Deno.test("the documented metrics are those the program has", STRICT, async () => {
  const page = await Deno.readTextFile(new URL(`../../../${PAGE_FILE}`, import.meta.url));
  assert.ok(
    isCurrentPart(PART, page, formatMetricsTable(groups)),
    "out of date: run deno run -A scripts/metrics_table.ts --write",
  );
  const changed = page.replace("`signet_sessions`", "`signet_session`");
  assert.ok(!isCurrentPart(PART, changed, formatMetricsTable(groups)));
});

/** Of what nobody may tell by a label: it would grow with callers, or name one. */
const NEVER_LABELS = /owner|principal|caller|subject|issuer|session|token|client|user|id$/;

Deno.test(
  "metrics end in their unit and counters in _total, help is a sentence, and no label names a caller",
  STRICT,
  () => {
    for (const { name, type, help, labels } of FAMILIES) {
      assert.match(name, /^(signet|process|mcp)_[a-z0-9_]+$/);
      assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
      if (type === "histogram") assert.match(name, /_(seconds|bytes)$/);
      assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kb|mib|count|sum|bucket)(_total)?$/);
      assert.match(help, /^[A-Z0-9].*\.$/, name);
      for (const label of labels) assert.ok(!NEVER_LABELS.test(label), `${name} has a label ${label}`);
    }
  },
);

Deno.test(
  "promtool has nothing to say against the metrics",
  await needing(["promtool"], "that Prometheus likes the names of the metrics"),
  async () => {
    for (const stdin of pages) {
      const options = { what: "promtool", args: ["check", "metrics"], stdin, deadlineMs: 20_000 };
      const { code, stdout, stderr } = await runBounded("promtool", options);
      assert.equal(code, 0, stdout + stderr);
    }
  },
);
