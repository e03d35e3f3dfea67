import assert from "node:assert/strict";
import { runBounded } from "../../../scripts/bounded_child.ts";
import { STRICT } from "../../support/strict.ts";

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
