// Compiling: what may get in, and that the steps work. The runtime for `deno compile` is a download of its own; where it
// cannot be had, the running Deno stands in for it (DENORT_BIN), which exercises every step but gives no real program.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { findForeign } from "../../../scripts/compile_contents.ts";
import { compileByDeno, findForeignEmbedded, permissionFlags } from "../../../scripts/compile_deno.ts";
import { embeddedPaths } from "../../../scripts/compile_listing.ts";
import { TARGETS } from "../../../scripts/compile_targets.ts";
import { freePort } from "../../../scripts/free_port.ts";
import { readModuleGraph } from "../../../scripts/module_graph.ts";
import { endOverdue } from "../../support/overdue.ts";
import { STRICT } from "../../support/strict.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const TRIPLES = TARGETS.flatMap(({ deno }) => deno === undefined ? [] : [deno]);
const root = resolve(import.meta.dirname ?? ".", "../../..");

const LISTING = `Check main.ts
Compile main.ts to dist/signet

Embedded Files

signet
├─┬ .deno_compile_node_modules (5.24MB - 3.76MB unique)
│ └─┬ localhost (5.24MB - 3.76MB unique)
│   ├─┬ @redis (1.18MB - 1.18MB unique)
│   │ ├── client/* (535.46KB)
│   │ └── client/* (675.61KB - 675.6KB unique)
│   └── jose/6.2.17/* (216.87KB)
├─┬ lib (1.25MB)
│ ├── admin/* (5.71KB)
│ └─┬ cli (121.24KB)
│   └── banner.ts (11.8KB)
└── main.ts (825B)

Files: 5.07MB
Metadata: 3.42KB
`;

Deno.test("embeddedPaths joins folders and names when it reads the tree of deno compile", STRICT, () => {
  assert.deepEqual(embeddedPaths(LISTING), [
    ".deno_compile_node_modules/localhost/@redis/client/*",
    ".deno_compile_node_modules/localhost/@redis/client/*",
    ".deno_compile_node_modules/localhost/jose/6.2.17/*",
    "lib/admin/*",
    "lib/cli/banner.ts",
    "main.ts",
  ]);
});

Deno.test("embeddedPaths refuses to guess when there is no tree", STRICT, () => {
  assert.throws(() => embeddedPaths("Compile main.ts to dist/signet\n"), /cannot tell what got embedded/);
  assert.throws(() => embeddedPaths("Embedded Files\n\nsignet\n"), /found no file/);
});

Deno.test("findForeignEmbedded passes when only the program and its packages are embedded", STRICT, () => {
  assert.deepEqual(findForeignEmbedded(LISTING), []);
});

for (
  const [what, from, to] of [
    ["a test dependency", "jose/6.2.17/*", "fast-check/4.10.2/*"],
    ["a scoped test dependency", "@redis (1.18MB", "@modelcontextprotocol (1.18MB"],
    ["a folder beside lib", "├─┬ lib (1.25MB)", "├─┬ tests (1.25MB)"],
    ["a loose file", "main.ts (825B)", "keys.txt (825B)"],
  ] as const
) {
  Deno.test(`findForeignEmbedded objects when ${what} got embedded`, STRICT, () => {
    assert.ok(LISTING.includes(from));
    assert.notDeepEqual(findForeignEmbedded(LISTING.replace(from, to)), []);
  });
}

Deno.test("findForeign objects when main.ts reaches tests, dev packages or other registries", STRICT, () => {
  const at = (target: string, typeOnly = false) => ({ specifier: target, target, line: 3, typeOnly });
  const graph = {
    problems: [],
    modules: new Map([
      ["/p/main.ts", [
        at("/p/lib/a.ts"),
        at("node:fs"),
        at("npm:jose@6.2.17"),
        at("npm:@redis/client@6.3.1/a.js"),
        at("npm:undici@8.12.4", true),
      ]],
      ["/p/lib/a.ts", [
        at("npm:fast-check@4.10.2"),
        at("npm:/@modelcontextprotocol/sdk@1.32.2/client"),
        at("jsr:@std/assert"),
        at("/p/tests/b.ts"),
      ]],
      ["/p/tests/b.ts", []],
    ]),
  };
  const problems = findForeign(graph, "/p");
  assert.deepEqual(problems.map((problem) => problem.split(": ")[0]), [
    "lib/a.ts:3 imports fast-check",
    "lib/a.ts:3 imports @modelcontextprotocol/sdk",
    "lib/a.ts:3 imports jsr:@std/assert",
    "tests/b.ts is reached from main.ts",
  ]);
});

Deno.test("findForeign finds nothing foreign when it reads the program itself", STRICT, async () => {
  const graph = await readModuleGraph([`${root}/main.ts`], { config: `${root}/deno.json` });
  assert.ok(graph.modules.size > 50, `only ${graph.modules.size} modules: the graph was not read`);
  assert.deepEqual(findForeign(graph, root), []);
});

Deno.test("permissionFlags grant no run, ffi, sys, import or unbounded write on any target", STRICT, () => {
  for (const target of TRIPLES) {
    const flags = permissionFlags(target);
    assert.deepEqual(flags.filter((flag) => /^(-A|--allow-(all|run|ffi|sys|import|write))$/.test(flag)), [], target);
    assert.ok(flags.includes("--no-prompt") && flags.includes("--deny-import"), target);
  }
});

Deno.test("permissionFlags grant what /proc wants only to an executable that starts programs", STRICT, () => {
  for (const target of TRIPLES) {
    assert.deepEqual(permissionFlags(target, "stdio"), ["--allow-all", "--no-prompt"], target);
  }
});

const thisTarget = TARGETS.find(({ deno }) => deno === Deno.build.target);

/** `main.ts` under the permissions of this machine's executable, run from source. */
function confined(args: readonly string[]): Deno.Command {
  assert.ok(thisTarget?.deno !== undefined);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--unstable-net", ...permissionFlags(thisTarget.deno), "main.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function runConfined(args: readonly string[]) {
  const child = confined(args).spawn();
  endOverdue(child, `main.ts ${args.join(" ")}`);
  const { code, stdout, stderr } = await child.output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** A file that is gone when `use` has ended. */
async function withFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, 0o600);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("the baked-in permissions suffice when keys are made and a configuration is checked", STRICT, async () => {
  const made = await runConfined(["keys", "new"]);
  assert.equal(made.code, 0, made.text);
  await withFile(made.text, async (file) => {
    const checked = await runConfined(["check", "--upstream", "http://127.0.0.1:3000/mcp", "--key-file", file]);
    assert.equal(checked.code, 0, checked.text);
  });
});

Deno.test("an executable that may not start programs says so when it is given one", STRICT, async () => {
  const listen = ["--listen", "127.0.0.1:0", "--admin", "off"];
  const { code, text } = await runConfined(["serve", ...listen, "--", "cat"]);
  assert.equal(code, 2, text);
  assert.match(text, /This executable may not start programs\./);
  assert.match(text.replaceAll(/\s+/g, " "), /`deno task compile --runtime bun`.*`deno task compile --stdio`/);
  const credential = ["--credential", "command", "--credential-command", "cat"];
  const http = await runConfined(["serve", ...listen, "--upstream", "http://127.0.0.1:9/mcp", ...credential]);
  assert.equal(http.code, 2, http.text);
  assert.match(http.text, /--credential-command\n {4}This executable may not start programs\./);
});

Deno.test({
  name: "with less than all permissions Deno reads no /proc: the reason why executables for stdio servers have all",
  ignore: Deno.build.os !== "linux",
  ...STRICT,
  fn: async () => {
    const tried = async (...flags: string[]) => {
      const script = 'data:text/javascript,Deno.readTextFileSync("/proc/self/stat")';
      const args = ["run", "--no-config", "--no-lock", "--no-prompt", ...flags, script];
      const what = `Deno with ${flags.join(" ")}`;
      return (await runBounded(Deno.execPath(), { what, deadlineMs: 60_000, args })).code === 0;
    };
    assert.equal(await tried("--allow-all"), true);
    assert.equal(await tried("--allow-read", "--allow-env", "--allow-run", "--allow-sys"), false);
    assert.equal(await tried("--allow-all", "--deny-ffi"), false);
  },
});

Deno.test("the baked-in permissions suffice when a client calls through a running Signet", STRICT, async () => {
  const upstream = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () =>
    Response.json({
      jsonrpc: "2.0",
      id: 1,
      result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "fake", version: "1" } },
    }, { headers: { "mcp-session-id": "of-the-upstream" } }));
  const port = freePort();
  await withFile((await runConfined(["keys", "new"])).text, async (keyFile) => {
    const url = `http://127.0.0.1:${upstream.addr.port}/mcp`;
    const child = confined(
      ["serve", "--upstream", url, "--listen", `127.0.0.1:${port}`, "--admin", "off", "--key-file", keyFile],
    ).spawn();
    endOverdue(child, "serve");
    const output = child.output();
    try {
      const response = await firstAnswer(port);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.match(response.headers.get("mcp-session-id") ?? "", /^[0-9A-Za-z]{100,}$/);
    } finally {
      child.kill("SIGTERM");
      const { code, stderr } = await output;
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    }
  });
  await upstream.shutdown();
});

/** Answer to an initialize, asked for until somebody listens. */
async function firstAnswer(port: number): Promise<Response> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", "accept": "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
    }),
  };
  for (let left = 1000;; left--) {
    try {
      return await fetch(`http://127.0.0.1:${port}/mcp`, init);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The real runtime where one is named, else the running Deno in its place. */
const standIn = Deno.env.get("DENORT_BIN") ?? Deno.execPath();
const canCompile = Deno.build.os === "linux" && thisTarget !== undefined;
if (!canCompile) console.error(`!! compile steps IGNORED: no stand-in for the runtime on ${Deno.build.target}`);

Deno.test({
  name: "compileByDeno builds and checks the executable of this machine",
  ignore: !canCompile,
  ...STRICT,
  fn: async () => {
    await using out = await TempFolder.create();
    assert.ok(thisTarget !== undefined);
    const path = await compileByDeno(thisTarget, { root, out: out.path, env: { DENORT_BIN: standIn } });
    const { size, mode } = await Deno.stat(path);
    assert.ok(((mode ?? 0) & 0o111) !== 0, "the result is not executable");
    assert.ok(size > (await Deno.stat(standIn)).size, "the result holds nothing beside the runtime");
  },
});
