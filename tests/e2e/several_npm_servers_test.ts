// Unmodified servers from npm behind one session, one over HTTP and two over stdio: server-everything, server-filesystem
// and server-memory, driven by the official clients without roots, and by the Inspector's command line.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { PLAIN_CLIENTS } from "../support/mcp_plain_client.ts";
import { cleanEnvironment } from "../support/mcp_process.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { npxProgram } from "../support/npx_program.ts";
import { TempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VERSION = "2026.8.31";
const INSPECTOR = "@modelcontextprotocol/inspector@2.12.0";

function stdio(name: string, ...args: string[]): string {
  const deno = [Deno.execPath(), "run", "-A", "--config", `${ROOT}deno.json`, `--lock=${ROOT}tests/deno.lock`];
  return `stdio:${[...deno, "--frozen", `npm:@modelcontextprotocol/${name}@${VERSION}`, ...args].join(" ")}`;
}

async function withServers(test: (signet: Signet, folder: string) => Promise<void>): Promise<void> {
  await using temporary = await TempFolder.create();
  const folder = await Deno.realPath(temporary.path);
  await using everything = await startFixture("everything");
  await using signet = await startSignet({
    upstream: `everything=${everything.url}`,
    args: [
      ...[
        "--upstream",
        `files=${stdio("server-filesystem", folder)}`,
        "--upstream",
        `memory=${stdio("server-memory")}`,
      ],
      ...["--stdio-env", `MEMORY_FILE_PATH=${folder}/memory.jsonl`, "--member-timeout", "60s"],
    ],
    env: { MCP_ENCRYPTION_KEY: newKey() },
  });
  await test(signet, folder);
}

/** Which of the servers the log names behind a line that one of them has said. */
function saidBy(logs: readonly string[], what: RegExp): unknown[] {
  return logs.filter((line) => line.includes('"MCP server says"') && what.test(line))
    .map((line) => JSON.parse(line).member);
}

for (const [kind, connect] of Object.entries(PLAIN_CLIENTS)) {
  Deno.test(
    `A1 A2: client ${kind} echoes, reads files and keeps a graph in one session, over a restart of Signet`,
    CLIENT_SANITIZERS,
    () =>
      withServers(async (signet, folder) => {
        await Deno.writeTextFile(`${folder}/in.txt`, "from the outside");
        await using client = await connect(signet.url);
        const names = await client.listTools();
        for (const name of ["everything_get-sum", "files_read_text_file", "memory_create_entities"]) {
          assert.ok(names.includes(name), `${name} in ${names}`);
        }
        const work = async (turn: string) => {
          assert.match(await client.call("everything_get-sum", { a: 2, b: 40 }), /42/);
          assert.match(await client.call("files_read_text_file", { path: `${folder}/in.txt` }), /from the outside/);
          await client.call("files_write_file", { path: `${folder}/${turn}.txt`, content: turn });
          assert.equal(await Deno.readTextFile(`${folder}/${turn}.txt`), turn);
          const outside = await client.call("files_read_text_file", { path: ROOT }).catch(String);
          assert.match(outside, /Access denied/);
          const entities = [{ name: turn, entityType: "turn", observations: [`was ${turn}`] }];
          await client.call("memory_create_entities", { entities });
        };
        await work("before");
        assert.deepEqual(saidBy(signet.logs, /Knowledge Graph/), ["memory"]);
        await signet.restart();
        await work("after");
        assert.match(await client.call("memory_read_graph", {}), /was before.*was after/s);
        assert.deepEqual(await client.listTools(), names);
      }),
  );
}

Deno.test("A1 A2: the Inspector's command line lists and calls tools of each server by their names here", async () => {
  const program = await npxProgram(INSPECTOR, "mcp-inspector");
  await withServers(async (signet, folder) => {
    const inspect = async (...args: string[]) => {
      const { code, stdout, stderr } = await runBounded("node", {
        what: `the Inspector's ${args.join(" ")}`,
        deadlineMs: 120_000,
        args: [program, "--cli", "--server-url", signet.url, "--transport", "http", "--method", ...args],
        clearEnv: true,
        env: { ...cleanEnvironment(), HOME: folder },
      });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const { tools } = JSON.parse(await inspect("tools/list")) as { tools: { name: string }[] };
    const names = tools.map(({ name }) => name);
    for (const name of ["everything_echo", "files_list_allowed_directories", "memory_read_graph"]) {
      assert.ok(names.includes(name), `${name} in ${names}`);
    }
    const called = (name: string, ...args: string[]) => inspect("tools/call", "--tool-name", name, ...args);
    assert.match(await called("everything_echo", "--tool-arg", "message=hello"), /Echo: hello/);
    assert.ok((await called("files_list_allowed_directories")).includes(folder));
    assert.match(await called("memory_read_graph"), /entities/);
  });
});
