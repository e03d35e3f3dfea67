import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { helpOf } from "../../../scripts/options.ts";

Deno.test("a script's help is what it begins with", () => {
  assert.equal(
    helpOf("// `deno task x`: does it.\n//   --y  how\nimport 1;\n// no more\n"),
    "`deno task x`: does it.\n  --y  how",
  );
});

for (const name of ["bench", "bench_path", "chaos", "conformance", "demo", "soak"]) {
  Deno.test(`scripts/${name}.ts helps, and says what it does not know`, async () => {
    const script = fileURLToPath(new URL(`../../../scripts/${name}.ts`, import.meta.url));
    const run = (flag: string) =>
      runBounded(Deno.execPath(), {
        what: `${name} ${flag}`,
        deadlineMs: 60_000,
        args: ["run", "-A", "--lock=tests/deno.lock", "--frozen", script, flag],
        cwd: fileURLToPath(new URL("../../../", import.meta.url)),
      });
    const help = await run("--help");
    assert.deepEqual([help.code, /deno task/.test(help.stdout)], [0, true], help.stderr);
    const unknown = await run("--no-such");
    assert.deepEqual(
      [unknown.code, /Unknown option '--no-such'[\s\S]*deno task/.test(unknown.stderr)],
      [2, true],
      unknown.stderr,
    );
  });
}
