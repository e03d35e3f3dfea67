// Several servers behind one session: what a call through 1, 5 and 20 of them costs beside one server in the full lane,
// and what a merged list of 2,000 tools costs, read for the first time and unchanged.
import { freePort } from "../free_port.ts";
import { MCP_HUB, requireLane, ROOM, type RunningSignet, type Setup, startMcpHub, startSignet } from "./contenders.ts";
import { CALL, type Context, headersFor, type Job, openSessions, PATH, targetOf } from "./context.ts";
import { findingOf, formsOf } from "./forms.ts";
import { type HubClient, openSse, openStreamable } from "./hub_client.ts";
import { cpuMicros } from "./machine.ts";
import { type Running, startServer } from "./process.ts";
import { markdownTable, type Measured, median, ratioByRound, show } from "./report.ts";
import { type Contender, type Figures, figuresOf, figureTable, interleave, type Keep, withAll } from "./rounds.ts";

const MEMBERS = [5, 20] as const;
const MOST = 20;
const TOOLS = 100;
const CONNECTIONS = 32;
const ANOTHER_TOOL = "m1_tool_number_7";
const LIST = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
/** `/proc` counts CPU time in hundredths of a second: what costs a millisecond is done so often at least. */
const LISTS = 200;
const COLD_LISTS = 20;

const through = (name: string, count: number) => count === 1 ? `${name}, one server` : `${name}, ${count} servers`;

/** One form of Signet before one server and before several. */
interface Scene {
  readonly name: string;
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

async function startScene(setup: Setup, name: string, keep: Keep): Promise<Scene> {
  const several = new Map<number, RunningSignet>();
  for (const count of MEMBERS) {
    const members = Array.from(
      { length: count },
      (_, index) => `m${index}=http://127.0.0.1:${setup.upstreamPort}${PATH}/${index}`,
    );
    several.set(count, await keep(startSignet({ ...setup, upstreams: members }, ROOM)));
  }
  return { name, full: await keep(startSignet(setup, [...ROOM, "--full-lane"])), several };
}

const calls: Job = {
  name: "several",
  rows: ["several-call", "several-list-cold", "several-list"],
  run: (context) =>
    withAll(async (keep) => {
      const servers = await keep(startServers());
      const scenes: Scene[] = [];
      for (const form of formsOf(context)) {
        const setup: Setup = { credentials: context.credentials, upstreamPort: servers.port, ...form.setup };
        scenes.push(await startScene(setup, form.name, keep));
      }
      const contenders: Contender[] = [];
      for (const { name, full, several } of scenes) {
        for (const [count, running] of [[1, full], ...several] as const) {
          const [id = ""] = (await openSessions(context, targetOf(running.port), 1)).ids;
          const body = count === 1 ? CALL : CALL.replace('"echo"', `"${ANOTHER_TOOL}"`);
          contenders.push({ name: through(name, count), running, load: { headers: headersFor(context, id), body } });
        }
      }
      const load = { connections: CONNECTIONS, headers: headersFor(context), body: CALL };
      const figures = await interleave(context, contenders, load);
      for (const { full } of scenes) await requireLane(full, "full");
      const title = `A call through several servers, ${CONNECTIONS} connections`;
      context.addDetail(title, figureTable(figures, through(scenes[0]!.name, 1)));
      const lists: ListCosts[] = [];
      for (const { several } of scenes) lists.push(await listCosts(context, several.get(MOST)!));
      addListTable(context, scenes, lists);
      const inMs = (values: readonly number[]): Measured => ({ value: median(values), detail: "" });
      return [
        findingOf("several-call", scenes.map(({ name }) => callCosts(figures, name))),
        findingOf("several-list-cold", lists.map(({ cold }) => inMs(cold))),
        findingOf("several-list", lists.map(({ unchanged }) => inMs(unchanged))),
      ];
    }),
};

/** The dearest number of servers beside one. */
function callCosts(figures: ReadonlyMap<string, Figures>, name: string): Measured {
  const one = figuresOf(figures, through(name, 1)).cpuMicros;
  const ratios = MEMBERS.map((count) => ratioByRound(figuresOf(figures, through(name, count)).cpuMicros, one));
  return {
    value: Math.max(...ratios),
    detail: MEMBERS.map((count, at) => `${count} servers: ${show(ratios[at]!)} ×`).join(", "),
  };
}

/** CPU ms a list, one entry a round. */
interface ListCosts {
  readonly cold: number[];
  readonly unchanged: number[];
  /** While nobody listens. */
  readonly unheard: number[];
}

function addListTable(context: Context, scenes: readonly Scene[], lists: readonly ListCosts[]): void {
  const row = (
    what: string,
    of: (costs: ListCosts) => number[],
  ) => [what, ...lists.map((costs) => show(median(of(costs))))];
  const rows = [
    row("first in its session", ({ cold }) => cold),
    row("unchanged", ({ unchanged }) => unchanged),
    row("unchanged, while nobody listens", ({ unheard }) => unheard),
  ];
  const head = ["list", ...scenes.map(({ name }) => `${name}, CPU ms`)];
  context.addDetail(`tools/list over ${MOST} servers with ${TOOLS} tools each`, markdownTable([head, ...rows]));
}

async function listCosts(context: Context, signet: RunningSignet): Promise<ListCosts> {
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
  return { cold, unchanged, unheard };
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
      const setup: Setup = {
        credentials: context.credentials,
        upstreamPort: servers.port,
        ...formsOf(context)[0].setup,
      };
      const upstreams = named(MOST).map(([name, url]) => `${name}=${url}`);
      const signet = await keep(startSignet({ ...setup, upstreams }, ROOM));
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
