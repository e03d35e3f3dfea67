import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { STRICT } from "../../support/strict.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const OPTIONS = { ...STRICT, ignore: Deno.build.os === "windows" };
const sh = (script: string) => ({ args: ["-c", script] });

Deno.test("runBounded answers what a child said, and its exit code", OPTIONS, async () => {
  const output = await runBounded("sh", {
    what: "sh",
    deadlineMs: 20_000,
    stdin: "in",
    ...sh("cat; echo err >&2; exit 3"),
  });
  assert.deepEqual(output, { code: 3, stdout: "in", stderr: "err\n" });
});

Deno.test(
  "runBounded ends a child that hangs, with what it had said, whoever else holds its pipes",
  OPTIONS,
  async () => {
    const hanging = runBounded("sh", { what: "the hanging one", deadlineMs: 200, ...sh("echo begun; sleep 3 & wait") });
    await assert.rejects(
      hanging,
      /running the hanging one: it did not end within 0.2 s and was ended; it had said\nbegun/,
    );
  },
);

Deno.test("runBounded starts one that hung once more where that is allowed", OPTIONS, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const script = `if [ -e ${folder}/again ]; then echo done; else touch ${folder}/again; exec sleep 30; fi`;
    const { stdout } = await runBounded("sh", { what: "sh", deadlineMs: 500, retries: 1, ...sh(script) });
    assert.equal(stdout, "done\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Where children are started without runBounded: each has its own deadline, or is started by a fixture. */
const STARTERS: ReadonlyMap<string, RegExp> = new Map([
  ["tests/support/mcp_process.ts", /endOverdue/],
  ["tests/unit/http1/tls_support.ts", /overdue\.abort/],
  ["tests/fixtures/stdio_server.ts", /detached/],
]);

Deno.test("every file of a test that starts a child gives it a deadline", STRICT, async () => {
  const unbounded: string[] = [];
  for await (const path of sourcesIn("tests")) {
    const text = await Deno.readTextFile(`${ROOT}${path}`);
    const started = text.split("new Deno.Command(").length - 1;
    if (started === 0) continue;
    const rule = STARTERS.get(path) ?? /endOverdue\(\w+, /g;
    if ((text.match(rule)?.length ?? 0) === 0) unbounded.push(path);
  }
  assert.deepEqual(unbounded, [], "use runBounded (scripts/bounded_child.ts) or endOverdue (tests/support/overdue.ts)");
});

async function* sourcesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    if (isDirectory) yield* sourcesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts") && import.meta.filename !== `${ROOT}${folder}/${name}`) yield `${folder}/${name}`;
  }
}
