// Every official client in every mode before one Signet with servers of either era behind it, each row of what MCP offers at
// each of them: what holds of one server holds of several (docs/behaviour.md S2-S4, A2, A5).
import assert from "node:assert/strict";
import { outwardUri } from "../../lib/upstream/several/names/uris.ts";
import { findProgram } from "../../scripts/programs.ts";
import { type Cell, notBridged, ROWS } from "../support/eras_rows.ts";
import { type EraServer, eraServers, type RunningServer } from "../support/eras_servers.ts";
import { CLIENT_SANITIZERS, connectClient, type Connected } from "../support/mcp_client.ts";
import type { ClientKind } from "../support/mcp_client_contract.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";

const CLIENTS: readonly ClientKind[] = ["v1", "v2", "v2-auto", "v2-modern"];

/** Now and then a client on Deno leaves its connection open that it has given up: of one in hundreds nobody hears. */
const NOT_HERE = "cancel";

/** A server as one of several: its tools under its name, and its resources under an address that leads to it. */
function memberOf(name: string, server: EraServer): EraServer {
  const { lists, watched } = server;
  return { ...server, lists: `${name}_${lists}`, watched: { ...watched, uri: outwardUri(name, watched.uri) } };
}

/** A client that calls the tools of one member by what that calls them. */
function atMember(name: string, connected: Connected): Connected {
  const { client } = connected;
  const call: typeof client.call = (tool, ...rest) => client.call(`${name}_${tool}`, ...rest);
  const bound = <T extends object>(of: T, instead: Partial<T>): T =>
    new Proxy(of, {
      get: (target, key) => {
        const value = Reflect.get(key in instead ? instead : target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return bound(connected, { client: bound(client, { call }) });
}

const hasPython = await findProgram("python3") !== undefined;
const all = eraServers(hasPython);
const sets = {
  "servers of both eras": all,
  "servers without sessions": all.filter(({ name }) => name === "SDK 2.x, stateless" || name === "SDK 2.x, both"),
};

for (const [what, servers] of Object.entries(sets)) {
  Deno.test(`S2 S3 S4 A5: every client works with each of several ${what}`, CLIENT_SANITIZERS, async () => {
    await using started = new AsyncDisposableStack();
    const running: RunningServer[] = [];
    for (const server of servers) running.push(started.use(await server.start()));
    const [first, ...others] = running.map(({ upstream }, at) =>
      `m${at}=${typeof upstream === "string" ? upstream : `stdio:${upstream.join(" ")}`}`
    );
    const signet = started.use(
      await startSignet({
        upstream: first!,
        args: others.flatMap((other) => ["--upstream", other]),
        env: { MCP_ENCRYPTION_KEY: newKey() },
      }),
    );
    const odd: string[] = [];
    const note = (row: string, { kind, server }: Cell, run: () => Promise<void>) =>
      run().catch((error) =>
        void odd.push(`${row} | ${server.name} | ${kind}: ${String(error.message).split("\n")[0]}`)
      );
    const cellsOf = async (kind: ClientKind): Promise<Cell[]> => {
      const connected = started.use(await connectClient(kind, signet.url));
      return servers.map((server, at) => ({
        kind,
        server: memberOf(`m${at}`, server),
        running: running[at]!,
        connected: atMember(`m${at}`, connected),
      }));
    };
    const cells = await Promise.all(CLIENTS.map(cellsOf));
    await Promise.all(cells.map(async (ofClient) => {
      // In order, since they share one session.
      for (const cell of ofClient) {
        for (const [row, run] of Object.entries(ROWS)) {
          if (row !== NOT_HERE && notBridged(row, cell) === undefined) await note(row, cell, () => run(cell));
        }
      }
    }));
    await signet.restart();
    for (const cell of cells.flat()) await note("restart of Signet", cell, () => ROWS.call!(cell));
    assert.deepEqual(odd, []);
  });
}
