// Every official client in every mode before servers of either era, each row of what MCP offers: what Signet bridges, and
// what it cannot, with what is to be seen in its place. The table is printed, and is the one in docs/guides/eras.md.
import assert from "node:assert/strict";
import { findProgram } from "../../scripts/programs.ts";
import { type EraServer, eraServers, type RunningServer } from "../support/eras_servers.ts";
import { CLIENT_SANITIZERS, connectClient, type Connected } from "../support/mcp_client.ts";
import type { ClientKind } from "../support/mcp_client_contract.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { until } from "../support/until.ts";

const CLIENTS: readonly ClientKind[] = ["v1", "v2", "v2-auto", "v2-modern"];
const GUIDE = new URL("../../docs/guides/eras.md", import.meta.url);

/** One client before one server. */
interface Cell {
  readonly kind: ClientKind;
  readonly server: EraServer;
  readonly running: RunningServer;
  readonly connected: Connected;
}

function isStateless({ kind }: Pick<Cell, "kind">): boolean {
  return kind === "v2-auto" || kind === "v2-modern";
}

/** What a row asks for; whatever is thrown is what happens in its place. */
const ROWS: Readonly<Record<string, (cell: Cell) => Promise<void>>> = {
  // deno-lint-ignore require-await
  async "initialize or discover"(cell) {
    const { client } = cell.connected;
    assert.equal(client.protocolVersion, isStateless(cell) ? "2026-07-28" : "2025-11-25");
    assert.equal(client.sessionId === undefined, isStateless(cell));
  },
  async list({ connected: { client }, server }) {
    assert.ok((await client.listTools()).includes(server.lists));
  },
  async call({ connected, server }) {
    assert.match(String(await server.call(connected)), /hi|42/);
  },
  // Before what takes time: some ask for roots of their own accord, and then of whichever call there is.
  async roots({ connected: { client }, server: { roots } }) {
    assert.match(await client.call(roots.tool, roots.args), roots.gets);
  },
  async sampling({ connected: { client }, server: { sample } }) {
    assert.match(await client.call(sample.tool, sample.args), sample.gets);
  },
  async elicitation({ connected: { client }, server: { elicit } }) {
    assert.match(await client.call(elicit.tool, elicit.args), elicit.gets);
  },
  async progress({ connected, server }) {
    const seen: number[] = [];
    await server.progress(connected, (progress) => seen.push(progress));
    // The client of SDK 2.x says by itself once more how far a call was that it makes again.
    assert.deepEqual([...new Set(seen)], [1, 2, 3], `found ${seen}`);
  },
  async log(cell) {
    const { connected, server: { log } } = cell;
    const text = `a line for ${cell.kind}`;
    if (!isStateless(cell)) await connected.client.setLogLevel("debug");
    await connected.client.call(log.tool, { text }, isStateless(cell) ? { logLevel: "debug" } : {});
    await connected.heard("notifications/message", ({ data }) => !log.saysText || data === text);
  },
  async "subscribe or listen"({ connected, server: { watched } }) {
    await connected.client.subscribe(watched.uri);
    await connected.client.call(watched.tool, watched.args);
    await connected.heard("notifications/resources/updated", ({ uri }) => uri === watched.uri);
  },
  async cancel({ kind, connected: { client }, server: { hangs }, running }) {
    const abort = new AbortController();
    const onProgress = () => abort.abort("enough");
    await assert.rejects(client.call(hangs.tool, hangs.args(kind), { signal: abort.signal, onProgress }), /enough/);
    if (!hangs.tells) return;
    const heard = async () => (await running.journal.executions()).includes(`${kind} cancelled`);
    await until(heard, `the server hears that ${kind} has cancelled`);
  },
};

const RESTARTS = ["restart of the server", "restart of Signet"];
const ALL_ROWS = [...Object.keys(ROWS), ...RESTARTS];

/**
 * What cannot be bridged, and for whom: the row is not asked, since what would be waited for never comes; the reason is
 * in the guide.
 */
const NOT_BRIDGED: readonly { row: string; server: string; kinds: readonly ClientKind[]; note: string }[] = [
  { row: "log", server: "server-everything", kinds: ["v2-auto", "v2-modern"], note: "not without a session ¹" },
];

function notBridged(row: string, { server, kind }: Pick<Cell, "server" | "kind">) {
  return NOT_BRIDGED.find((one) => one.row === row && one.server === server.name && one.kinds.includes(kind));
}

type Found = Map<string, string>;

/** Where a finding stands. */
function at(row: string, { server, kind }: Pick<Cell, "server" | "kind">): string {
  return `${row} | ${server.name} | ${kind}`;
}

async function note(found: Found, place: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
    found.set(place, "yes");
  } catch (error) {
    found.set(place, String((error as Error).message).split("\n")[0]!);
  }
}

/** All rows of one client; in order, since they share one session. */
async function runClient(cell: Cell, found: Found): Promise<void> {
  for (const [row, run] of Object.entries(ROWS)) {
    const known = notBridged(row, cell);
    if (known !== undefined) found.set(at(row, cell), known.note);
    else await note(found, at(row, cell), () => run(cell));
  }
}

async function runRestarts(cells: readonly Cell[], signet: Signet, found: Found): Promise<void> {
  const restarts = [() => cells[0]!.running.restart(cells[0]!.connected), () => signet.restart()];
  for (const [i, restart] of restarts.entries()) {
    await restart();
    await Promise.all(cells.map((cell) => note(found, at(RESTARTS[i]!, cell), () => ROWS.call!(cell))));
  }
}

async function runServer(server: EraServer, found: Found): Promise<void> {
  await using running = await server.start();
  await using signet = await startSignet({ upstream: running.upstream, env: { MCP_ENCRYPTION_KEY: newKey() } });
  await using connections = new AsyncDisposableStack();
  const connect = async (kind: ClientKind): Promise<Cell> => {
    const connected = connections.use(await connectClient(kind, signet.url));
    return { kind, server, running, connected };
  };
  const cells = await Promise.all(CLIENTS.map(connect));
  await Promise.all(cells.map((cell) => runClient(cell, found)));
  await runRestarts(cells, signet, found);
}

/** One row of the table: what all four clients find, or what some do not. */
function tableOf(servers: readonly EraServer[], found: Found): string {
  const cellOf = (row: string, server: EraServer) => {
    const odd = new Set(CLIENTS.map((kind) => found.get(at(row, { server, kind })) ?? "not run"));
    odd.delete("yes");
    return odd.size === 0 ? "yes" : [...odd].join("; ");
  };
  const lines = [["", ...servers.map(({ name }) => name)], ["-", ...servers.map(() => "-")]];
  for (const row of ALL_ROWS) lines.push([row, ...servers.map((server) => cellOf(row, server))]);
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Cells without what a formatter aligns them by. */
function bare(table: string): string[][] {
  return table.trim().split("\n").map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "-")));
}

const hasPython = await findProgram("python3") !== undefined;
if (!hasPython) console.error("IGNORED: no python3 in PATH: a server of another language is not in the table of eras");

Deno.test("S2 S3 S4: every client of either era works with every server of either era", CLIENT_SANITIZERS, async () => {
  const servers = eraServers(hasPython);
  const found: Found = new Map();
  const waiting = [...servers];
  const one = async () => {
    for (let server = waiting.shift(); server !== undefined; server = waiting.shift()) await runServer(server, found);
  };
  await Promise.all([one(), one()]);
  const table = tableOf(servers, found);
  console.log(table);
  const odd = [...found].filter(([place, what]) => {
    const [row, name, kind] = place.split(" | ");
    const server = servers.find((one) => one.name === name)!;
    return what !== (notBridged(row!, { server, kind: kind as ClientKind })?.note ?? "yes");
  });
  assert.deepEqual(odd, []);
  if (!hasPython) return;
  const [, printed] = /<!-- eras -->\n([^]*?)<!-- \/eras -->/.exec(await Deno.readTextFile(GUIDE)) ?? [];
  assert.deepEqual(bare(printed ?? ""), bare(table), "the guide's table is the one that was found");
});
