// Every official client in every mode before servers of either era, each row of what MCP offers: what Signet bridges, and
// what it cannot, with what is to be seen in its place. The table is printed, and is the one in docs/guides/eras.md.
import assert from "node:assert/strict";
import { findProgram } from "../../scripts/programs.ts";
import { type Cell, notBridged, ROWS } from "../support/eras_rows.ts";
import { type EraServer, eraServers } from "../support/eras_servers.ts";
import { CLIENT_SANITIZERS, connectClient } from "../support/mcp_client.ts";
import type { ClientKind } from "../support/mcp_client_contract.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";

const CLIENTS: readonly ClientKind[] = ["v1", "v2", "v2-auto", "v2-modern"];
const GUIDE = new URL("../../docs/guides/eras.md", import.meta.url);

const RESTARTS = ["restart of the server", "restart of Signet"];
const ALL_ROWS = [...Object.keys(ROWS), ...RESTARTS];

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
