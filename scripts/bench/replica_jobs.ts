// What several replicas cost: a call passed on to its home, at each end; a session that comes back when its home has died;
// a shared store, of which a call of a known session must see nothing; and workers of one machine.
import { freePort } from "../free_port.ts";
import { findProgram } from "../programs.ts";
import {
  requireLane,
  ROOM,
  type RunningSignet,
  type Setup,
  signetCommand,
  startNginx,
  startUpstream,
} from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import { findingOf, formsOf, ratioOf } from "./forms.ts";
import { type Running, startServer } from "./process.ts";
import { RawConnection, requestBytes } from "./raw_http.ts";
import { type Finding, type Measured, median, show } from "./report.ts";
import {
  CONNECTIONS,
  type Contender,
  figuresOf,
  figureTable,
  interleave,
  type SignetContender,
  startForms,
  withAll,
} from "./rounds.ts";

/** Sessions brought back, one after the other. */
const BROUGHT_BACK = 50;

async function startReplica(setup: Setup): Promise<RunningSignet> {
  const ports = { port: freePort(), admin: freePort() };
  const flags = [...ROOM, "--advertise", `http://127.0.0.1:${ports.port}`, "--peer", "127.0.0.0/8"];
  const command = signetCommand(setup, ports, flags);
  const running = await startServer({ name: "signet", role: "proxy", port: ports.port, command });
  return { ...running, admin: ports.admin };
}

/** Calls at the home, and the same calls at another replica: the CPU of either is measured in a load of its own. */
const hop: Job = {
  name: "hop",
  rows: ["hop-first", "hop-home", "resurrection"],
  run: (context) =>
    withAll(async (keep) => {
      const servers = [await keep(startUpstream()), await keep(startUpstream())];
      const pairs: ReplicaPair[] = [];
      for (const { name, setup } of formsOf(context)) {
        const [home, other] = await Promise.all(
          servers.map(({ port }) => {
            return keep(startReplica({ credentials: context.credentials, upstreamPort: port, ...setup }));
          }),
        );
        if (home === undefined || other === undefined) throw new Error("starting two replicas: found fewer");
        const [id = ""] = (await openSessions(context, targetOf(home.port), 1)).ids;
        pairs.push({ name, home, other, headers: headersFor(context, id) });
      }
      const contenders = pairs.flatMap(({ name, home, other, headers }): Contender[] => [
        { name, running: home, load: { headers } },
        { name: `${name}, first replica`, running: other, load: { headers } },
        { name: `${name}, home`, running: { ...home, port: other.port }, load: { headers } },
      ]);
      const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers: {}, body: CALL });
      context.addDetail(
        `Calls over ${CONNECTIONS} connections, passed on to another replica`,
        figureTable(figures, pairs[0]!.name),
      );
      const cpu = (name: string) => figuresOf(figures, name).cpuMicros;
      const against = (row: string, end: string): Finding =>
        findingOf(row, pairs.map(({ name }) => ratioOf(cpu(`${name}, ${end}`), cpu(name), "µs")));
      const brought: Measured[] = [];
      for (const { home, other } of pairs) brought.push(await resurrection(context, home, other));
      return [
        against("hop-first", "first replica"),
        against("hop-home", "home"),
        findingOf("resurrection", brought),
      ];
    }),
};

/** Two replicas in one form, and a session of the first one's. */
interface ReplicaPair {
  readonly name: string;
  readonly home: RunningSignet;
  readonly other: RunningSignet;
  readonly headers: Record<string, string>;
}

async function resurrection(context: Context, home: Running, other: Running): Promise<Measured> {
  const { ids } = await openSessions(context, targetOf(home.port), BROUGHT_BACK);
  await home.stop();
  const connection = await RawConnection.open(targetOf(other.port));
  const call = async (id: string) => {
    const start = performance.now();
    const { status } = await connection.exchange(requestBytes(targetOf(other.port), headersFor(context, id), CALL));
    if (status !== 200) throw new Error(`a session that comes back: found status ${status}, want 200`);
    return performance.now() - start;
  };
  const [brought, plain]: [number[], number[]] = [[], []];
  for (const id of ids) {
    brought.push(await call(id));
    plain.push(await call(id));
  }
  connection.close();
  return {
    value: median(brought) - median(plain),
    detail: `${show(median(brought))} and ${show(median(plain))} ms, ${ids.length} sessions whose home was killed`,
  };
}

const store: Job = {
  name: "store",
  rows: ["store"],
  run: (context) =>
    withAll(async (keep) => {
      const program = await findProgram("redis-server");
      if (program === undefined) return [{ id: "store", skipped: "redis-server is not installed" }];
      const port = freePort();
      const command = [program, "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
      await keep(startServer({ name: "redis", role: "load", port, command }));
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const plain = await startForms(context, setup, keep);
      const sharing = await startForms(context, setup, keep, [...ROOM, "--store", `redis://127.0.0.1:${port}`]);
      const [id = ""] = (await openSessions(context, targetOf(sharing[0]!.running.port), 1)).ids;
      const withStore = (name: string) => `${name}, store`;
      const contenders = [...plain, ...sharing.map((form) => ({ ...form, name: withStore(form.name) }))];
      const headers = headersFor(context, id);
      const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
      for (const { running } of [...plain, ...sharing]) await requireLane(running, "fast");
      const names = plain.map(({ name }) => name);
      context.addDetail(`Calls over ${CONNECTIONS} connections, with a shared store`, figureTable(figures, names[0]));
      const cpu = (name: string) => figuresOf(figures, name).cpuMicros;
      return [findingOf("store", names.map((name) => ratioOf(cpu(withStore(name)), cpu(name), "µs")))];
    }),
};

/** How many processes share the port. */
const WORKERS = [1, 2, 4] as const;

/**
 * What a call costs where several workers share the port: with as many cores as workers, the throughput of so many processes
 * is what that leaves. CPU time is of all of them together; the bench gives them one core, as it does every proxy. What that
 * costs any program is seen beside it: nginx with one worker and with as many. Each worker has its part of the calls, so
 * those with several run the longer before they are measured (docs/costs.md, "Several workers").
 */
const workers: Job = {
  name: "workers",
  rows: ["workers"],
  run: (context) =>
    withAll(async (keep) => {
      const upstream = await keep(startUpstream());
      const setup: Setup = { credentials: context.credentials, upstreamPort: upstream.port };
      const nameOf = (form: string, count: number) => count === 1 ? form : `${form}, ${count} workers`;
      const signets: SignetContender[] = [];
      const nginxes: Contender[] = [];
      for (const count of WORKERS) {
        const forms = await startForms(context, setup, keep, [...ROOM, "--workers", String(count)]);
        signets.push(...forms.map((form) => ({ ...form, name: nameOf(form.name, count), processes: count })));
        nginxes.push({ name: nameOf("nginx", count), running: await keep(startNginx(setup, count)) });
      }
      const [id = ""] = (await openSessions(context, targetOf(signets[0]!.running.port), 1)).ids;
      const load = { connections: CONNECTIONS, headers: headersFor(context, id), body: CALL };
      const figures = await interleave(context, [...signets, ...nginxes], load);
      for (const { running } of signets) await requireLane(running, "fast");
      const names = formsOf(context).map(({ name }) => name);
      context.addDetail(
        `Calls over ${CONNECTIONS} connections, by workers on one core`,
        figureTable(figures, names[0]),
      );
      const cpu = (name: string) => figuresOf(figures, name).cpuMicros;
      return [findingOf("workers", names.map((name) => ratioOf(cpu(nameOf(name, 4)), cpu(name), "µs")))];
    }),
};

export const REPLICA_JOBS: readonly Job[] = [hop, store, workers];
