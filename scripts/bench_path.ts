// `deno task bench-path`: the CPU time that the fast lane itself takes for a request, sockets left out; with another
// checkout, which of them takes less. Two minutes, and fit for a machine that has other work to do.
//   --against FOLDER  a checkout of another state, such as `git worktree add ../before main`
//   --turns N         each in turn, N times (12)
// Exit code 1 if this state is slower beyond noise.
import { parseArgs } from "node:util";
import { runToEnd } from "./bench/process.ts";
import { markdownTable, median, show } from "./bench/report.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const here = import.meta.dirname ?? ".";
/** Rounds of one program, and requests a round: short enough that some meet no noise. */
const ROUNDS = "40", REQUESTS = "5000";
/** What nobody can tell from noise. */
const NOISE = 1.02;

/** Of one start, ns a request: noise only ever adds, so the least round is the nearest to the truth. */
async function measure(folder: string): Promise<number> {
  const config = `--config=${folder}/deno.json`;
  const program = [Deno.execPath(), "run", "-A", "-q", "--no-check", "--cached-only", V8_FLAGS, config];
  const output = await runToEnd([...program, `${here}/bench/path_load.ts`, folder, ROUNDS, REQUESTS], "proxy");
  return Math.min(...JSON.parse(output.trimEnd().split("\n").at(-1) ?? "[]") as number[]);
}

/** Lower, middle and upper quarter. */
function quarters(values: readonly number[]): [low: number, middle: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? NaN;
  return [at(0.25), median(values), at(0.75)];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { against: { type: "string" }, turns: { type: "string", default: "12" } },
  });
  const folders = [`${here}/..`, ...(values.against === undefined ? [] : [values.against])];
  const roots = await Promise.all(folders.map((folder) => Deno.realPath(folder)));
  const found = roots.map((): number[] => []);
  for (let turn = 0; turn < Number(values.turns); turn++) {
    for (let i = 0; i < roots.length; i++) {
      const which = (i + turn) % roots.length;
      const ns = await measure(roots[which]!);
      found[which]!.push(ns);
      console.error(`${which === 0 ? "this" : "the other"}: ${show(ns)} ns`);
    }
  }
  const rows = found.map((all, i) => [i === 0 ? "this" : "the other", show(Math.min(...all)), show(median(all))]);
  console.log(markdownTable([["state", "least ns a request", "median of turns"], ...rows]));
  const [ours = [], theirs] = found;
  if (theirs === undefined) return 0;
  const [low, middle, high] = quarters(ours.map((ns, turn) => ns / theirs[turn]!));
  console.log(`ratio by turn ${show(middle)} (half of them from ${show(low)} to ${show(high)})`);
  return low > NOISE ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
