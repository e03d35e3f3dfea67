// What it costs to be observed or governed: the same calls with a setting that records or judges them and without, in
// one form after the other. Each pair is one Signet twice; a further setting is a line in PAIRS and a row.
import { freePort } from "../free_port.ts";
import { requireLane, ROOM, type Setup, startSignet, startUpstream } from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import { findingOf, formsOf, ratioOf } from "./forms.ts";
import { type Running, startServer } from "./process.ts";
import {
  alternate,
  CONNECTIONS,
  type Figures,
  figuresOf,
  figureTable,
  type SignetContender,
  withAll,
} from "./rounds.ts";

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
      const forms = formsOf(context);
      const figures: Figures[][] = [];
      for (const form of forms) {
        const setup: Setup = { ...base, ...form.setup };
        const contenders: SignetContender[] = [{ name: form.name, running: await keep(startSignet(setup)) }];
        for (const { row, flags, env } of PAIRS) {
          // Of each its own: two in one file would be no chain.
          const directory = await Deno.makeTempDir({ dir: context.credentials.directory });
          const own = env === undefined ? setup : { ...setup, env: env(`http://127.0.0.1:${collector.port}`) };
          const running = await keep(startSignet(own, [...ROOM, ...flags(directory)]));
          contenders.push({ name: `${form.name}, ${row}`, running });
        }
        figures.push(await compare(context, upstream, contenders));
      }
      return PAIRS.map(({ row }, at) =>
        findingOf(row, figures.map(([plain, ...observed]) => ratioOf(observed[at]!.cpuMicros, plain!.cpuMicros, "µs")))
      );
    }),
};

/** @returns of each, in their order */
async function compare(
  context: Context,
  upstream: Running,
  contenders: readonly SignetContender[],
): Promise<Figures[]> {
  const [plain] = contenders;
  const [id = ""] = (await openSessions(context, targetOf(plain!.running.port), 1)).ids;
  const headers = headersFor(context, id);
  const figures = await alternate(context, upstream, contenders, { connections: CONNECTIONS, headers, body: CALL });
  for (const { running } of contenders) await requireLane(running, "fast");
  const title = `Calls over ${CONNECTIONS} connections, observed and not: ${plain!.name}`;
  context.addDetail(title, figureTable(figures, plain!.name));
  return contenders.map(({ name }) => figuresOf(figures, name));
}
