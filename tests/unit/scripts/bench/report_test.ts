// The bench's arithmetic: what it reads from the kernel, how it compares, and when it calls a row below its floor.
import assert from "node:assert/strict";
import { findingOf, formsOf } from "../../../../scripts/bench/forms.ts";
import { changeOf } from "../../../../scripts/bench/growth_job.ts";
import { envelopeFindings } from "../../../../scripts/bench/life_jobs.ts";
import { cpuMicros, cpuMicrosOfStat, processTree, residentKiB } from "../../../../scripts/bench/machine.ts";
import {
  judge,
  type Measured,
  median,
  ratioByRound,
  type RowSpec,
  show,
  targetTable,
} from "../../../../scripts/bench/report.ts";
import { ROWS } from "../../../../scripts/bench/rows.ts";
import { endOverdue } from "../../../support/overdue.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const onLinux = { ...STRICT, ignore: Deno.build.os !== "linux" };

const lower: RowSpec = { id: "cpu", what: "CPU", better: "lower", target: 1, floor: 1.2, unit: "×" };
const higher: RowSpec = { id: "rate", what: "rate", better: "higher", target: 1, floor: 0.85, unit: "×" };

Deno.test("median takes the middle, or the mean of the two middles, whatever the order", STRICT, () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), RangeError);
});

Deno.test("ratioByRound compares round by round when the machine slows down for one of them", STRICT, () => {
  // Both halve in the second round: the ratio does not move, although the medians would.
  assert.equal(ratioByRound([100, 50, 100], [50, 25, 50]), 2);
  assert.throws(() => ratioByRound([1], [1, 2]), RangeError);
});

Deno.test("judge tells target, floor and below apart, in both directions and at the bounds", STRICT, () => {
  assert.deepEqual([1, 1.01, 1.2, 1.21].map((value) => judge(lower, value)), [
    "target met",
    "floor held",
    "floor held",
    "BELOW FLOOR",
  ]);
  assert.deepEqual([1, 0.99, 0.85, 0.84].map((value) => judge(higher, value)), [
    "target met",
    "floor held",
    "floor held",
    "BELOW FLOOR",
  ]);
  assert.equal(judge(lower, NaN), "BELOW FLOOR");
});

Deno.test("targetTable shows measured, failed and left-out rows for what they are", STRICT, () => {
  const table = targetTable([lower, higher], [
    { id: "rate", value: 0.5, detail: "1 and 2" },
    { id: "cpu", skipped: "no such program" },
  ]);
  assert.deepEqual(table.trimEnd().split("\n").slice(2), [
    "| CPU | ≤ 1 × | ≤ 1.2 × | no such program |  | not measured |",
    "| rate | ≥ 1 × | ≥ 0.85 × | **0.5 ×** (1 and 2) |  | BELOW FLOOR |",
  ]);
  assert.equal(targetTable([lower], []).trimEnd().split("\n").length, 2);
});

Deno.test(
  "a verdict is about the executable: what stands beside it, from source on Deno, decides nothing",
  STRICT,
  () => {
    const forms: Measured[] = [{ value: 1.1, detail: "11 and 10 µs" }, { value: 1.5, detail: "15 and 10 µs" }];
    const row = (measured: readonly Measured[]) =>
      targetTable([lower], [findingOf("cpu", measured)]).trimEnd().split("\n").at(-1);
    assert.equal(row(forms), "| CPU | ≤ 1 × | ≤ 1.2 × | **1.1 ×** (11 and 10 µs) | 1.5 × | floor held |");
    assert.equal(row(forms.slice(1)), "| CPU | ≤ 1 × | ≤ 1.2 × | **1.5 ×** (15 and 10 µs) |  | BELOW FLOOR |");
    assert.equal(row([]), "| CPU | ≤ 1 × | ≤ 1.2 × | nothing was measured |  | not measured |");
    assert.deepEqual(formsOf({ executable: "/signet" }).map(({ setup }) => setup), [{ executable: "/signet" }, {}]);
    assert.deepEqual(formsOf({}).map(({ setup }) => setup), [{}]);
  },
);

Deno.test("show keeps three digits and no exponent", STRICT, () => {
  assert.deepEqual([0.98765, 1234567, 12.345].map(show), ["0.988", "1,230,000", "12.3"]);
});

Deno.test("every row has a floor that is easier than its target", STRICT, () => {
  for (const { id, better, target, floor } of ROWS) {
    assert.ok(better === "lower" ? target < floor : target > floor, id);
  }
  assert.equal(new Set(ROWS.map(({ id }) => id)).size, ROWS.length);
});

Deno.test("cpuMicrosOfStat reads utime and stime when the command name holds blanks and brackets", STRICT, () => {
  const rest = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
  assert.equal(cpuMicrosOfStat(`42 (a) b) (c) ${rest}`), 3_000_000);
  assert.throws(() => cpuMicrosOfStat("42 (a) S 1"), /cannot read CPU time/);
});

Deno.test(
  "processTree finds the children of a process, and cpuMicros and residentKiB sum over them",
  onLinux,
  async () => {
    const child = new Deno.Command("sh", { args: ["-c", "sleep 60 & wait"], stdout: "null" }).spawn();
    endOverdue(child, "a shell with a child");
    try {
      let tree: number[] = [];
      await until(async () => (tree = await processTree(child.pid)).length >= 2, "the child's child");
      assert.equal(tree.length, 2, `found ${tree}`);
      assert.equal(tree[0], child.pid);
      assert.ok(await residentKiB(child.pid) > 0);
      assert.ok(Number.isFinite(await cpuMicros(child.pid)));
      for (const pid of tree.slice(1)) Deno.kill(pid, "SIGKILL");
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
  },
);

Deno.test("cpuMicros goes on counting what a thread has used that has ended since", onLinux, async () => {
  const folder = `/proc/${Deno.pid}/task`;
  const used = async (task: string) =>
    parseInt(await Deno.readTextFile(`${folder}/${task}/schedstat`).catch(() => "0"));
  const tasks = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const before = new Set(tasks());
  const busy = `for (const end = performance.now() + 300; performance.now() < end;); postMessage("done");`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(busy)}`, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  // The runtime's own threads come and go as well: the worker's is the one that was busy.
  const fresh = await Promise.all(
    tasks().filter((task) => !before.has(task)).map(async (task) => ({ task, nanos: await used(task) })),
  );
  const own = fresh.sort((a, b) => b.nanos - a.nanos)[0]?.task;
  assert.ok(own !== undefined, "the worker has a thread");
  const seen = await cpuMicros(Deno.pid);
  worker.terminate();
  await until(() => !tasks().includes(own), "the worker's thread ends");
  assert.ok(await cpuMicros(Deno.pid) >= seen);
});

Deno.test("envelopeFindings compares a forgery with an open of its own length, and picks the dearest", STRICT, () => {
  const row = (name: string, medianMicros: number, toOpenOfItsLength?: number) => ({
    name,
    medianMicros,
    toTypicalOpen: medianMicros / 10,
    ...(toOpenOfItsLength === undefined ? {} : { toOpenOfItsLength }),
  });
  const rows = [
    row("cold open, typical id of 400", 10),
    row("  forged, 400", 8, 0.8),
    row("cold open, id of 4000", 28),
    row("  forged, 4000", 25, 25 / 28),
    row("forged, shortest (62)", 5),
  ];
  const [open, forged] = envelopeFindings({ typicalLength: 400, rows });
  assert.deepEqual(open, { id: "cold-open", value: 10, detail: "on Deno, 400 characters" });
  assert.deepEqual(forged, { id: "forged", value: 25 / 28, detail: "on Deno, forged, 4000: 25 µs" });
  assert.throws(() => envelopeFindings({ typicalLength: 400, rows: rows.slice(1, 2) }), /want a typical cold open/);
});

Deno.test(
  "changeOf compares a process with itself, and takes out what has happened to another meanwhile",
  STRICT,
  () => {
    const was = [[20, 20, 20], [10, 10, 10]] as const;
    const slower = changeOf(was, [[44, 40, 42], [20, 20, 20]]);
    assert.equal(slower.value, 1.05);
    assert.match(slower.detail, /^42 and 20 µs$/);
    assert.equal(changeOf(was, [[30, 30], [15, 15]]).value, 1);
  },
);
