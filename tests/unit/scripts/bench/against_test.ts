// An earlier report is read as it was written, and says what has become worse.
import assert from "node:assert/strict";
import { changeTable, compare } from "../../../../scripts/bench/against.ts";
import { type Finding, type RowSpec, targetTable } from "../../../../scripts/bench/report.ts";
import { STRICT } from "../../../support/strict.ts";

const ROWS: readonly RowSpec[] = [
  { id: "cpu", what: "CPU a request", better: "lower", target: 1, floor: 2, unit: "×" },
  { id: "throughput", what: "throughput", better: "higher", target: 1, floor: 0.5, unit: "×" },
  { id: "memory", what: "memory", better: "lower", target: 1000, floor: 9000, unit: "KiB" },
];
const found = (cpu: number, throughput: number, memory: number): Finding[] => [
  { id: "cpu", value: cpu, detail: "" },
  { id: "throughput", value: throughput, detail: "1 and 2" },
  { id: "memory", value: memory, detail: "" },
];
const worse = (findings: Finding[], report: string) =>
  compare(ROWS, findings, report).filter(({ isWorse }) => isWorse).map(({ row }) => row.id);

Deno.test("a run beside an earlier one names what is worse beyond noise, whichever way is better", STRICT, () => {
  const report = targetTable(ROWS, found(1, 1, 4000));
  assert.deepEqual(worse(found(1, 1, 4000), report), []);
  assert.deepEqual(worse(found(1.05, 0.96, 4100), report), []);
  assert.deepEqual(worse(found(1.2, 0.8, 5000), report), ["cpu", "throughput", "memory"]);
  assert.deepEqual(worse(found(0.5, 2, 1000), report), []);
  assert.match(changeTable(compare(ROWS, found(1.2, 1, 4000), report)), /CPU a request \| 1 × \| 1\.2 × \| WORSE/);
});

Deno.test(
  "rounds that say how much they differ decide: apart is worse, however little; overlapping is noise",
  STRICT,
  () => {
    const of = (value: number, low: number, high: number): Finding[] => [
      { id: "cpu", value, detail: "19 and 18 µs", spread: [low, high] },
      { id: "throughput", value: 1 / value, detail: "", spread: [1 / high, 1 / low] },
    ];
    const report = targetTable(ROWS, of(1.1, 1.08, 1.12));
    assert.match(report, /\(19 and 18 µs; half of the rounds 1\.08 to 1\.12\)/);
    assert.deepEqual(worse(of(1.15, 1.13, 1.2), report), ["cpu", "throughput"]);
    assert.deepEqual(worse(of(1.25, 1.11, 1.4), report), []);
    assert.deepEqual(worse(of(1.12, 1.121, 1.122), report), []); // apart by less than is worth a word
    assert.deepEqual(worse(of(1, 0.9, 1.05), report), []);
    assert.deepEqual(worse(found(1.15, 0.87, 1), report), []); // without rounds of its own: within the noise of two runs
  },
);

Deno.test("what either run has not measured is not compared", STRICT, () => {
  const report = targetTable(ROWS, [{ id: "cpu", skipped: "no nginx" }, { id: "memory", value: 4000, detail: "" }]);
  assert.deepEqual(compare(ROWS, found(9, 1, 4000), report).map(({ row }) => row.id), ["memory"]);
  assert.deepEqual(compare(ROWS, [{ id: "memory", skipped: "failed" }], report), []);
});
