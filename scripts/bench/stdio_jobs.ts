// Stdio servers: what Signet adds to a call on the server's own pipes, how many sessions fit into a GiB, how many open
// in a second, and npm's proxies before the same server in the same rounds. No row of BENCHMARKS.md speaks of stdio,
// so these are tables without a verdict. The server is a small one of another language: Signet's own share shows.
import { MCP_PROXY, startMcpProxy, startStdioSignet, startSupergateway, SUPERGATEWAY } from "./contenders.ts";
import {
  CALL,
  type Context,
  headersFor,
  INITIALIZE,
  type Job,
  openSessions,
  runLoad,
  sleep,
  targetOf,
} from "./context.ts";
import { cpuMicros, pinned, processTree, programOf, proportionalKiB } from "./machine.ts";
import { type Running, runToEnd } from "./process.ts";
import { type Finding, markdownTable, median, show } from "./report.ts";
import { withAll } from "./rounds.ts";
import type { Peer, StdioCallJob, StdioOpened, StdioOpenJob } from "./stdio_load.ts";
import type { Latencies } from "./summary.ts";

const DIRECT = "direct, on its pipes";
const GIB_IN_KIB = 1024 * 1024;

/** The server behind everybody. */
interface Server {
  readonly command: readonly string[];
  /** The file its processes run: what tells them from a proxy's own. */
  readonly program: string;
}

interface StdioContender {
  readonly name: string;
  readonly peer: Peer;
  /** None of its own where the load speaks to the server itself. */
  readonly running?: Running;
}

/** How much of each, so that a quick run ends within 20 s and a full one within 90. */
const extent = ({ quick }: Context) =>
  quick
    ? { rounds: 2, callSeconds: 0.3, opens: 6, parallel: 4, warm: 10, weighed: 30 }
    : { rounds: 5, callSeconds: 1.2, opens: 12, parallel: 4, warm: 25, weighed: 100 };

/** The Python fixture, by the interpreter itself: what `python3` on PATH may be is a script that looks for it first. */
async function findServer(): Promise<Server> {
  const script = decodeURIComponent(new URL("../../tests/fixtures/stdio_python_server.py", import.meta.url).pathname);
  const program = (await runToEnd(["python3", "-c", "import os, sys; print(os.path.realpath(sys.executable))"])).trim();
  return { program, command: pinned("load", [program, "-I", "-S", script]) };
}

type Keep = <R extends Running>(running: Promise<R>) => Promise<R>;

async function startAll(context: Context, server: Server, keep: Keep) {
  const contenders: StdioContender[] = [{ name: DIRECT, peer: { command: server.command } }];
  const failed: Finding[] = [];
  const starts: readonly (readonly [string, () => Promise<Running>])[] = [
    ["signet", () => startStdioSignet(context.credentials, server.command)],
    [MCP_PROXY, () => startMcpProxy(server.command)],
    [SUPERGATEWAY, () => startSupergateway(server.command)],
  ];
  for (const [name, start] of starts) {
    try {
      const running = await keep(start());
      contenders.push({ name, running, peer: { target: targetOf(running.port), headers: headersFor(context) } });
    } catch (error) {
      context.log(String(error));
      failed.push({ id: stdio.name, skipped: `${name} could not be started` });
    }
  }
  return { contenders, failed };
}

/**
 * Runs `measure` for everybody in turn, `rounds` times after one that is thrown away; the order turns with the rounds.
 */
async function inTurn<T>(
  contenders: readonly StdioContender[],
  rounds: number,
  measure: (contender: StdioContender) => Promise<T>,
): Promise<Map<string, T[]>> {
  const found = new Map<string, T[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (let index = 0; index < contenders.length; index++) {
      const contender = contenders[(index + round + 1) % contenders.length]!;
      try {
        const result = await measure(contender);
        if (round >= 0) found.get(contender.name)?.push(result);
      } catch (error) {
        const output = contender.running?.output() ?? "";
        throw new Error(`load on ${contender.name} failed; its last output:\n${output}`, { cause: error });
      }
    }
  }
  return found;
}

/** The processes of a proxy, apart from those of the servers it has started. */
async function processesOf({ pid }: Running, { program }: Server): Promise<{ own: number[]; servers: number[] }> {
  const own: number[] = [];
  const servers: number[] = [];
  for (const each of await processTree(pid)) (await programOf(each) === program ? servers : own).push(each);
  return { own, servers };
}

interface CallFigures extends Latencies {
  /** µs of the proxy's CPU time a call, its servers left out; undefined where there is no proxy. */
  readonly cpu?: number;
}

async function call(context: Context, server: Server, { peer, running }: StdioContender): Promise<CallFigures> {
  const marks: Promise<number>[] = [];
  const text: string = JSON.parse(CALL).params.arguments.text;
  const job: StdioCallJob = {
    peer,
    initialize: INITIALIZE,
    body: CALL,
    atLeast: text.length,
    seconds: extent(context).callSeconds,
  };
  const mark = async (of: Running) => await cpuMicros(of.pid, (await processesOf(of, server)).servers);
  const latencies = await runLoad<Latencies>(context, "stdio-calls", job, (line) => {
    if (running !== undefined && (line === "from" || line === "until")) marks.push(mark(running));
  });
  const [from, until] = await Promise.all(marks);
  return from === undefined || until === undefined
    ? latencies
    : { ...latencies, cpu: (until - from) / latencies.count };
}

async function tableOfCalls(context: Context, server: Server, contenders: readonly StdioContender[]): Promise<void> {
  const found = await inTurn(contenders, extent(context).rounds, (contender) => call(context, server, contender));
  const direct = (found.get(DIRECT) ?? []).map(({ p50 }) => p50);
  const rows = [...found].map(([name, calls]) => {
    const added = median(calls.map(({ p50 }, round) => p50 - (direct[round] ?? NaN)));
    const cpu = calls.flatMap(({ cpu }) => cpu ?? []);
    context.log(`${name}: p50 ${show(median(calls.map(({ p50 }) => p50)))} µs, added ${show(added)} µs`);
    return [
      name,
      show(median(calls.map(({ p50 }) => p50))),
      name === DIRECT ? "" : show(added),
      show(median(calls.map(({ p99 }) => p99))),
      cpu.length === 0 ? "" : show(median(cpu)),
    ];
  });
  context.addDetail(
    "A stdio server: one call after the other in one session",
    markdownTable([["through", "p50 µs", "added µs", "p99 µs", "CPU µs a call"], ...rows]) +
      "\nAdded is the median over the rounds of the differences at p50; CPU is the proxy's own, without the server's. " +
      "Signet checks the caller's token and the owner of the session at every call; the others, as they come, check neither.\n",
  );
}

async function tableOfOpens(context: Context, contenders: readonly StdioContender[]): Promise<void> {
  const { rounds, opens, parallel } = extent(context);
  const found = await inTurn(contenders, rounds, ({ peer }) => {
    const job: StdioOpenJob = { peer, initialize: INITIALIZE, count: opens, passes: [1, parallel] };
    return runLoad<StdioOpened[]>(context, "stdio-opens", job);
  });
  const rows = [...found].map(([name, opened]) => {
    const of = (pass: number, what: "perSecond" | "p50") => median(opened.map((each) => each[pass]?.[what] ?? NaN));
    const [one, each, many] = [of(0, "perSecond"), of(0, "p50") / 1000, of(1, "perSecond")].map(show);
    context.log(`${name}: ${one} sessions/s one at a time, ${many} of ${parallel} at a time`);
    return [name, one!, each!, many!];
  });
  context.addDetail(
    "A stdio server: opening sessions",
    markdownTable([
      ["through", "sessions/s, one at a time", "ms each, p50", `sessions/s, ${parallel} at a time`],
      ...rows,
    ]) +
      "\nTo the answer to initialize. All servers start on the core of the load, and what that takes is the bound; a " +
      "proxy that starts none for a session (next table) has nothing to wait for.\n",
  );
}

interface Weight {
  readonly ownKiB: number;
  readonly serversKiB: number;
  readonly servers: number;
}

async function weigh(running: Running, server: Server): Promise<Weight> {
  const { own, servers } = await processesOf(running, server);
  const sum = async (pids: readonly number[]) =>
    (await Promise.all(pids.map(proportionalKiB))).reduce((total, each) => total + each, 0);
  return { ownKiB: await sum(own), serversKiB: await sum(servers), servers: servers.length };
}

/** The weight once the proxy's own has stopped moving for a while. */
async function settledWeight(running: Running, server: Server): Promise<Weight> {
  let last = await weigh(running, server);
  for (let calm = 0, tries = 0; calm < 3 && tries < 16; tries++) {
    await sleep(200);
    const now = await weigh(running, server);
    calm = Math.abs(now.ownKiB - last.ownKiB) < 128 ? calm + 1 : 0;
    last = now;
  }
  return last;
}

async function tableOfMemory(context: Context, server: Server, contenders: readonly StdioContender[]): Promise<void> {
  const { warm, weighed } = extent(context);
  const rows: string[][] = [];
  for (const { name, running } of contenders) {
    if (running === undefined) continue;
    await openSessions(context, targetOf(running.port), warm);
    const before = await settledWeight(running, server);
    await openSessions(context, targetOf(running.port), weighed);
    const after = await settledWeight(running, server);
    const own = (after.ownKiB - before.ownKiB) / weighed;
    const whole = Math.max(0, own) + (after.serversKiB - before.serversKiB) / weighed;
    const processes = (after.servers - before.servers) / weighed;
    context.log(
      `${name}: ${show(own)} KiB a session, ${show(whole)} KiB with the server, ${show(processes)} processes`,
    );
    rows.push([name, own < 1 ? "in the noise" : show(own), perGib(own), show(whole), perGib(whole), show(processes)]);
  }
  context.addDetail(
    "A stdio server: memory a session",
    markdownTable([
      ["through", "own KiB", "sessions a GiB", "KiB with the server", "sessions a GiB with it", "processes a session"],
      ...rows,
    ]) +
      `\nGrowth over ${weighed} idle sessions after ${warm} others; pages that processes share are counted by their ` +
      "shares. Without a process for each, sessions share the server's state.\n",
  );
}

/** Growth that is lost in the noise of the heap says nothing of how many would fit. */
const perGib = (kib: number): string => kib < 1 ? "?" : show(GIB_IN_KIB / kib);

const stdio: Job = {
  name: "stdio",
  rows: [],
  run: (context) =>
    withAll(async (keep) => {
      const server = await findServer();
      const { contenders, failed } = await startAll(context, server, keep);
      await tableOfCalls(context, server, contenders);
      await tableOfOpens(context, contenders);
      await tableOfMemory(context, server, contenders);
      return failed;
    }),
};

export const STDIO_JOBS: readonly Job[] = [stdio];
