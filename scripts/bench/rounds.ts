// Several programs under the same load, in short rounds in turn: what disturbs the machine for a while disturbs all of them.
import { type Context, PATH } from "./context.ts";
import { ROOM, type RunningSignet, type Setup, startSignet } from "./contenders.ts";
import { formsOf } from "./forms.ts";
import { type InstructionCounter, instructionCounter } from "./instructions.ts";
import { cpuMicros } from "./machine.ts";
import type { Running } from "./process.ts";
import { markdownTable, median, ratioByRound, show } from "./report.ts";
import { runWrk, StarvedError, type WrkOptions } from "./wrk.ts";

/**
 * After two seconds V8 and JavaScriptCore still compile, and the more so the more functions a program has; the rounds that
 * follow take part in it, and medians leave the first of them out.
 */
const WARM_UP_SECONDS = 3;
/** Of a round in which nobody was given time. */
const MOST_ATTEMPTS = 4;
/** Of the load that most rows are about. */
export const CONNECTIONS = 32;

/** The figures of one contender, one entry a round. */
export interface Figures {
  readonly perSecond: number[];
  readonly cpuMicros: number[];
  readonly p50: number[];
  /** Instructions a request; empty where they cannot be counted. */
  readonly instructions: number[];
}

export interface Contender {
  readonly name: string;
  readonly running: Running;
  /** What differs from the common load. */
  readonly load?: Partial<WrkOptions>;
}

/** Everybody gets the same load for a while, in turn, `rounds` times over; the order turns with the rounds. */
export async function interleave(
  context: Context,
  contenders: readonly Contender[],
  load: Omit<WrkOptions, "url" | "directory" | "seconds">,
): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>(
    contenders.map(({ name }) => [name, { perSecond: [], cpuMicros: [], p50: [], instructions: [] }]),
  );
  const { directory } = context.credentials;
  const counter = await instructionCounter(directory);
  const base = { ...load, seconds: context.seconds, directory };
  await warmUp(context, contenders, load);
  for (let round = 0; round < context.rounds; round++) {
    const turn = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of turn) {
      if (contender === undefined) continue;
      const result = await measureFed(contender, base, counter);
      const own = figures.get(contender.name);
      own?.perSecond.push(result.perSecond);
      own?.cpuMicros.push(result.cpu);
      own?.p50.push(result.p50);
      if (result.instructions !== undefined) own?.instructions.push(result.instructions);
      context.log(
        `${contender.name}: ${show(result.perSecond)}/s, ${show(result.cpu)} µs CPU, p50 ${show(result.p50)} µs`,
      );
    }
  }
  return figures;
}

/** Programs that compile as they run need a while until they run as they will. */
export async function warmUp(
  { credentials: { directory } }: Context,
  contenders: readonly Contender[],
  load: Omit<WrkOptions, "url" | "directory" | "seconds">,
): Promise<void> {
  for (const contender of contenders) await measureFed(contender, { ...load, seconds: WARM_UP_SECONDS, directory });
}

/** As {@link measure}; where the machine had no time for it, again. */
async function measureFed(contender: Contender, base: Omit<WrkOptions, "url">, counter?: InstructionCounter) {
  for (let attempt = 1;; attempt++) {
    try {
      return await measure(contender, base, counter);
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof StarvedError) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

async function measure({ running, load }: Contender, base: Omit<WrkOptions, "url">, counter?: InstructionCounter) {
  const url = `http://127.0.0.1:${running.port}${PATH}`;
  const wrap = counter && { wrap: (command: readonly string[]) => counter.around(running.pid, command) };
  try {
    const before = await cpuMicros(running.pid);
    const result = await runWrk({ ...base, url, ...load, ...wrap });
    const cpu = (await cpuMicros(running.pid) - before) / result.requests;
    const counted = await counter?.read();
    return { ...result, cpu, instructions: counted === undefined ? undefined : counted / result.requests };
  } catch (error) {
    throw new Error(`load on ${running.name} failed; its last output:\n${running.output()}`, { cause: error });
  }
}

export function figureTable(figures: ReadonlyMap<string, Figures>, baseline = "nginx"): string {
  const nginx = figures.get(baseline);
  const counts = [...figures.values()].every(({ instructions }) => instructions.length > 0);
  const rows = [...figures].map(([name, { perSecond, cpuMicros, p50, instructions }]) => [
    name,
    show(median(perSecond)),
    nginx === undefined ? "" : show(ratioByRound(perSecond, nginx.perSecond)),
    show(median(cpuMicros)),
    show(median(p50)),
    ...(counts ? [show(median(instructions))] : []),
  ]);
  const head = ["proxy", "requests/s", `vs ${baseline}`, "CPU µs a request", "p50 µs"];
  return markdownTable([[...head, ...(counts ? ["instructions a request"] : [])], ...rows]);
}

export function figuresOf(figures: ReadonlyMap<string, Figures>, name: string): Figures {
  const found = figures.get(name);
  if (found === undefined) throw new Error(`no figures of ${name}: want one of ${[...figures.keys()].join(", ")}`);
  return found;
}

export type Keep = <R extends Running>(running: Promise<R>) => Promise<R>;

/** Signet in each of its forms. */
export async function startForms(
  context: Context,
  setup: Setup,
  keep: Keep,
  flags: readonly string[] = ROOM,
): Promise<(Contender & { readonly running: RunningSignet })[]> {
  const started = [];
  for (const form of formsOf(context)) {
    started.push({ name: form.name, running: await keep(startSignet({ ...setup, ...form.setup }, flags)) });
  }
  return started;
}

/** Starts what `start` returns one after the other, runs `use`, and stops everything that was started, whatever happens. */
export async function withAll<T>(
  start: (keep: Keep) => Promise<T>,
): Promise<T> {
  const started: Running[] = [];
  try {
    return await start(async (running) => {
      const up = await running;
      started.push(up);
      return up;
    });
  } finally {
    for (const running of started.reverse()) await running.stop();
  }
}
