// What happens once: starting, initialize, a client that goes away, an id that is opened for the first time or forged,
// and whether a process that has seen a million ids still works as it did after a hundred.
import {
  CALL,
  type Context,
  headersFor,
  INITIALIZE,
  type Job,
  openSessions,
  PATH,
  runLoad,
  sleep,
  targetOf,
} from "./context.ts";
import { type Setup, signetCommand, startNginx, startSignet, startUpstream } from "./contenders.ts";
import { figuresOf, figureTable, interleave, withAll } from "./rounds.ts";
import type { Opened } from "./load.ts";
import { pinned, residentKiB, wallMs } from "./machine.ts";
import { freePort, runToEnd } from "./process.ts";
import { RawConnection, requestBytes } from "./raw_http.ts";
import { type Finding, markdownTable, median, ratioByRound, show, spreadOf } from "./report.ts";
import { settledKiB } from "./stream_jobs.ts";

const root = `${import.meta.dirname}/../..`;

/** ms from spawning the command to the first whole answer on `port`. The process keeps running. */
async function timeToAnswer(context: Context, command: readonly string[], port: number) {
  const [program = "", ...args] = pinned("proxy", command);
  const request = requestBytes(targetOf(port), headersFor(context), INITIALIZE);
  const start = performance.now();
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  for (const deadline = start + 20_000; performance.now() < deadline;) {
    try {
      const conn = await RawConnection.open(targetOf(port));
      const { status } = await conn.exchange(request);
      const ms = performance.now() - start;
      conn.close();
      if (status !== 200) throw new RangeError(`the first answer was ${status}, not 200`);
      return { ms, child };
    } catch (error) {
      if (error instanceof RangeError) throw error;
      await sleep(1);
    }
  }
  child.kill("SIGKILL");
  throw new Error(`no answer within 20 s from ${command.join(" ")}`);
}

const start: Job = {
  name: "start",
  rows: ["start", "idle-memory", "start-executable", "idle-memory-executable"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const { executable, credentials } = context;
      const setup: Setup = { credentials, upstreamPort: upstream.port };
      const fromSource = await startOften(context, setup);
      const compiled = executable === undefined ? undefined : await startOften(context, { ...setup, executable });
      const nginx = await keep(startNginx(setup));
      const beside = `one session known; nginx ${show(await settledKiB(nginx) * 1024 / 1e6)} MB`;
      return [
        ...startFindings(fromSource, "", { how: "run from source", beside }),
        ...(compiled === undefined ? [] : startFindings(compiled, "-executable", { how: "the executable", beside })),
      ];
    }),
};

interface Starts {
  readonly millis: number[];
  readonly megabytes: number[];
}

async function startOften(context: Context, setup: Setup): Promise<Starts> {
  const starts: Starts = { millis: [], megabytes: [] };
  for (let round = 0; round < context.rounds * 2; round++) {
    const port = freePort();
    const { ms, child } = await timeToAnswer(context, signetCommand(setup, { port, admin: freePort() }), port);
    await sleep(1000);
    const kib = await residentKiB(child.pid);
    child.kill("SIGKILL");
    await child.status;
    context.log(`first answer after ${show(ms)} ms, ${show(kib * 1024 / 1e6)} MB`);
    starts.millis.push(ms);
    starts.megabytes.push(kib * 1024 / 1e6);
  }
  return starts;
}

function startFindings(
  { millis, megabytes }: Starts,
  suffix: string,
  { how, beside }: { readonly how: string; readonly beside: string },
): Finding[] {
  const best = show(Math.min(...millis));
  return [
    {
      id: `start${suffix}`,
      value: median(millis),
      spread: spreadOf(millis),
      detail: `best ${best} ms; ${how}, spawn to the answer to initialize`,
    },
    { id: `idle-memory${suffix}`, value: median(megabytes), spread: spreadOf(megabytes), detail: beside },
  ];
}

const initialize: Job = {
  name: "initialize",
  rows: ["initialize"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const signet = await keep(startSignet({ credentials: context.credentials, upstreamPort: upstream.port }));
      const added: number[] = [];
      const through: number[] = [];
      const open = (port: number): Promise<Opened> => openSessions(context, targetOf(port), 300);
      await open(signet.port);
      for (let round = 0; round < context.rounds; round++) {
        const direct = (await open(upstream.port)).p50;
        const ours = (await open(signet.port)).p50;
        through.push(ours);
        added.push((ours - direct) / 1000);
        context.log(`initialize: direct ${show(direct)} µs, through Signet ${show(ours)} µs`);
      }
      return [{ id: "initialize", value: median(added), detail: `p50 through Signet ${show(median(through))} µs` }];
    }),
};

const abort: Job = {
  name: "abort",
  rows: ["abort"],
  run: (context) => {
    const lines: string[] = [];
    return withAll(async (keep) => {
      const upstream = await keep(startUpstream(0, (line) => lines.push(line)));
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const signet = await keep(startSignet(setup, ["--cancel-on-disconnect"]));
      const [id = ""] = (await openSessions(context, targetOf(signet.port), 1)).ids;
      const body = CALL.replace("tools/call", "bench/hang");
      const request = requestBytes(targetOf(signet.port), headersFor(context, id), body);
      const millis: number[] = [];
      for (let round = 0; round < context.rounds * 4; round++) {
        const conn = await RawConnection.open(targetOf(signet.port));
        await conn.send(request);
        await until(() => lines.some((line) => line === "hanging"), "the call did not reach the upstream");
        const left = wallMs();
        conn.close();
        await until(() => lines.some((line) => line.startsWith("gone ")), "the upstream never saw the client leave");
        millis.push(Number(lines.find((line) => line.startsWith("gone "))?.slice(5)) - left);
        lines.length = 0;
      }
      const worst = `${millis.length} times, worst ${show(Math.max(...millis))} ms`;
      return [{ id: "abort", value: median(millis), detail: worst }];
    });
  },
};

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  for (const deadline = performance.now() + 5000; !holds();) {
    if (performance.now() > deadline) throw new Error(otherwise);
    await sleep(2);
  }
}

/** What `bench_envelope.ts --json` prints. */
interface EnvelopeReport {
  readonly typicalLength: number;
  readonly rows: readonly EnvelopeRow[];
}

interface EnvelopeRow {
  readonly name: string;
  readonly medianMicros: number;
  readonly toTypicalOpen: number;
  /** Forgeries of a length at which an honest id was opened too. */
  readonly toOpenOfItsLength?: number;
}

const envelope: Job = {
  name: "envelope",
  rows: ["cold-open", "forged"],
  run: async (context) => {
    const flags = ["--json", "--rounds", context.quick ? "11" : "41"];
    const output = await runToEnd(
      [Deno.execPath(), "run", "-A", `${root}/scripts/bench_envelope.ts`, ...flags],
      "proxy",
    );
    const report: EnvelopeReport = JSON.parse(output);
    context.addDetail(
      "The envelope alone",
      markdownTable([["operation", "µs"], ...report.rows.map(({ name, medianMicros }) => [name, show(medianMicros)])]),
    );
    return envelopeFindings(report);
  },
};

/**
 * A forgery is compared with opening an honest id of its own length, or with a typical one where it is shorter.
 * @throws Error if the report has no such rows
 */
export function envelopeFindings({ typicalLength, rows }: EnvelopeReport): Finding[] {
  const typical = rows.find(({ name }) => name.startsWith("cold open, typical id"));
  const ratioOf = (row: EnvelopeRow) => row.toOpenOfItsLength ?? row.toTypicalOpen;
  const [dearest] = rows.filter(({ name }) => name.trim().startsWith("forged"))
    .sort((a, b) => ratioOf(b) - ratioOf(a));
  if (typical === undefined || dearest === undefined) {
    throw new Error(`want a typical cold open and forgeries, found ${rows.map(({ name }) => name).join("; ")}`);
  }
  return [
    { id: "cold-open", value: typical.medianMicros, detail: `${typicalLength} characters` },
    { id: "forged", value: ratioOf(dearest), detail: `${dearest.name.trim()}: ${show(dearest.medianMicros)} µs` },
  ];
}

const growth: Job = {
  name: "growth",
  rows: ["growth"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const [young, old] = [await keep(startSignet(setup)), await keep(startSignet(setup))];
      const [ours] = [(await openSessions(context, targetOf(young.port), 100)).ids];
      const seen = context.quick ? 20_000 : 1_000_000;
      const startKiB = await settledKiB(old);
      await runLoad(context, "strangers", {
        target: targetOf(old.port),
        headers: headersFor(context),
        body: CALL,
        count: seen,
        keyFile: context.credentials.keyFile,
        upstreamUrl: `http://127.0.0.1:${upstream.port}${PATH}`,
      });
      const grownMb = (await settledKiB(old) - startKiB) * 1024 / 1e6;
      const figures = await interleave(context, [
        { name: "after 100 ids", running: young },
        { name: `after ${seen.toLocaleString("en-GB")} ids`, running: old },
      ], { connections: 32, headers: headersFor(context), body: CALL, sessionIds: ours });
      context.addDetail(
        `The same 100 sessions, before and after others; the process grew by ${show(grownMb)} MB`,
        figureTable(figures, "after 100 ids"),
      );
      const [then, now] = [
        figuresOf(figures, "after 100 ids"),
        figuresOf(figures, `after ${seen.toLocaleString("en-GB")} ids`),
      ];
      return [{
        id: "growth",
        value: ratioByRound(now.cpuMicros, then.cpuMicros),
        detail: `${show(median(now.cpuMicros))} and ${show(median(then.cpuMicros))} µs; ${
          seen.toLocaleString("en-GB")
        } ids`,
      }];
    }),
};

export const LIFE_JOBS: readonly Job[] = [start, initialize, abort, envelope, growth];
