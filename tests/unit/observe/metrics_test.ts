import assert from "node:assert/strict";
import { Counter, Histogram, LabelledCounter, MetricsPage } from "../../../lib/observe/metrics.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("MetricsPage renders the Prometheus text format when counters, gauges and labels are read", STRICT, () => {
  const page = new MetricsPage();
  const hits = new Counter();
  hits.inc();
  hits.inc(2);
  page.counter("hits_total", "Hits.", hits);
  page.gauge("open", "Open now.", () => 7);
  page.labelled("gauge", { name: "size", help: "Sizes.", labels: ["map", "of"] }, () => [[['a"b\\c\nd', "x"], 3]]);
  assert.equal(
    page.render(),
    "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 3\n" +
      "# HELP open Open now.\n# TYPE open gauge\nopen 7\n" +
      '# HELP size Sizes.\n# TYPE size gauge\nsize{map="a\\"b\\\\c\\nd",of="x"} 3\n',
  );
});

Deno.test("Histogram counts a value into every bucket at or above it when rendered", STRICT, () => {
  const page = new MetricsPage();
  const histogram = new Histogram([0.1, 1]);
  page.histogram("t", "T.", histogram);
  for (const value of [0.05, 0.1, 0.5, 3]) histogram.observe(value);
  assert.equal(
    page.render().replace(/^#.*\n/gm, ""),
    't_bucket{le="0.1"} 2\nt_bucket{le="1"} 3\nt_bucket{le="+Inf"} 4\nt_sum 3.65\nt_count 4\n',
  );
});

Deno.test("LabelledCounter counts a label it was not told of as other", STRICT, () => {
  const outcomes = new LabelledCounter<"hit" | "miss">(["hit", "miss"]);
  outcomes.inc("hit");
  outcomes.inc("forged" as "hit");
  assert.deepEqual(outcomes.samples(), [[["hit"], 1], [["miss"], 0], [["other"], 1]]);
});

Deno.test("MetricsPage refuses a metric declared twice", STRICT, () => {
  const page = new MetricsPage();
  page.gauge("a", "A.", () => 0);
  assert.throws(() => page.gauge("a", "A.", () => 0), /a: it is declared already/);
});

Deno.test(
  "MetricsPage renders histograms under their labels, and what has no number as Prometheus spells it",
  STRICT,
  () => {
    const page = new MetricsPage();
    const slow = new Histogram([1]);
    slow.observe(2);
    page.histograms({ name: "t", help: "T.", labels: ["of"] }, () => [[["a"], slow], [["b"], new Histogram([1])]]);
    page.gauge("most", "Most.", () => Infinity);
    assert.equal(
      page.render().replace(/^#.*\n/gm, ""),
      't_bucket{of="a",le="1"} 0\nt_bucket{of="a",le="+Inf"} 1\nt_sum{of="a"} 2\nt_count{of="a"} 1\n' +
        't_bucket{of="b",le="1"} 0\nt_bucket{of="b",le="+Inf"} 0\nt_sum{of="b"} 0\nt_count{of="b"} 0\nmost +Inf\n',
    );
  },
);
