// Several programs under the same load, in rounds: what disturbs the machine for a while disturbs all of them. In a round each
// has its turn after the other, or all are under load and run by short turns.
import { ROOM, type RunningSignet, type Setup, startSignet } from "./contenders.ts";
import { type Context, PATH, sleep } from "./context.ts";
import { formsOf } from "./forms.ts";
import { type InstructionCounter, instructionCounter } from "./instructions.ts";
import { cpuMicros, processTree } from "./machine.ts";
import type { Running } from "./process.ts";
import { markdownTable, median, ratioByRound, show } from "./report.ts";
import {
  LEAD_SECONDS,
  mostSeconds,
  takeTurns,
  TURN_SECONDS,
  type Turning,
  type Turns,
  turnsOf,
  whileStopped,
} from "./turns.ts";
import { ANSWERED_PATH } from "./upstream_answers.ts";
import { runWrk, StarvedError, type WrkOptions, type WrkResult } from "./wrk.ts";

/**
 * After two seconds V8 and JavaScriptCore still compile, and the more so the more functions a program has; the rounds that
 * follow take part in it, and medians leave the first of them out. Several short ones: a round begins and ends with
 * connections, and what is compiled without those is compiled again after the hundredth of them that it does not fit.
 */
const WARM_UPS = 5;
const WARM_UP_SECONDS = 1;
/** Of a round in which nobody was given time. */
const MOST_ATTEMPTS = 4;
/** Of the load that most rows are about. */
export const CONNECTIONS = 32;

/** The figures of one contender, one entry a round. */
export interface Figures {
  readonly perSecond: number[];
  readonly cpuMicros: number[];
  /** Empty of those that were stopped now and then: it says nothing. */
  readonly p50: number[];
  /** Instructions a request; empty where they cannot be counted. */
  readonly instructions: number[];
}

export interface Contender {
  readonly name: string;
  readonly running: Running;
  /** What differs from the common load. */
  readonly load?: Partial<WrkOptions>;
  /** The others cannot do without it: it is never stopped, and has its turn alone. */
  readonly isNeeded?: boolean;
  /** That share the load, where they are several: each has its part of a round to be warm after, and needs as many more. */
  readonly processes?: number;
}

export interface SignetContender extends Contender {
  readonly running: RunningSignet;
}

type Load = Omit<WrkOptions, "url" | "directory" | "seconds">;

/** Everybody gets the same load for a while, in turn, `rounds` times over; the order turns with the rounds. */
export async function interleave(
  context: Context,
  contenders: readonly Contender[],
  load: Load,
): Promise<Map<string, Figures>> {
  const { figures, counter, base } = await begin(context, contenders, load);
  for (let round = 0; round < context.rounds; round++) {
    const turn = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of turn) {
      if (contender === undefined) continue;
      const result = await fed(() => measure(contender, base, counter));
      note(context, figures, contender, result);
      figuresOf(figures, contender.name).p50.push(result.p50);
    }
  }
  return figures;
}

/**
 * As {@link interleave}, but in a round all get the load at the same time, and run by turns, of which half a second each
 * counts: for programs of which none needs another to run. What was said of how long a call took is of no use then.
 *
 * @param upstream of all of them, which answers one request for each of theirs
 */
export async function alternate(
  context: Context,
  upstream: Running,
  contenders: readonly Contender[],
  load: Load,
): Promise<Map<string, Figures>> {
  const { figures, counter, base } = await begin(context, contenders, load);
  for (let round = 0; round < context.rounds; round++) {
    for (const contender of contenders.filter(({ isNeeded }) => isNeeded)) {
      note(context, figures, contender, await fed(() => measure(contender, base, counter)));
    }
    const others = contenders.filter(({ isNeeded }) => !isNeeded);
    const results = await fed(() => measureByTurns(upstream, others, base, turnsOf(round, base.seconds), counter));
    others.forEach((contender, at) => note(context, figures, contender, results[at]!));
  }
  return figures;
}

/** All of them warm, nothing measured yet. */
async function begin(context: Context, contenders: readonly Contender[], load: Load) {
  const { seconds, credentials: { directory } } = context;
  const counter = await instructionCounter(directory);
  await warmUp(context, contenders, load);
  const figures = new Map(contenders.map(({ name }): [string, Figures] => {
    return [name, { perSecond: [], cpuMicros: [], p50: [], instructions: [] }];
  }));
  return { figures, counter, base: { ...load, seconds, directory } };
}

interface Counted {
  readonly perSecond: number;
  /** µs a request */
  readonly cpu: number;
  readonly instructions: number | undefined;
}

function note(
  { log }: Context,
  figures: ReadonlyMap<string, Figures>,
  { name }: Contender,
  { perSecond, cpu, instructions }: Counted,
): void {
  const own = figuresOf(figures, name);
  own.perSecond.push(perSecond);
  own.cpuMicros.push(cpu);
  if (instructions !== undefined) own.instructions.push(instructions);
  log(`${name}: ${show(perSecond)}/s, ${show(cpu)} µs CPU`);
}

/**
 * Programs that compile as they run need a while until they run as they will: each process as many calls as if it had the
 * load alone.
 */
export async function warmUp(
  { credentials: { directory } }: Context,
  contenders: readonly Contender[],
  load: Load,
): Promise<void> {
  const timesOf = ({ processes = 1 }: Contender) => WARM_UPS * processes;
  for (let time = 0; time < Math.max(...contenders.map(timesOf)); time++) {
    for (const contender of contenders.filter((each) => time < timesOf(each))) {
      await fed(() => measure(contender, { ...load, seconds: WARM_UP_SECONDS, directory }));
    }
  }
}

/** What `measured` says; where the machine had no time for it, again. */
async function fed<T>(measured: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await measured();
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof StarvedError) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

async function measure(contender: Contender, base: Omit<WrkOptions, "url">, counter?: InstructionCounter) {
  const { pid } = contender.running;
  const before = await cpuMicros(pid);
  const result = await loadOn(contender, base, counter);
  const cpu = (await cpuMicros(pid) - before) / result.requests;
  return { ...result, cpu, instructions: await instructionsOf(contender, result, counter) };
}

/** Connections are made and requests on their way before the first turn. */
const READY_MS = 300;
/** By then the upstream has told how many it has answered, however much it has to do. */
const LOOK_MS = 5000;

async function measureByTurns(
  upstream: Running,
  contenders: readonly Contender[],
  base: Omit<WrkOptions, "url">,
  turns: Turns,
  counter?: InstructionCounter,
): Promise<Counted[]> {
  const totals = contenders.map(() => ({ ms: 0, requests: 0, cpuMicros: 0 }));
  const turning = await Promise.all(contenders.map(async ({ running: { pid } }, at): Promise<Turning> => ({
    pids: await processTree(pid),
    act: async () => {
      await sleep(LEAD_SECONDS * 1000);
      const before = await lookAt(upstream, pid);
      await sleep((TURN_SECONDS - LEAD_SECONDS) * 1000);
      const after = await lookAt(upstream, pid);
      for (const what of ["ms", "requests", "cpuMicros"] as const) totals[at]![what] += after[what] - before[what];
    },
  })));
  return await whileStopped(turning, async () => {
    const seconds = Math.ceil(READY_MS / 1000 + mostSeconds(contenders.length, turns));
    const loads = contenders.map((contender) => loadOn(contender, { ...base, seconds }, counter));
    // Whoever has failed is told of once nobody is signalled any more.
    const ended = Promise.allSettled(loads);
    await sleep(READY_MS);
    await takeTurns(turning, turns).finally(() => ended);
    const results = await Promise.all(loads);
    return await Promise.all(totals.map(async ({ ms, requests, cpuMicros }, at) => ({
      perSecond: requests / (ms / 1000),
      cpu: cpuMicros / requests,
      instructions: await instructionsOf(contenders[at]!, results[at]!, counter),
    })));
  });
}

/** @returns what the upstream has answered, when that was, and the CPU time that the process `pid` had used */
async function lookAt({ port }: Running, pid: number): Promise<{ ms: number; requests: number; cpuMicros: number }> {
  const response = await fetch(`http://127.0.0.1:${port}${ANSWERED_PATH}`, { signal: AbortSignal.timeout(LOOK_MS) });
  const [requests = NaN, ms = NaN] = (await response.text()).split(" ").map(Number);
  return { requests, ms, cpuMicros: await cpuMicros(pid) };
}

async function loadOn({ running, load }: Contender, base: Omit<WrkOptions, "url">, counter?: InstructionCounter) {
  const url = `http://127.0.0.1:${running.port}${PATH}`;
  const wrap = counter && { wrap: (command: readonly string[]) => counter.around(running.pid, command) };
  try {
    return await runWrk({ ...base, url, ...load, ...wrap });
  } catch (error) {
    throw new Error(`load on ${running.name} failed; its last output:\n${running.output()}`, { cause: error });
  }
}

async function instructionsOf({ running }: Contender, { requests }: WrkResult, counter?: InstructionCounter) {
  const counted = await counter?.read(running.pid);
  return counted === undefined ? undefined : counted / requests;
}

export function figureTable(figures: ReadonlyMap<string, Figures>, baseline = "nginx"): string {
  const nginx = figures.get(baseline);
  const isSaid = (kind: "p50" | "instructions") => [...figures.values()].every((own) => own[kind].length > 0);
  const counts = isSaid("instructions"), waits = isSaid("p50");
  const rows = [...figures].map(([name, { perSecond, cpuMicros, p50, instructions }]) => [
    name,
    show(median(perSecond)),
    nginx === undefined ? "" : show(ratioByRound(perSecond, nginx.perSecond)),
    show(median(cpuMicros)),
    ...(waits ? [show(median(p50))] : []),
    ...(counts ? [show(median(instructions))] : []),
  ]);
  const head = ["proxy", "requests/s", `vs ${baseline}`, "CPU µs a request", ...(waits ? ["p50 µs"] : [])];
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
): Promise<SignetContender[]> {
  const started: SignetContender[] = [];
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
