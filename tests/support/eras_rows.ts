// The rows of the tables of eras: what a client of any mode asks of a server of either era through Signet, and what cannot be
// bridged.
import assert from "node:assert/strict";
import type { EraServer, RunningServer } from "./eras_servers.ts";
import type { Connected } from "./mcp_client.ts";
import type { ClientKind } from "./mcp_client_contract.ts";
import { until } from "./until.ts";

/** One client before one server. */
export interface Cell {
  readonly kind: ClientKind;
  readonly server: EraServer;
  readonly running: RunningServer;
  readonly connected: Connected;
}

function isStateless({ kind }: Pick<Cell, "kind">): boolean {
  return kind === "v2-auto" || kind === "v2-modern";
}

/** What a row asks for; whatever is thrown is what happens in its place. */
export const ROWS: Readonly<Record<string, (cell: Cell) => Promise<void>>> = {
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

/**
 * What cannot be bridged, and for whom: the row is not asked, since what would be waited for never comes; the reason is
 * in the guide.
 */
const NOT_BRIDGED: readonly { row: string; server: string; kinds: readonly ClientKind[]; note: string }[] = [
  { row: "log", server: "server-everything", kinds: ["v2-auto", "v2-modern"], note: "not without a session ¹" },
];

export function notBridged(row: string, { server, kind }: Pick<Cell, "server" | "kind">) {
  return NOT_BRIDGED.find((one) => one.row === row && one.server === server.name && one.kinds.includes(kind));
}
