// What a call costs beside nginx, in either lane; and beside another checkout of Signet, which is how a change to the hot
// path is judged.
import {
  requireLane,
  ROOM,
  type Setup,
  startFetchProxy,
  startHaproxy,
  startNginx,
  startSignet,
  startUpstream,
} from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import { makeExecutable } from "./executable.ts";
import { EXECUTABLE, findingOf, formsOf, ON_DENO, ratioOf } from "./forms.ts";
import { type Finding, markdownTable, type Measured, ratioByRound, ratioWithSpread, show } from "./report.ts";
import {
  alternate,
  CONNECTIONS,
  type Contender,
  type Figures,
  figuresOf,
  figureTable,
  startForms,
  withAll,
} from "./rounds.ts";

const OTHER = { [EXECUTABLE]: "the other", [ON_DENO]: "the other on Deno" } as const;
const FETCH = "Deno.serve + fetch";
const fullOf = (form: string) => `${form}, full lane`;
/** What a quarter of the rounds or more do not show is noise. */
const NOISE = 1.01;

export const throughput: Job = {
  name: "http",
  rows: ["throughput", "cpu", "full-lane", "full-fetch"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const forms = formsOf(context);
      const fast = await startForms(context, setup, keep);
      const contenders: Contender[] = [
        { name: "direct", running: upstream, isNeeded: true },
        { name: "nginx", running: await keep(startNginx(setup)) },
        { name: "haproxy", running: await keep(startHaproxy(setup)) },
        ...fast,
      ];
      for (const [name, other] of await othersOf(context)) {
        contenders.push({ name, running: await keep(startSignet({ ...setup, ...other })) });
      }
      const [id = ""] = (await openSessions(context, targetOf(fast[0]!.running.port), 1)).ids;
      const load = { connections: CONNECTIONS, headers: headersFor(context, id), body: CALL };
      const figures = await alternate({ ...context, rounds: surer(context) }, upstream, contenders, load);
      for (const { running } of fast) await requireLane(running, "fast");
      context.addDetail(`Calls over ${CONNECTIONS} connections`, figureTable(figures));
      if (context.other !== undefined) context.addDetail("This state beside the other", besideTable(figures));

      const full = (await startForms(context, setup, keep, [...ROOM, "--full-lane"]))
        .map(({ name, running }) => ({ name: fullOf(name), running }));
      const fetch = { name: FETCH, running: await keep(startFetchProxy(setup)) };
      const lanes = await alternate(context, upstream, [...fast, ...full, fetch], load);
      for (const { running } of full) await requireLane(running, "full");
      context.addDetail("The same through either lane", figureTable(lanes, fast[0]!.name));
      return findings(figures, lanes, forms.map(({ name }) => name));
    }),
};

/** The medians of five rounds of one state differed by up to 3 % from one run to the next. */
function surer({ quick, rounds }: Context): number {
  return quick ? rounds : 2 * rounds - 1;
}

/** The other checkout in the same forms. */
async function othersOf(context: Context): Promise<[name: string, setup: Partial<Setup>][]> {
  const { other, executable } = context;
  if (other === undefined) return [];
  const others: [string, Partial<Setup>][] = [[OTHER[ON_DENO], { folder: other }]];
  const made = executable === undefined ? undefined : await makeExecutable(other, context);
  if (made !== undefined) others.unshift([OTHER[EXECUTABLE], { executable: made }]);
  return others;
}

/** Ratios of this state to the other, below 1 where this one takes less; said of both runtimes. */
function besideTable(figures: ReadonlyMap<string, Figures>): string {
  const rows = Object.entries(OTHER).flatMap(([name, otherName]) => {
    const [ours, theirs] = [figures.get(name), figures.get(otherName)];
    if (ours === undefined || theirs === undefined) return [];
    const kinds = [["CPU a request", "cpuMicros"], ["instructions a request", "instructions"]] as const;
    return kinds.filter(([, kind]) => ours[kind].length > 0).map(([what, kind]) => {
      const { value, spread: [low, high] } = ratioWithSpread(ours[kind], theirs[kind]);
      const verdict = low > NOISE ? "WORSE" : high < 1 / NOISE ? "better" : "";
      return [`${name}: ${what}`, `${show(value)} ×`, `${show(low)} to ${show(high)}`, verdict];
    });
  });
  return markdownTable([["what", "ratio", "half of the rounds", ""], ...rows]);
}

/** Load and server have a core of their own: without a proxy they reach no more than this. */
function mostToBeSeen(figures: ReadonlyMap<string, Figures>): string {
  const most = ratioByRound(figuresOf(figures, "direct").perSecond, figuresOf(figures, "nginx").perSecond);
  return `without a proxy ${show(most)} ×, so no more can be seen here`;
}

function findings(
  figures: ReadonlyMap<string, Figures>,
  lanes: ReadonlyMap<string, Figures>,
  forms: readonly string[],
): Finding[] {
  const nginx = figuresOf(figures, "nginx"), fetch = figuresOf(lanes, FETCH);
  const each = (id: string, of: (form: string) => Measured) => findingOf(id, forms.map(of));
  const full = (form: string) => figuresOf(lanes, fullOf(form)).cpuMicros;
  return [
    each("throughput", (form) => {
      const ratio = ratioOf(figuresOf(figures, form).perSecond, nginx.perSecond, "requests/s");
      return { ...ratio, detail: `${ratio.detail}; ${mostToBeSeen(figures)}` };
    }),
    each("cpu", (form) => ratioOf(figuresOf(figures, form).cpuMicros, nginx.cpuMicros, "µs")),
    each("full-lane", (form) => ratioOf(full(form), figuresOf(lanes, form).cpuMicros, "µs")),
    each("full-fetch", (form) => ratioOf(full(form), fetch.cpuMicros, "µs")),
  ];
}
