// `deno task bench`: measures the executable against nginx, haproxy and others in one run and compares with the targets of
// scripts/bench/rows.ts; what Signet is from source on Deno stands beside it. Some 28 minutes for all rows. Ratios travel
// between machines, absolute figures do not.
//   --quick           short rounds, for a look; not for publishing
//   --only ROW        one row or one job, repeatable; the jobs `stdio` and `several-npm`, which have tables only, so alone
//   --rounds N        more or fewer of them
//   --executable FILE a compiled Signet; without it one is made, with Bun. `none`: what Deno runs from source is measured
//   --against FILE    an earlier report: says what has become worse since, beyond what rounds differ by anyway
//   --against FOLDER  another checkout, measured in turn with this one by the job `http`
//   --markdown FILE   writes the report there as well
import { changeTable, compare } from "./bench/against.ts";
import type { Context, Job } from "./bench/context.ts";
import { makeCredentials } from "./bench/credentials.ts";
import { makeExecutable } from "./bench/executable.ts";
import { growth } from "./bench/growth_job.ts";
import { HTTP_JOBS } from "./bench/http_jobs.ts";
import { LIFE_JOBS } from "./bench/life_jobs.ts";
import { describeMachine } from "./bench/machine.ts";
import { observed } from "./bench/observed_job.ts";
import { killDescendants } from "./bench/process.ts";
import { REPLICA_JOBS } from "./bench/replica_jobs.ts";
import { type Finding, judge, targetTable } from "./bench/report.ts";
import { ROWS } from "./bench/rows.ts";
import { sealed } from "./bench/sealed_job.ts";
import { SEVERAL_JOBS } from "./bench/several_jobs.ts";
import { STDIO_JOBS } from "./bench/stdio_jobs.ts";
import { STREAM_JOBS } from "./bench/stream_jobs.ts";
import { readOptions } from "./options.ts";
import { BENCH_PROGRAMS, findProgram } from "./programs.ts";

const JOBS: readonly Job[] = [
  ...HTTP_JOBS,
  ...STREAM_JOBS,
  ...STDIO_JOBS,
  ...SEVERAL_JOBS,
  ...LIFE_JOBS,
  growth,
  ...REPLICA_JOBS,
  observed,
  sealed,
];

async function missingPrograms(): Promise<string[]> {
  const lines: string[] = [];
  for (const { name, install, usedFor } of BENCH_PROGRAMS) {
    if (await findProgram(name) === undefined) lines.push(`${name} (${usedFor}) is not installed: ${install}`);
  }
  return lines;
}

function chooseJobs(only: readonly string[]): Job[] {
  const unknown = only.filter((name) => !JOBS.some((job) => job.name === name || job.rows.includes(name)));
  if (unknown.length > 0) {
    const known = JOBS.map((job) => `${job.name} (${job.rows.join(", ") || "tables only"})`).join("; ");
    throw new Error(`no row or job is called ${unknown.join(", ")}: want one of ${known}`);
  }
  if (only.length === 0) return JOBS.filter(({ rows }) => rows.length > 0);
  return JOBS.filter((job) => only.some((name) => job.name === name || job.rows.includes(name)));
}

async function measure(jobs: readonly Job[], context: Context): Promise<Finding[]> {
  const findings: Finding[] = [];
  const startedAt = performance.now();
  for (const job of jobs) {
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    context.log(`— ${job.name}, at ${Math.floor(seconds / 60)} min ${seconds % 60} s`);
    try {
      findings.push(...await job.run(context));
    } catch (error) {
      console.error(error);
      // A job without rows has its tables only: its own name keeps its failure in the exit code.
      const ids = job.rows.length > 0 ? job.rows : [job.name];
      findings.push(...ids.map((id) => ({ id, skipped: "failed; see the log of the run" })));
    }
  }
  return findings;
}

async function main(): Promise<number> {
  const values = readOptions(import.meta.url, {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    executable: { type: "string" },
    against: { type: "string" },
    markdown: { type: "string" },
  });
  const missing = await missingPrograms();
  if (missing.length > 0) {
    console.error(missing.join("\n"));
    return 3;
  }
  const jobs = chooseJobs(values.only);
  const machine = await describeMachine();
  const directory = await Deno.makeTempDir({ prefix: "signet_bench_" });
  const details: string[] = [];
  const { against, quick } = values;
  const isFolder = against !== undefined && (await Deno.stat(against)).isDirectory;
  endWithAll(directory);
  try {
    const credentials = await makeCredentials(directory);
    const log = (line: string) => console.error(line);
    const executable = await executableFor(values.executable, { credentials, log });
    const findings = await measure(jobs, {
      credentials,
      seconds: quick ? 1 : 2,
      rounds: Number(values.rounds ?? (quick ? 6 : 5)),
      executable,
      other: isFolder ? await Deno.realPath(against) : undefined,
      quick,
      log,
      addDetail: (title, table) => details.push(`### ${title}\n\n${table}`),
    });
    const report = render({ machine, quick, isExecutable: executable !== undefined }, findings, details);
    console.log(report);
    if (values.markdown !== undefined) await Deno.writeTextFile(values.markdown, report);
    if (against !== undefined && !isFolder) {
      const changes = compare(ROWS, findings, await Deno.readTextFile(against));
      console.log(changeTable(changes));
      if (changes.some(({ isWorse }) => isWorse)) return 1;
    }
    return exitCode(findings);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Some of what a run has started is stopped by it at any moment, and would stay so when somebody ends the run. */
function endWithAll(directory: string): void {
  for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(name, async () => {
      await killDescendants(Deno.pid);
      // In this turn: the run would tell of each that is gone.
      Deno.removeSync(directory, { recursive: true });
      Deno.exit(code);
    });
  }
}

/** @param asked a file, `none`, or nothing: then one is made */
async function executableFor(
  asked: string | undefined,
  made: Pick<Context, "credentials" | "log">,
): Promise<string | undefined> {
  if (asked === "none") return undefined;
  if (asked !== undefined) return await Deno.realPath(asked);
  return await makeExecutable(`${import.meta.dirname}/..`, made);
}

interface Circumstances {
  readonly machine: string;
  readonly quick: boolean;
  readonly isExecutable: boolean;
}

function render(
  { machine, quick, isExecutable }: Circumstances,
  findings: readonly Finding[],
  details: readonly string[],
): string {
  const how = quick ? "`deno task bench --quick`" : "`deno task bench`";
  const what = isExecutable
    ? "What is measured is the executable, made with Bun; the same from source on Deno stands beside it."
    : "What is measured runs from source on Deno.";
  return [
    "# Benchmarks\n",
    ...(quick ? ["> **Short rounds on a machine that had other work to do: a look, not a result.**\n"] : []),
    `Made by ${how} with Deno ${Deno.version.deno} on ${machine}. One run, interleaved`,
    "rounds, medians; a ratio is the median of the ratios of the rounds. The proxy has one core, load and upstream share",
    "the rest. Where calls are counted or paced, all programs of a table are under way at once and run by turns of six",
    "tenths of a second, of which the first does not count, the others stopped meanwhile: what the machine does to one it",
    `does to all. Ratios travel between machines, absolute figures do not. ${what}\n`,
    targetTable(ROWS, findings),
    ...details,
  ].join("\n");
}

/** 1 if any row is below its floor or could not be measured. */
function exitCode(findings: readonly Finding[]): number {
  const bad = findings.some((finding) => {
    if ("skipped" in finding) return true;
    const row = ROWS.find(({ id }) => id === finding.id);
    return row !== undefined && judge(row, finding.value) === "BELOW FLOOR";
  });
  return bad ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
