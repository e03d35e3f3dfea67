// Unmodified stdio servers from npm behind the real program, driven by the official clients: files within a folder, and a
// graph kept in one. The clients offer no roots, as server-filesystem would take those in place of its own folder.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { PLAIN_CLIENTS } from "../support/mcp_plain_client.ts";
import { startSignet } from "../support/mcp_signet.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VERSION = "2026.8.31";

/** `serve -- deno run npm:…` */
function serve(name: string, args: readonly string[], flags: readonly string[] = []) {
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--config",
    `${ROOT}deno.json`,
    `--lock=${ROOT}tests/deno.lock`,
    "--frozen",
    `npm:${name}@${VERSION}`,
    ...args,
  ];
  return startSignet({ upstream: command, args: flags });
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "signet-files-" }));
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [kind, connect] of Object.entries(PLAIN_CLIENTS)) {
  Deno.test(
    `B1: client ${kind} reads and writes through server-filesystem, within its folder only`,
    CLIENT_SANITIZERS,
    () =>
      withFolder(async (folder) => {
        await Deno.writeTextFile(`${folder}/in.txt`, "from the outside");
        await using signet = await serve("@modelcontextprotocol/server-filesystem", [folder]);
        await using client = await connect(signet.url);
        assert.match(await client.call("read_text_file", { path: `${folder}/in.txt` }), /from the outside/);
        await client.call("write_file", { path: `${folder}/out.txt`, content: "from the client" });
        assert.equal(await Deno.readTextFile(`${folder}/out.txt`), "from the client");
        assert.match(await client.call("read_text_file", { path: ROOT }).catch(String), /Access denied/);
      }),
  );

  Deno.test(
    `B1: client ${kind} builds a graph with server-memory and finds it again`,
    CLIENT_SANITIZERS,
    () =>
      withFolder(async (folder) => {
        const flags = ["--stdio-env", `MEMORY_FILE_PATH=${folder}/memory.jsonl`];
        await using signet = await serve("@modelcontextprotocol/server-memory", [], flags);
        await using client = await connect(signet.url);
        const entities = [{ name: "Signet", entityType: "program", observations: ["seals sessions"] }];
        await client.call("create_entities", { entities });
        assert.match(await client.call("search_nodes", { query: "seals" }), /Signet/);
      }),
  );
}
