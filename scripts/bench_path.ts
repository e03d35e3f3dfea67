// `deno task bench-path`: the CPU time that the fast lane itself takes for a request, sockets left out; with another
// checkout, which of them takes less, or with settings, what they cost. Two minutes, and fit for a machine that has other
// work to do.
//   --against FOLDER  a checkout of another state, such as `git worktree add ../before main`
//   --with=FLAGS      this state with them, such as --with='--audit FILE'; FILE in it is one that is removed afterwards;
//                     --traced=RATIO among them traces so many requests
//   --load LOAD       of what: session (default), cold, or stateless, state …, calls of revision 2026-07-28 (path_load.ts)
//   --turns N         each in turn, N times (12)
// Exit code 1 if this state is slower beyond noise.
import { runToEnd } from "./bench/process.ts";
import { markdownTable, median, show } from "./bench/report.ts";
import { readOptions } from "./options.ts";
import { V8_FLAGS } from "./v8_flags.ts";

const here = import.meta.dirname ?? ".";
/** Rounds of one program, and requests a round: short enough that some meet no noise. */
const ROUNDS = "40", REQUESTS = "5000";
/** What nobody can tell from noise. */
const NOISE = 1.02;

/** What is measured: a checkout, and flags of `signet serve`. */
interface State {
  readonly name: string;
  readonly folder: string;
  readonly flags: readonly string[];
}

/** Of one start, ns a request: noise only ever adds, so the least round is the nearest to the truth. */
async function measure({ folder, flags }: State, load = "session"): Promise<number> {
  const config = `--config=${folder}/deno.json`;
  const program = [Deno.execPath(), "run", "-A", "-q", "--no-check", "--cached-only", V8_FLAGS, config];
  const output = await runToEnd(
    [...program, `${here}/bench/path_load.ts`, folder, ROUNDS, REQUESTS, `--load=${load}`, ...flags],
    "proxy",
  );
  return Math.min(...JSON.parse(output.trimEnd().split("\n").at(-1) ?? "[]") as number[]);
}

/** Lower, middle and upper quarter. */
function quarters(values: readonly number[]): [low: number, middle: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? NaN;
  return [at(0.25), median(values), at(0.75)];
}

async function statesOf(options: { against?: string; with?: string }, file: string): Promise<State[]> {
  const folder = await Deno.realPath(`${here}/..`);
  const states: State[] = [{ name: "this", folder, flags: [] }];
  if (options.against !== undefined) {
    states.push({ name: "the other", folder: await Deno.realPath(options.against), flags: [] });
  }
  if (options.with !== undefined) {
    const flags = options.with.split(/\s+/).filter((word) => word !== "").map((word) => word === "FILE" ? file : word);
    states.unshift({ name: `with ${options.with}`, folder, flags });
  }
  return states;
}

async function main(): Promise<number> {
  const values = readOptions(import.meta.url, {
    against: { type: "string" },
    with: { type: "string" },
    load: { type: "string" },
    turns: { type: "string", default: "12" },
  });
  const directory = await Deno.makeTempDir({ prefix: "signet_bench_path_" });
  const states = await statesOf(values, `${directory}/file`);
  const found = states.map((): number[] => []);
  try {
    for (let turn = 0; turn < Number(values.turns); turn++) {
      for (let i = 0; i < states.length; i++) {
        const which = (i + turn) % states.length;
        const ns = await measure(states[which]!, values.load);
        found[which]!.push(ns);
        console.error(`${states[which]!.name}: ${show(ns)} ns`);
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  const rows = found.map((all, i) => [states[i]!.name, show(Math.min(...all)), show(median(all))]);
  console.log(markdownTable([["state", "least ns a request", "median of turns"], ...rows]));
  const [ours = [], theirs] = found;
  if (theirs === undefined) return 0;
  const [low, middle, high] = quarters(ours.map((ns, turn) => ns / theirs[turn]!));
  console.log(`ratio by turn ${show(middle)} (half of them from ${show(low)} to ${show(high)})`);
  return low > NOISE ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
