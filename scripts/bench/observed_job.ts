// What it costs to be observed or governed: the same calls with a setting that records or judges them and without, in
// each form. Each pair is one Signet twice; a further setting is a line in PAIRS and a row.
import { requireLane, ROOM, type RunningSignet, type Setup, startSignet, startUpstream } from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import { findingOf, formsOf, ratioOf } from "./forms.ts";
import { freePort, type Running, startServer } from "./process.ts";
import type { Finding } from "./report.ts";
import { alternate, CONNECTIONS, type Contender, figuresOf, figureTable, withAll } from "./rounds.ts";

interface Pair {
  /** Its row. */
  readonly row: string;
  readonly flags: (directory: string) => readonly string[];
  /** Of its environment, with where a collector listens that takes everything. */
  readonly env?: (collector: string) => Record<string, string>;
}

const PAIRS: readonly Pair[] = [
  { row: "audit", flags: (directory) => ["--audit", `${directory}/audit.jsonl`] },
  {
    row: "traced",
    flags: () => [],
    env: (collector) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.01",
    }),
  },
  { row: "ruled", flags: () => RULES },
  { row: "rated", flags: () => ["--rate", "1000000/s", "--rate", "1000000/s per=caller-tool"] },
];

/** As many as a small company has, the one that decides last. */
const RULES: readonly string[] = [
  { deny: ["delete_*", "drop_*"] },
  { allow: ["get_*", "list_*"], when: "has(principal.claims.groups)" },
  { deny: ["*"], when: "principal.subject == 'nobody'" },
  { allow: ["*", "prompt:*", "resource:*"] },
].flatMap((rule) => ["--rules", JSON.stringify(rule)]);

const COLLECTOR = `Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} }, async (request) => {
  await request.arrayBuffer();
  return Response.json({});
});`;

async function startCollector(): Promise<Running> {
  const port = freePort();
  const command = [Deno.execPath(), "eval", COLLECTOR, "--", String(port)];
  return await startServer({ name: "collector", role: "load", port, command });
}

export const observed: Job = {
  name: "observed",
  rows: PAIRS.map(({ row }) => row),
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const collector = await keep(startCollector());
      const base: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const contenders: Contender[] = [];
      const all: RunningSignet[] = [];
      const start = async (name: string, setup: Setup, flags: readonly string[]) => {
        const running = await keep(startSignet(setup, [...ROOM, ...flags]));
        contenders.push({ name, running });
        all.push(running);
      };
      for (const form of formsOf(context)) {
        const setup: Setup = { ...base, ...form.setup };
        await start(form.name, setup, []);
        for (const { row, flags, env } of PAIRS) {
          // Of each its own: two in one file would be no chain.
          const directory = await Deno.makeTempDir({ dir: context.credentials.directory });
          const own = env === undefined ? setup : { ...setup, env: env(`http://127.0.0.1:${collector.port}`) };
          await start(`${form.name}, ${row}`, own, flags(directory));
        }
      }
      return await compare(context, contenders, all);
    }),
};

async function compare(
  context: Context,
  contenders: readonly Contender[],
  all: readonly RunningSignet[],
): Promise<Finding[]> {
  const [id = ""] = (await openSessions(context, targetOf(all[0]!.port), 1)).ids;
  const headers = headersFor(context, id);
  const figures = await alternate(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
  for (const signet of all) await requireLane(signet, "fast");
  context.addDetail(`Calls over ${CONNECTIONS} connections, observed and not`, figureTable(figures));
  const cpu = (name: string) => figuresOf(figures, name).cpuMicros;
  return PAIRS.map(({ row }) =>
    findingOf(row, formsOf(context).map(({ name }) => ratioOf(cpu(`${name}, ${row}`), cpu(name), "µs")))
  );
}
