// What several replicas cost: a call passed on to its home, at each end; a session that comes back when its home has died;
// and a shared store, of which a call of a known session must see nothing.
import { CALL, type Context, headersFor, type Job, openSessions, targetOf } from "./context.ts";
import {
  requireLane,
  type RunningSignet,
  type Setup,
  signetCommand,
  startSignet,
  startUpstream,
} from "./contenders.ts";
import { findProgram } from "../programs.ts";
import { freePort, type Running, startServer } from "./process.ts";
import { RawConnection, requestBytes } from "./raw_http.ts";
import { type Finding, median, ratioWithSpread, show } from "./report.ts";
import { CONNECTIONS, type Contender, figuresOf, figureTable, interleave, withAll } from "./rounds.ts";

const ROOM = ["--max-sessions", "20000"];
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
      const [home, other] = await Promise.all(
        servers.map(({ port }) => keep(startReplica({ credentials: context.credentials, upstreamPort: port }))),
      );
      if (home === undefined || other === undefined) throw new Error("starting two replicas: found fewer");
      const [id = ""] = (await openSessions(context, targetOf(home.port), 1)).ids;
      const contenders: Contender[] = [
        { name: "call", running: home },
        { name: "passed on, first replica", running: other },
        { name: "passed on, home", running: { ...home, port: other.port } },
      ];
      const headers = headersFor(context, id);
      const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
      context.addDetail(
        `Calls over ${CONNECTIONS} connections, passed on to another replica`,
        figureTable(figures, "call"),
      );
      const plain = figuresOf(figures, "call").cpuMicros;
      const against = (row: string, name: string): Finding => {
        const own = figuresOf(figures, name).cpuMicros;
        const detail = `${show(median(own))} and ${show(median(plain))} µs`;
        return { id: row, ...ratioWithSpread(own, plain), detail };
      };
      return [
        against("hop-first", "passed on, first replica"),
        against("hop-home", "passed on, home"),
        await resurrection(context, home, other),
      ];
    }),
};

async function resurrection(context: Context, home: Running, other: Running): Promise<Finding> {
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
    id: "resurrection",
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
      const plain = await keep(startSignet(setup, ROOM));
      const sharing = await keep(startSignet(setup, [...ROOM, "--store", `redis://127.0.0.1:${port}`]));
      const [id = ""] = (await openSessions(context, targetOf(sharing.port), 1)).ids;
      const contenders = [{ name: "signet", running: plain }, { name: "signet, store", running: sharing }];
      const headers = headersFor(context, id);
      const figures = await interleave(context, contenders, { connections: CONNECTIONS, headers, body: CALL });
      for (const signet of [plain, sharing]) await requireLane(signet, "fast");
      context.addDetail(`Calls over ${CONNECTIONS} connections, with a shared store`, figureTable(figures, "signet"));
      const [with_, without] = [figuresOf(figures, "signet, store").cpuMicros, figuresOf(figures, "signet").cpuMicros];
      const detail = `${show(median(with_))} and ${show(median(without))} µs`;
      return [{ id: "store", ...ratioWithSpread(with_, without), detail }];
    }),
};

export const REPLICA_JOBS: readonly Job[] = [hop, store];
