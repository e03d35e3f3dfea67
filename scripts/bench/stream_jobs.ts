// Event streams: delay of an event, CPU an event, memory of a stream that is open and silent.
import { ROOM, type Setup, startNginx, startUpstream } from "./contenders.ts";
import {
  type Context,
  type Job,
  jobFile,
  loadCommand,
  openSessions,
  PATH,
  runLoad,
  sleep,
  streamHeaders,
  targetOf,
} from "./context.ts";
import { findingOf, formsOf, ratioOf } from "./forms.ts";
import type { StreamJob } from "./load.ts";
import { cpuMicros, pinned, residentKiB } from "./machine.ts";
import type { Running } from "./process.ts";
import { markdownTable, type Measured, median, show } from "./report.ts";
import { type Contender, startForms, withAll } from "./rounds.ts";
import type { Latencies } from "./summary.ts";

/** Signet allows 16 streams a session by default; a real client opens one. */
const STREAMS_A_SESSION = 10;

/**
 * Events a second in the round before those that count: of fewer, what an event takes is compiled in the middle of them, by
 * threads that have the proxy's core too.
 */
const WARMING_PER_SECOND = 5000;
const WARM_UP_SECONDS = 4;

interface StreamContender extends Contender {
  /** nginx streams without buffering under a path of its own. */
  readonly path: string;
}

interface StreamFigures {
  readonly p50: number[];
  readonly p99: number[];
  readonly cpuMicros: number[];
}

async function streamOnce(context: Context, contender: StreamContender, job: Omit<StreamJob, "target">) {
  const { pid, port } = contender.running;
  const marks: Promise<number>[] = [];
  const result = await runLoad<Latencies>(
    context,
    "streams",
    { ...job, target: { port, path: contender.path } },
    (line) => {
      if (line === "from" || line === "until") marks.push(cpuMicros(pid));
    },
  );
  const [from = NaN, until = NaN] = await Promise.all(marks);
  return { ...result, cpu: (until - from) / result.count };
}

async function compareStreams(
  context: Context,
  title: string,
  { streams, intervalMs, rounds }: { streams: number; intervalMs: number; rounds: number },
): Promise<Map<string, StreamFigures>> {
  return await withAll(async (keep) => {
    const upstream = await keep(startUpstream(intervalMs));
    const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
    const forms = (await startForms(context, setup, keep)).map((form) => ({ ...form, path: PATH }));
    const contenders: StreamContender[] = [
      { name: "nginx", running: await keep(startNginx(setup)), path: "/stream" },
      ...forms,
    ];
    const warming = Math.max(streams, WARMING_PER_SECOND * intervalMs / 1000);
    const sessions = Math.ceil(warming / STREAMS_A_SESSION);
    const { ids } = await openSessions(context, targetOf(forms[0]!.running.port), sessions);
    const figures = new Map(contenders.map(({ name }) => [name, { p50: [], p99: [], cpuMicros: [] } as StreamFigures]));
    const common = { headers: streamHeaders(context), sessionIds: ids };
    for (const contender of contenders) {
      await streamOnce(context, contender, { ...common, streams: warming, seconds: WARM_UP_SECONDS });
    }
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        const job = { ...common, streams, seconds: context.seconds };
        const { p50, p99, cpu, count } = await streamOnce(context, contender, job);
        const own = figures.get(contender.name);
        own?.p50.push(p50);
        own?.p99.push(p99);
        own?.cpuMicros.push(cpu);
        context.log(
          `${contender.name}: ${count} events, p50 ${show(p50)} µs, p99 ${show(p99)} µs, ${show(cpu)} µs CPU`,
        );
      }
    }
    const rows = [...figures].map((
      [name, f],
    ) => [name, show(median(f.p50)), show(median(f.p99)), show(median(f.cpuMicros))]);
    context.addDetail(title, markdownTable([["proxy", "delay p50 µs", "delay p99 µs", "CPU µs an event"], ...rows]));
    return figures;
  });
}

const sse: Job = {
  name: "sse",
  rows: ["sse-cpu", "sse-delay"],
  run: async (context) => {
    const { rounds } = context;
    const title = "50 streams, 20 events a second each";
    const few = await compareStreams(context, title, { streams: 50, intervalMs: 50, rounds });
    const streams = context.quick ? 500 : 5000;
    const manyTitle = `${streams.toLocaleString("en-GB")} streams, an event a second each`;
    // Opening so many takes longer than measuring them.
    const many = await compareStreams(context, manyTitle, { streams, intervalMs: 1000, rounds: Math.min(rounds, 3) });
    const take = (figures: Map<string, StreamFigures>, name: string, what: keyof StreamFigures) =>
      figures.get(name)?.[what] ?? [];
    const each = (id: string, figures: Map<string, StreamFigures>, what: keyof StreamFigures) =>
      findingOf(
        id,
        formsOf(context).map(({ name }) => ratioOf(take(figures, name, what), take(figures, "nginx", what), "µs")),
      );
    return [each("sse-cpu", many, "cpuMicros"), each("sse-delay", few, "p50")];
  },
};

/** Resident memory once it has stopped moving for a second, in KiB. */
export async function settledKiB(running: Running): Promise<number> {
  let last = await residentKiB(running.pid);
  for (let calm = 0, tries = 0; calm < 4 && tries < 40; tries++) {
    await sleep(250);
    const now = await residentKiB(running.pid);
    calm = Math.abs(now - last) < 128 ? calm + 1 : 0;
    last = now;
  }
  return last;
}

/**
 * Leaves a process alone until what is garbage has gone: collectors and allocators of both runtimes give memory back in
 * steps, V8 fifteen seconds after the last work: a fifth of what a process has.
 */
function rest(context: Context): Promise<void> {
  return sleep(context.quick ? 5000 : 30_000);
}

/** KiB a stream costs a proxy: `streams` opened and silent, against none, each time at {@link rest}. */
async function memoryOfStreams(context: Context, contender: StreamContender, ids: readonly string[], streams: number) {
  await rest(context);
  const before = await settledKiB(contender.running);
  const target = { port: contender.running.port, path: contender.path };
  const job: StreamJob = { target, headers: streamHeaders(context), sessionIds: ids, streams, seconds: 0 };
  const [program = "", ...args] = pinned("load", [...loadCommand(), "hold", await jobFile(context, job)]);
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const reader = child.stdout.getReader();
  try {
    // "open" is the first thing it says.
    if ((await reader.read()).done) throw new Error(`${streams} streams through ${contender.name} could not be opened`);
    await rest(context);
    return (await settledKiB(contender.running) - before) / streams;
  } finally {
    await child.stdin.close().catch(() => {});
    await child.status;
    await reader.cancel();
  }
}

const memory: Job = {
  name: "stream-memory",
  rows: ["stream-memory"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const streams = context.quick ? 1000 : 5000;
      const nginx: StreamContender = { name: "nginx", running: await keep(startNginx(setup)), path: "/stream" };
      const theirs = await memoryOfStreams(context, nginx, [""], streams);
      const detail = `at ${streams.toLocaleString("en-GB")} streams; nginx ${show(theirs)} KiB`;
      const found: Measured[] = [];
      // Silence means silence: no keep-alive comments while memory is read.
      for (const form of await startForms(context, setup, keep, [...ROOM, "--sse-keep-alive", "0"])) {
        const { ids } = await openSessions(context, targetOf(form.running.port), streams);
        const value = await memoryOfStreams(context, { ...form, path: PATH }, ids, streams);
        context.log(`${form.name}: ${show(value)} KiB a stream, nginx ${show(theirs)} KiB`);
        found.push({ value, detail });
      }
      return [findingOf("stream-memory", found)];
    }),
};

/** Opens so many more sessions in each, and weighs them at {@link rest}. */
async function restedKiB(context: Context, forms: readonly Running[], sessions: number): Promise<number[]> {
  for (const { port } of forms) await openSessions(context, targetOf(port), sessions);
  await rest(context);
  return await Promise.all(forms.map(settledKiB));
}

const sessionMemory: Job = {
  name: "session-memory",
  rows: ["session-memory"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      // Some before, for the heap to be what it will be, compiled code, garbage and all; those after them are weighed: twice
      // as many, since what a collector leaves behind differs by some megabytes from one rest to the next.
      const sessions = context.quick ? 2000 : 10_000;
      const weighed = 2 * sessions;
      const detail =
        `resident growth from ${sessions.toLocaleString("en-GB")} sessions to three times as many, each time at ` +
        `rest for ${context.quick ? 5 : 30} s`;
      const forms = (await startForms(context, setup, keep, ["--max-sessions", "40000"])).map(({ running }) => running);
      const before = await restedKiB(context, forms, sessions);
      const after = await restedKiB(context, forms, weighed);
      const each = forms.map((_, at) => (after[at]! - before[at]!) / weighed);
      return [findingOf("session-memory", each.map((value) => ({ value, detail })))];
    }),
};

export const STREAM_JOBS: readonly Job[] = [sse, memory, sessionMemory];
