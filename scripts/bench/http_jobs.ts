// Plain calls: latency, cold ids, big bodies, TLS, and what npm's proxies make of the same calls.
import {
  MCP_PROXY,
  type Setup,
  startHaproxy,
  startMcpProxy,
  startNginx,
  startSignet,
  startSupergateway,
  startUpstream,
  SUPERGATEWAY,
} from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, PATH, runLoad, targetOf } from "./context.ts";
import { findingOf, ratioOf } from "./forms.ts";
import { processTree } from "./machine.ts";
import type { PacedTarget, PaceJob } from "./pace.ts";
import { type Finding, markdownTable, median, show } from "./report.ts";
import {
  alternate,
  CONNECTIONS,
  type Contender,
  type Figures,
  figuresOf,
  figureTable,
  interleave,
  startForms,
  warmUp,
  withAll,
} from "./rounds.ts";
import type { Latencies } from "./summary.ts";
import { throughput } from "./throughput_job.ts";

const latency: Job = {
  name: "latency",
  rows: ["p50", "p99"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const forms = await startForms(context, setup, keep);
      const contenders: Contender[] = [
        { name: "direct", running: upstream, isNeeded: true },
        { name: "nginx", running: await keep(startNginx(setup)) },
        ...forms,
      ];
      const [id = ""] = (await openSessions(context, targetOf(forms[0]!.running.port), 1)).ids;
      const headers = headersFor(context, id);
      const single = await interleave(context, contenders, { connections: 1, headers, body: CALL });
      context.addDetail("Calls over one connection", figureTable(single));
      const paced = await paceAll(context, contenders, headers);
      const p50 = (name: string) => figuresOf(single, name).p50;
      const p99 = (name: string) => paced.get(name) ?? [];
      return [
        findingOf("p50", forms.map(({ name }) => ratioOf(p50(name), p50("nginx"), "µs"))),
        findingOf("p99", forms.map(({ name }) => ratioOf(p99(name), p99("nginx"), "µs"))),
      ];
    }),
};

const PACED_PER_SECOND = 2000;
/** Compilers go on for some 40,000 calls at this pace, whatever load came before: they learn other things from it. */
const PACED_WARM_UP_SECONDS = 20;

/** p99 in µs at 2,000 requests a second, by contender, one entry a round. */
async function paceAll(context: Context, contenders: readonly Contender[], headers: Record<string, string>) {
  // One connection has not brought all of a program to where it is compiled, and its compiler has the proxy's core too.
  await warmUp(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
  const targets = await Promise.all(
    contenders.map(async ({ running: { port, pid }, isNeeded }): Promise<PacedTarget> => ({
      target: targetOf(port),
      pids: isNeeded ? [] : await processTree(pid),
    })),
  );
  // A hundredth of a round has to be more than what one bad moment of the machine holds up.
  const times = { warmUpSeconds: PACED_WARM_UP_SECONDS, seconds: 2 * context.seconds, rounds: context.rounds };
  const job: PaceJob = {
    targets,
    headers,
    body: CALL,
    connections: CONNECTIONS,
    perSecond: PACED_PER_SECOND,
    ...times,
  };
  const rounds = await runLoad<Latencies[][]>(context, "pace", job);
  const p50 = new Map<string, number[]>(), p99 = new Map<string, number[]>();
  contenders.forEach(({ name }, at) => {
    p50.set(name, rounds.map((round) => round[at]!.p50));
    p99.set(name, rounds.map((round) => round[at]!.p99));
    context.log(`${name} at 2,000/s: p99 ${p99.get(name)!.map(show).join(", ")} µs`);
  });
  const rows = contenders.map((
    { name },
  ) => [name, show(median(p50.get(name) ?? [])), show(median(p99.get(name) ?? []))]);
  context.addDetail(
    "2,000 calls a second over 32 connections",
    markdownTable([["proxy", "p50 µs", "p99 µs"], ...rows]),
  );
  return p99;
}

const cold: Job = {
  name: "cold",
  rows: ["cold"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      // The ids come from one Signet; others with the same key and room for a few sessions meet each as a stranger.
      const issuer = await keep(startSignet(setup));
      const forms = await startForms(context, setup, keep, ["--max-sessions", "100"]);
      const { ids } = await openSessions(context, targetOf(issuer.port), 2000);
      const figures = await alternate(context, upstream, [
        { name: "nginx", running: await keep(startNginx(setup)) },
        ...forms,
      ], { connections: CONNECTIONS, headers: headersFor(context), body: CALL, sessionIds: ids });
      context.addDetail("Every request with another id, none of them known", figureTable(figures));
      return [perSecondBesideNginx("cold", figures, forms)];
    }),
};

const big: Job = {
  name: "big",
  rows: ["big"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const forms = await startForms(context, setup, keep);
      const [id = ""] = (await openSessions(context, targetOf(forms[0]!.running.port), 1)).ids;
      const body = CALL.replace("the quick", "x".repeat(1024 * 1024));
      const figures = await alternate(context, upstream, [
        { name: "nginx", running: await keep(startNginx(setup)) },
        { name: "haproxy", running: await keep(startHaproxy(setup)) },
        ...forms,
      ], { connections: 4, headers: headersFor(context, id), body });
      context.addDetail("1 MiB up and 1 MiB down over 4 connections", figureTable(figures));
      return [perSecondBesideNginx("big", figures, forms)];
    }),
};

function perSecondBesideNginx(id: string, figures: ReadonlyMap<string, Figures>, forms: readonly Contender[]): Finding {
  const nginx = figuresOf(figures, "nginx").perSecond;
  return findingOf(id, forms.map(({ name }) => ratioOf(figuresOf(figures, name).perSecond, nginx, "requests/s")));
}

const tls: Job = {
  name: "tls",
  rows: ["tls"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const plain = await keep(startSignet(setup));
      const [id = ""] = (await openSessions(context, targetOf(plain.port), 1)).ids;
      const overTls = ({ name, running }: Contender): Contender => ({
        name,
        running,
        load: { url: `https://localhost:${running.port}${PATH}` },
      });
      const forms = (await startForms(context, { ...setup, tls: true }, keep)).map(overTls);
      const figures = await alternate(context, upstream, [
        overTls({ name: "nginx", running: await keep(startNginx({ ...setup, tls: true })) }),
        ...forms,
      ], { connections: CONNECTIONS, headers: headersFor(context, id), body: CALL });
      context.addDetail("TLS in front, kept-alive connections", figureTable(figures));
      const nginx = figuresOf(figures, "nginx").cpuMicros;
      return [findingOf("tls", forms.map(({ name }) => ratioOf(figuresOf(figures, name).cpuMicros, nginx, "µs")))];
    }),
};

const npm: Job = {
  name: "npm",
  rows: ["mcp-proxy", "supergateway"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const forms = await startForms(context, setup, keep);
      const others: Contender[] = [];
      const skipped: Finding[] = [];
      for (const [id, start] of [["mcp-proxy", startMcpProxy], ["supergateway", startSupergateway]] as const) {
        try {
          others.push({ name: id, running: await keep(start()) });
        } catch (error) {
          skipped.push({ id, skipped: `could not be started: ${String(error).split("\n")[0]}` });
        }
      }
      const contenders: Contender[] = [];
      for (const contender of [...forms, ...others]) {
        const [id = ""] = (await openSessions(context, targetOf(contender.running.port), 1)).ids;
        contenders.push({ ...contender, load: { headers: headersFor(context, id) } });
      }
      const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers: {}, body: CALL });
      context.addDetail(
        `Against ${MCP_PROXY} and ${SUPERGATEWAY}. Neither forwards to an HTTP server: the server behind them is a ` +
          "stdio process on the other core, whose CPU time is counted with theirs",
        figureTable(figures, forms[0]!.name),
      );
      const ours = forms.map(({ name }) => figuresOf(figures, name).perSecond);
      return [
        ...skipped,
        ...others.map(({ name }): Finding => {
          const theirs = figuresOf(figures, name).perSecond;
          return findingOf(name, ours.map((own) => ratioOf(own, theirs, "requests/s")));
        }),
      ];
    }),
};

export const HTTP_JOBS: readonly Job[] = [throughput, latency, npm, cold, big, tls];
