// Several servers behind one session: what a call through 1, 5 and 20 of them costs beside one server in the full lane,
// and what a merged list of 2,000 tools costs, read for the first time and unchanged.
import { CALL, type Context, headersFor, type Job, openSessions, PATH, targetOf } from "./context.ts";
import { MCP_HUB, requireLane, type RunningSignet, type Setup, startMcpHub, startSignet } from "./contenders.ts";
import { type HubClient, openSse, openStreamable } from "./hub_client.ts";
import { type Contender, figuresOf, figureTable, interleave, withAll } from "./rounds.ts";
import { cpuMicros } from "./machine.ts";
import { freePort, type Running, startServer } from "./process.ts";
import { type Finding, markdownTable, median, ratioByRound, show } from "./report.ts";

const MEMBERS = [5, 20] as const;
const MOST = 20;
const TOOLS = 100;
const CONNECTIONS = 32;
const FULL = "one server, full lane";
const ANOTHER_TOOL = "m1_tool_number_7";
const LIST = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
/** `/proc` counts CPU time in hundredths of a second: what costs a millisecond is done so often at least. */
const LISTS = 200;
const COLD_LISTS = 20;

const through = (count: number) => `${count} servers`;

type Keep = <R extends Running>(running: Promise<R>) => Promise<R>;

interface Scene {
  readonly full: RunningSignet;
  readonly several: ReadonlyMap<number, RunningSignet>;
}

async function startServers(): Promise<Running> {
  const port = freePort();
  const command = [Deno.execPath(), "run", "-A", `${import.meta.dirname}/several_server.ts`];
  return await startServer({
    name: "servers",
    role: "load",
    port,
    command: [...command, String(port), String(TOOLS)],
  });
}

async function startScene({ credentials }: Context, keep: Keep): Promise<Scene> {
  const servers = await keep(startServers());
  const setup: Setup = { credentials, upstreamPort: servers.port };
  const room = ["--max-sessions", "20000"];
  const several = new Map<number, RunningSignet>();
  for (const count of MEMBERS) {
    const members = Array.from(
      { length: count },
      (_, index) => `m${index}=http://127.0.0.1:${servers.port}${PATH}/${index}`,
    );
    several.set(count, await keep(startSignet({ ...setup, upstreams: members }, room)));
  }
  return { full: await keep(startSignet(setup, [...room, "--full-lane"])), several };
}

const calls: Job = {
  name: "several",
  rows: ["several-call", "several-list-cold", "several-list"],
  run: (context) =>
    withAll(async (keep) => {
      const { full, several } = await startScene(context, keep);
      const contenders: Contender[] = [];
      for (const [count, running] of [[1, full], ...several] as const) {
        const [id = ""] = (await openSessions(context, targetOf(running.port), 1)).ids;
        const body = count === 1 ? CALL : CALL.replace('"echo"', `"${ANOTHER_TOOL}"`);
        contenders.push({
          name: count === 1 ? FULL : through(count),
          running,
          load: { headers: headersFor(context, id), body },
        });
      }
      const figures = await interleave(context, contenders, {
        connections: CONNECTIONS,
        headers: headersFor(context),
        body: CALL,
      });
      await requireLane(full, "full");
      context.addDetail(`A call through several servers, ${CONNECTIONS} connections`, figureTable(figures, FULL));
      const one = figuresOf(figures, FULL).cpuMicros;
      const ratios = MEMBERS.map((count) => ratioByRound(figuresOf(figures, through(count)).cpuMicros, one));
      const detail = MEMBERS.map((count, at) => `${through(count)}: ${show(ratios[at]!)} ×`).join(", ");
      return [
        { id: "several-call", value: Math.max(...ratios), detail },
        ...await listFindings(context, several.get(MOST)!),
      ];
    }),
};

async function listFindings(context: Context, signet: RunningSignet): Promise<Finding[]> {
  const cold: number[] = [];
  const unchanged: number[] = [];
  const unheard: number[] = [];
  const rounds = context.quick ? 2 : context.rounds;
  for (let round = 0; round < rounds; round++) {
    const { ids } = await openSessions(context, targetOf(signet.port), COLD_LISTS);
    cold.push(await cpuOf(signet, COLD_LISTS, (index) => list(context, signet, ids[index]!)));
    unheard.push(await cpuOf(signet, COLD_LISTS, () => list(context, signet, ids[0]!)));
    // As clients of the SDKs do: who listens would hear of a change.
    const stream = await fetch(`http://127.0.0.1:${signet.port}${PATH}`, {
      headers: { ...headersFor(context, ids[0]), accept: "text/event-stream" },
    });
    await list(context, signet, ids[0]!);
    unchanged.push(await cpuOf(signet, LISTS, () => list(context, signet, ids[0]!)));
    await stream.body?.cancel();
  }
  const rows = [
    ["first in its session", show(median(cold))],
    ["unchanged", show(median(unchanged))],
    ["unchanged, while nobody listens", show(median(unheard))],
  ];
  context.addDetail(
    `tools/list over ${MOST} servers with ${TOOLS} tools each`,
    markdownTable([["list", "CPU ms"], ...rows]),
  );
  return [
    { id: "several-list-cold", value: median(cold), detail: "" },
    { id: "several-list", value: median(unchanged), detail: "" },
  ];
}

/** CPU time of the proxy for each of `times`, one after the other, in ms. */
async function cpuOf({ pid }: Running, times: number, run: (index: number) => Promise<void>): Promise<number> {
  const before = await cpuMicros(pid);
  for (let index = 0; index < times; index++) await run(index);
  return (await cpuMicros(pid) - before) / times / 1000;
}

/** @throws Error unless every tool of every server is there */
async function list(context: Context, { port }: Running, sessionId: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: "POST",
    headers: headersFor(context, sessionId),
    body: LIST,
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  const found = text.split('"name":"m').length - 1;
  if (found !== MOST * TOOLS) {
    throw new Error(`listing tools of ${MOST} servers: want ${MOST * TOOLS}, found ${found} in ${text.slice(0, 300)}`);
  }
}

/** What npm's aggregator makes of the same calls and lists: it speaks HTTP+SSE only, so that one client asks both. */
const hub: Job = {
  name: "several-npm",
  rows: [],
  run: (context) =>
    withAll(async (keep) => {
      const servers = await keep(startServers());
      const named = (count: number) =>
        Array.from({ length: count }, (_, index) => [`m${index}`, `http://127.0.0.1:${servers.port}${PATH}/${index}`]);
      const setup: Setup = { credentials: context.credentials, upstreamPort: servers.port };
      const upstreams = named(MOST).map(([name, url]) => `${name}=${url}`);
      const signet = await keep(startSignet({ ...setup, upstreams }, ["--max-sessions", "20000"]));
      const peer = await keep(startMcpHub(context.credentials.directory, Object.fromEntries(named(MOST))));
      const clients = [
        [signet, await openStreamable(`http://127.0.0.1:${signet.port}${PATH}`, headersFor(context)), "m1_"],
        [peer, await openSse(`http://127.0.0.1:${peer.port}${PATH}`), "m1__"],
      ] as const;
      const rows = [["program", "call, CPU µs", "list, CPU ms"]];
      for (const [running, client, prefix] of clients) {
        await untilListed(client);
        context.log(`${running.name} knows its servers`);
        const call = () => client.ask("tools/call", { name: `${prefix}tool_number_7`, arguments: { text: "hello" } });
        await many(HUB_CALLS / 4, call);
        const callMs = await cpuOf(running, 1, () => many(HUB_CALLS, call));
        const listMs = await cpuOf(running, COLD_LISTS, async () => void await client.ask("tools/list", {}));
        rows.push([running.name, show(callMs * 1000 / HUB_CALLS), show(listMs)]);
        context.log(`${running.name}: ${rows.at(-1)!.slice(1).join(" µs a call, ")} ms a list`);
        client.close();
      }
      context.addDetail(
        `A call and a list of ${MOST * TOOLS} tools through ${MOST} servers, ${CONNECTIONS} at once, beside ${MCP_HUB}`,
        markdownTable(rows),
      );
      return [];
    }),
};

const HUB_CALLS = 2000;
const LISTED_MS = 30_000;

/** An aggregator may be asked before it knows its servers. */
async function untilListed(client: HubClient): Promise<void> {
  const deadline = performance.now() + LISTED_MS;
  for (;;) {
    const found = (await client.ask("tools/list", {})).split('"name":"m').length - 1;
    if (found === MOST * TOOLS) return;
    if (performance.now() > deadline) throw new Error(`listing tools: want ${MOST * TOOLS}, found ${found}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function many(times: number, run: () => Promise<unknown>): Promise<void> {
  let left = times;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (left-- > 0) await run();
  }));
}

export const SEVERAL_JOBS: readonly Job[] = [calls, hub];
