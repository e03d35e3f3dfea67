// What a call costs beside nginx: from source on Deno, and of the executable that people install, made with Bun; and
// beside another checkout of Signet, which is how a change to the hot path is judged.
import { CALL, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import {
  requireLane,
  type Setup,
  startFetchProxy,
  startHaproxy,
  startNginx,
  startSignet,
  startUpstream,
} from "./contenders.ts";
import { makeExecutable } from "./executable.ts";
import { type Finding, markdownTable, median, ratioWithSpread, show } from "./report.ts";
import { CONNECTIONS, type Contender, type Figures, figuresOf, figureTable, interleave, withAll } from "./rounds.ts";

const ON_DENO = "signet", EXECUTABLE = "signet, executable";
const OTHER = { [ON_DENO]: "the other", [EXECUTABLE]: "the other, executable" } as const;
/** What a quarter of the rounds or more do not show is noise. */
const NOISE = 1.01;

export const throughput: Job = {
  name: "http",
  rows: ["throughput", "cpu", "throughput-executable", "cpu-executable", "full-lane"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const signet = await keep(startSignet(setup));
      const full = await keep(startSignet(setup, ["--full-lane"]));
      const contender = async (name: string, more: Partial<Setup>): Promise<Contender> => ({
        name,
        running: await keep(startSignet({ ...setup, ...more })),
      });
      const { executable, other } = context;
      const otherExecutable = other === undefined || executable === undefined
        ? undefined
        : await makeExecutable(other, context);
      const contenders: Contender[] = [
        { name: "direct", running: upstream },
        { name: "nginx", running: await keep(startNginx(setup)) },
        { name: "haproxy", running: await keep(startHaproxy(setup)) },
        { name: ON_DENO, running: signet },
        ...(other === undefined ? [] : [await contender(OTHER[ON_DENO], { folder: other })]),
        ...(executable === undefined ? [] : [await contender(EXECUTABLE, { executable })]),
        ...(otherExecutable === undefined ? [] : [await contender(OTHER[EXECUTABLE], { executable: otherExecutable })]),
        { name: "signet, full lane", running: full },
        { name: "Deno.serve + fetch", running: await keep(startFetchProxy(setup)) },
      ];
      const [id = ""] = (await openSessions(context, targetOf(signet.port), 1)).ids;
      const figures = await interleave(context, contenders, {
        connections: CONNECTIONS,
        headers: headersFor(context, id),
        body: CALL,
      });
      await requireLane(signet, "fast");
      await requireLane(full, "full");
      context.addDetail(`Calls over ${CONNECTIONS} connections`, figureTable(figures));
      if (other !== undefined) context.addDetail("This state beside the other", besideTable(figures));
      return findings(figures);
    }),
};

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

function findings(figures: ReadonlyMap<string, Figures>): Finding[] {
  const [signet, nginx] = [figuresOf(figures, ON_DENO), figuresOf(figures, "nginx")];
  const [full, fetch] = [figuresOf(figures, "signet, full lane"), figuresOf(figures, "Deno.serve + fetch")];
  const compiled = figures.get(EXECUTABLE);
  return [
    ...(compiled === undefined ? [] : besideNginx(compiled, nginx, "-executable")),
    ...besideNginx(signet, nginx, ""),
    finding("full-lane", full.cpuMicros, fetch.cpuMicros, "µs"),
  ];
}

function besideNginx(ours: Figures, nginx: Figures, suffix: string): Finding[] {
  return [
    finding(`throughput${suffix}`, ours.perSecond, nginx.perSecond, "requests/s"),
    finding(`cpu${suffix}`, ours.cpuMicros, nginx.cpuMicros, "µs"),
  ];
}

function finding(id: string, ours: readonly number[], theirs: readonly number[], unit: string): Finding {
  const detail = `${show(median(ours))} and ${show(median(theirs))} ${unit}`;
  return { id, ...ratioWithSpread(ours, theirs), detail };
}
