// What it costs to be observed: the same calls with a setting that records them and without, on both runtimes. Each pair
// is one Signet twice; a further setting is a line in PAIRS and a row for each runtime.
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import { requireLane, type RunningSignet, type Setup, startSignet, startUpstream } from "./contenders.ts";
import { type Finding, median, ratioWithSpread, show } from "./report.ts";
import { CONNECTIONS, type Contender, figuresOf, figureTable, interleave, withAll } from "./rounds.ts";

interface Pair {
  /** Its row; `ROW-executable` is the same of the executable. */
  readonly row: string;
  readonly flags: (directory: string) => readonly string[];
}

const PAIRS: readonly Pair[] = [{ row: "audit", flags: (directory) => ["--audit", `${directory}/audit.jsonl`] }];

const ROOM = ["--max-sessions", "20000"];

export const observed: Job = {
  name: "observed",
  rows: PAIRS.flatMap(({ row }) => [row, `${row}-executable`]),
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const base: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const kinds: [suffix: string, setup: Setup][] = [
        ["", base],
        ...(context.executable === undefined ? [] : [
          ["-executable", { ...base, executable: context.executable }] as [string, Setup],
        ]),
      ];
      const contenders: Contender[] = [];
      const all: RunningSignet[] = [];
      const start = async (name: string, setup: Setup, flags: readonly string[]) => {
        const running = await keep(startSignet(setup, [...ROOM, ...flags]));
        contenders.push({ name, running });
        all.push(running);
      };
      for (const [suffix, setup] of kinds) {
        await start(`signet${suffix}`, setup, []);
        for (const { row, flags } of PAIRS) {
          // Of each its own: two in one file would be no chain.
          const directory = await Deno.makeTempDir({ dir: context.credentials.directory });
          await start(`signet${suffix}, ${row}`, setup, flags(directory));
        }
      }
      return await compare(context, contenders, all, kinds.map(([suffix]) => suffix));
    }),
};

async function compare(
  context: Context,
  contenders: readonly Contender[],
  all: readonly RunningSignet[],
  suffixes: readonly string[],
): Promise<Finding[]> {
  const [id = ""] = (await openSessions(context, targetOf(all[0]!.port), 1)).ids;
  const headers = headersFor(context, id);
  const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
  for (const signet of all) await requireLane(signet, "fast");
  context.addDetail(`Calls over ${CONNECTIONS} connections, observed and not`, figureTable(figures));
  return suffixes.flatMap((suffix) => {
    const plain = figuresOf(figures, `signet${suffix}`).cpuMicros;
    return PAIRS.map(({ row }) => {
      const observed = figuresOf(figures, `signet${suffix}, ${row}`).cpuMicros;
      const detail = `${show(median(observed))} and ${show(median(plain))} µs`;
      return { id: `${row}${suffix}`, ...ratioWithSpread(observed, plain), detail };
    });
  });
}
