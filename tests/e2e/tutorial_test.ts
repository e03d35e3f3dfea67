// docs/tutorial.md is true: every block of it is run, in order, in one shell, and every answer it promises is compared.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";
import { freePort } from "../../scripts/free_port.ts";
import { cleanEnvironment } from "../support/mcp_process.ts";
import { needing } from "../support/programs.ts";
import { TempFolder } from "../support/temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EVERYTHING = "npm:@modelcontextprotocol/server-everything@2026.8.31";

/** The page's blocks as one script, on ports that are free. */
async function script(): Promise<string> {
  const page = await Deno.readTextFile(`${ROOT}docs/tutorial.md`);
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  assert.equal(blocks.length, 8, "the page's blocks, or change this number");
  // A person takes longer to come to the second block than the server to start.
  blocks[0] += "until curl -s --max-time 5 -o answer.log http://127.0.0.1:3001/mcp; do sleep 0.2; done\n";
  const ports = new Map(["3001", "8080", "9090"].map((port) => [port, String(freePort())]));
  // All at once: a free port may have one of these in it.
  return blocks.join("\n").replaceAll(/3001|8080|9090/g, (port) => ports.get(port)!);
}

/** What the page says to whoever has no executable, said in a clone. */
async function alias(): Promise<string> {
  const page = await Deno.readTextFile(`${ROOT}docs/tutorial.md`);
  const [, said] = /`(alias signet=[^`]+)`/.exec(page) ?? [];
  assert.ok(said !== undefined, "the page names an alias for a clone");
  return `cd "${ROOT}"\n${said}\ncd "$OLDPWD"\n`;
}

/** `signet` and `npm` of the page, by what this machine has: the program under test, and the server as it is locked. */
async function programs(folder: string): Promise<void> {
  const { SIGNET_BIN } = Deno.env.toObject();
  const everything =
    `exec "${Deno.execPath()}" run -A --lock="${ROOT}tests/deno.lock" --frozen "${EVERYTHING}" streamableHttp`;
  const [name, path] = SIGNET_BIN === undefined ? ["deno", Deno.execPath()] : ["signet", SIGNET_BIN];
  await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\nexec "${path}" "$@"\n`);
  await Deno.writeTextFile(`${folder}/everything`, `#!/bin/sh\ncd "${ROOT}" && ${everything}\n`);
  const install = `mkdir -p node_modules/.bin && cp "${folder}/everything" node_modules/.bin/mcp-server-everything`;
  // npm leaves one, which is nearer to whoever looks for tasks than the clone's deno.json.
  await Deno.writeTextFile(`${folder}/npm`, `#!/bin/sh\necho '{}' > package.json\n${install}\n`);
  for (const program of [name, "npm", "everything"]) await Deno.chmod(`${folder}/${program}`, 0o755);
}

/** What each shell is told first: to heed aliases and failures, and which of its jobs still run. */
const SHELLS = {
  bash: { heed: "shopt -s expand_aliases\nset -eu -o pipefail", jobs: "$(jobs -p)" },
  zsh: { heed: "emulate zsh\nset -eu -o pipefail", jobs: "${${(v)jobstates##*:*:}%=*}" },
} as const;

async function walk(shell: keyof typeof SHELLS): Promise<void> {
  await using folder = await TempFolder.create();
  await programs(folder.path);
  const { heed, jobs } = SHELLS[shell];
  // What still runs at a failed step ends with the shell; that nothing runs any more is no failure (of kill, under -e).
  const prologue = `${heed}\ntrap 'kill ${jobs} 2> /dev/null || true; wait' EXIT\n`;
  // A file is read line by line, as what is typed: zsh knows no alias in the text that has made it.
  const path = `${folder.path}/tutorial`;
  await Deno.writeTextFile(path, prologue + (Deno.env.has("SIGNET_BIN") ? "" : await alias()) + await script());
  const { code, stdout, stderr } = await runBounded(shell, {
    what: `the tutorial in ${shell}`,
    args: [path],
    deadlineMs: 180_000,
    cwd: folder.path,
    clearEnv: true,
    env: { ...cleanEnvironment(), NO_COLOR: "1", PATH: `${folder.path}:${Deno.env.get("PATH")}` },
  });
  const said = `${stdout}\n${stderr}`;
  assert.equal(code, 0, said);
  // The answers, in the page's order: what curl prints of them.
  assert.deepEqual(stdout.match(/^(?:HTTP\/1\.1 .*|Echo: hello)$/gm), [
    "HTTP/1.1 202 Accepted",
    "Echo: hello",
    "HTTP/1.1 403 Forbidden",
    "HTTP/1.1 404 Not Found",
    "Echo: hello",
    "Echo: hello",
    "HTTP/1.1 404 Not Found",
  ], said);
  assert.match(stdout, /owner/i, "what inspect says");
  const log = await Deno.readTextFile(`${folder.path}/signet-tutorial/signet.log`);
  assert.match(log, /"code":"owner_mismatch"/, `the log says who tried: ${log}`);
  assert.match(log, /session resurrected upstream/, "the log says that the session was opened again");
}

for (const shell of ["bash", "zsh"] as const) {
  Deno.test(
    `every block of the tutorial does what the page says, in ${shell}`,
    await needing([shell, "curl"], "that the tutorial is true"),
    () => walk(shell),
  );
}
