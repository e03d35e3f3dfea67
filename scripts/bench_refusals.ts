// `deno run -A scripts/bench_refusals.ts`: whether the time that refusing a state takes tells what is wrong with it
// (docs/behaviour.md S1). Texts by turns, and how far the lower quarter of each lies from that of the first; what one text
// lies from itself is noise. The log is at its usual level: a refusal's line is part of it.
//   --rounds N   25 calls of each text a round (200)
import { runToEnd } from "./bench/process.ts";
import type { RefusalTimes } from "./bench/refusals.ts";
import { markdownTable, median, show } from "./bench/report.ts";
import { readOptions } from "./options.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const here = import.meta.dirname ?? ".";

/** What a quarter of `values` is below of: noise only ever adds, and the least has luck. */
function quarter(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 4)] ?? NaN;
}

function tableOf(times: Readonly<Record<string, readonly number[]>>): string {
  const [first = []] = Object.values(times);
  const rows = Object.entries(times).map(([name, micros]) => {
    const half = [quarter(micros), -quarter(micros.map((value) => -value))].map((value) => show(value));
    return [name, show(median(micros)), half.join(" … "), show(quarter(micros) / quarter(first))];
  });
  return markdownTable([["text", "median µs", "half of them", "quarters, to the first"], ...rows]);
}

const { rounds } = readOptions(import.meta.url, { rounds: { type: "string", default: "200" } });
const folder = await Deno.realPath(`${here}/..`);
const program = [Deno.execPath(), "run", "-A", "-q", "--no-check", "--cached-only", V8_FLAGS];
const output = await runToEnd(
  [...program, `--config=${folder}/deno.json`, `${here}/bench/path_load.ts`, folder, rounds, "0", "--load=refused"],
  "proxy",
);
const { answers, opened } = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "{}") as RefusalTimes;
console.log(`Whole answers, in process\n\n${tableOf(answers)}\nOpening alone\n\n${tableOf(opened)}`);
