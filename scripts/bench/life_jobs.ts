// What happens once: starting, initialize, a client that goes away, an id that is opened for the first time or forged.
import { freePort } from "../free_port.ts";
import { type Setup, signetCommand, startNginx, startUpstream } from "./contenders.ts";
import { CALL, type Context, headersFor, INITIALIZE, type Job, openSessions, sleep, targetOf } from "./context.ts";
import { findingOf, formsOf } from "./forms.ts";
import type { Opened } from "./load.ts";
import { forgetPages, pinned, residentKiB, wallMs } from "./machine.ts";
import { type Running, runToEnd } from "./process.ts";
import { RawConnection, requestBytes } from "./raw_http.ts";
import { type Finding, markdownTable, type Measured, median, show, spreadOf } from "./report.ts";
import { startForms, withAll } from "./rounds.ts";
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
  rows: ["start", "idle-memory"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const nginx = await keep(startNginx(setup));
      const beside = `one session known; nginx ${show(await settledKiB(nginx) * 1024 / 1e6)} MB`;
      const starts: Measured[] = [], rests: Measured[] = [];
      for (const form of formsOf(context)) {
        const ofForm = { ...setup, ...form.setup };
        const millis = (await startOften(context, ofForm, context.rounds * 2, 0)).map(({ ms }) => ms);
        starts.push(spreadBy(millis, `best ${show(Math.min(...millis))} ms`));
        rests.push(await restOf(context, ofForm, beside));
      }
      return [findingOf("start", starts), findingOf("idle-memory", rests)];
    }),
};

const spreadBy = (values: readonly number[], detail: string): Measured => ({
  value: median(values),
  spread: spreadOf(values),
  detail,
});

interface Started {
  /** Until the first answer. */
  readonly ms: number;
  /** Resident at the end. */
  readonly megabytes: number;
}

/** How long a process is left alone before it is asked what it rests with. */
const REST_MS = 1000;

/**
 * What a process of an executable rests with, once its file has been read in as it is used. A file that was written just
 * now, as a bench's is, lies in the kernel's cache in the pieces in which it was written, and the kernel maps some
 * megabytes more of it around what is touched: other ones for each time it is written.
 */
async function restOf(context: Context, setup: Setup, beside: string): Promise<Measured> {
  const { executable } = setup;
  const rests = async () => (await startOften(context, setup, context.rounds, REST_MS)).map((own) => own.megabytes);
  const before = await rests();
  if (executable === undefined) return spreadBy(before, beside);
  await forgetPages(executable);
  await startOften(context, setup, 1, REST_MS);
  const written = `${show(median(before))} MB while the file has just been written`;
  return spreadBy(await rests(), `${beside}; ${written}`);
}

/**
 * One start after the other.
 * @param restMs for which each is left alone before its end. A machine that has slept for a second takes up to twice as
 *   long for the next start, and by its mood: where times count, nobody rests.
 */
async function startOften(context: Context, setup: Setup, times: number, restMs: number): Promise<Started[]> {
  const starts: Started[] = [];
  for (let round = 0; round < times; round++) {
    const port = freePort();
    const { ms, child } = await timeToAnswer(context, signetCommand(setup, { port, admin: freePort() }), port);
    if (restMs > 0) await sleep(restMs);
    const megabytes = await residentKiB(child.pid) * 1024 / 1e6;
    child.kill("SIGKILL");
    await child.status;
    context.log(`first answer after ${show(ms)} ms, ${show(megabytes)} MB`);
    starts.push({ ms, megabytes });
  }
  return starts;
}

const initialize: Job = {
  name: "initialize",
  rows: ["initialize"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const forms = await startForms(context, setup, keep);
      const added = forms.map((): number[] => []), through = forms.map((): number[] => []);
      const open = (port: number): Promise<Opened> => openSessions(context, targetOf(port), 300);
      for (const { running } of forms) await open(running.port);
      for (let round = 0; round < context.rounds; round++) {
        const direct = (await open(upstream.port)).p50;
        for (const [at, { name, running }] of forms.entries()) {
          const ours = (await open(running.port)).p50;
          through[at]!.push(ours);
          added[at]!.push((ours - direct) / 1000);
          context.log(`initialize: direct ${show(direct)} µs, through ${name} ${show(ours)} µs`);
        }
      }
      const detailOf = (at: number) => `p50 through Signet ${show(median(through[at]!))} µs`;
      return [findingOf(
        "initialize",
        forms.map((_, at) => ({ value: median(added[at]!), spread: spreadOf(added[at]!), detail: detailOf(at) })),
      )];
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
      const found: Measured[] = [];
      for (const { running } of await startForms(context, setup, keep, ["--cancel-on-disconnect"])) {
        found.push(await abortOften(context, running, lines));
      }
      return [findingOf("abort", found)];
    });
  },
};

/** @param lines what the upstream says, as it says it */
async function abortOften(context: Context, { port }: Running, lines: string[]): Promise<Measured> {
  const [id = ""] = (await openSessions(context, targetOf(port), 1)).ids;
  const body = CALL.replace("tools/call", "bench/hang");
  const request = requestBytes(targetOf(port), headersFor(context, id), body);
  const millis: number[] = [];
  for (let round = 0; round < context.rounds * 4; round++) {
    const conn = await RawConnection.open(targetOf(port));
    await conn.send(request);
    await until(() => lines.some((line) => line === "hanging"), "the call did not reach the upstream");
    const left = wallMs();
    conn.close();
    await until(() => lines.some((line) => line.startsWith("gone ")), "the upstream never saw the client leave");
    millis.push(Number(lines.find((line) => line.startsWith("gone "))?.slice(5)) - left);
    lines.length = 0;
  }
  return { value: median(millis), detail: `${millis.length} times, worst ${show(Math.max(...millis))} ms` };
}

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
    { id: "cold-open", value: typical.medianMicros, detail: `on Deno, ${typicalLength} characters` },
    {
      id: "forged",
      value: ratioOf(dearest),
      detail: `on Deno, ${dearest.name.trim()}: ${show(dearest.medianMicros)} µs`,
    },
  ];
}

export const LIFE_JOBS: readonly Job[] = [start, initialize, abort, envelope];
