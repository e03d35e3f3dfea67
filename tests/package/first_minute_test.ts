// A newcomer's first minute, with nothing on the machine but Deno: what is fetched, that something is said at once, a first
// sealed session, and nothing left when the launcher is killed.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ChildRun } from "../support/mcp_process.ts";
import { sendRaw } from "../support/mcp_raw.ts";
import { CENSUS_VARIABLE, nobodyLeft } from "../support/process_census.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Names of the packages that Deno keeps in a folder. */
function fetched(denoDir: string): string[] {
  const registries = [...Deno.readDirSync(`${denoDir}/npm`)].map(({ name }) => `${denoDir}/npm/${name}`);
  return registries.flatMap((folder) =>
    [...Deno.readDirSync(folder)].flatMap(({ name }) =>
      name.startsWith("@") ? [...Deno.readDirSync(`${folder}/${name}`)].map((inner) => `${name}/${inner.name}`) : [name]
    )
  ).sort();
}

Deno.test("deno task demo fetches what it runs and no more, and leaves nothing when it is killed", STRICT, async () => {
  await using folder = await TempFolder.create();
  const token = crypto.randomUUID();
  await using demo = new ChildRun({
    args: ["task", "demo"],
    cwd: ROOT,
    env: { DENO_DIR: folder.path, NO_COLOR: "1", [CENSUS_VARIABLE]: token },
  });
  const url = await demo.waitForLine((line) => /^Signet is listening on +(\S+)/.exec(line)?.[1], "Signet to listen");
  // Deno fetches what deno.lock names before it runs a task, and says so; else the task's own words come first.
  const [first = ""] = demo.lines;
  assert.match(first, /^(?:Signet: starting|Download )/, demo.lines.join("|"));
  assert.ok(demo.lines.some((line) => line.startsWith("Signet: starting")), demo.lines.join("|"));
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
  const opened = await sendRaw(url, {
    headers: { authorization: "Bearer me" },
    message: { jsonrpc: "2.0", id: 1, method: "initialize", params },
  });
  assert.match(opened.headers.get("mcp-session-id") ?? "", /^[0-9A-Za-z]{60,}$/, opened.body);
  const needed = Object.keys(JSON.parse(await Deno.readTextFile(`${ROOT}/deno.lock`)).npm);
  const names = new Set(needed.map((key) => key.replace(/(?<=.)@.*$/, "")));
  assert.deepEqual(fetched(folder.path).filter((name) => !names.has(name)), []);
  demo.signal("SIGKILL");
  await nobodyLeft(token, 40_000);
});
